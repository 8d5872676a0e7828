"""The command `tfr-index` for files at URLs does what it does for local files."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import contextlib
import gzip
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tfr_index
from environment import TESTS
from object_server import s3
from tfr_index import Dataset, Manifest
from tfr_index._command.arguments import OPTIONS
from tfrecords import tfrecord

PROGRAM = Path(sys.executable).with_name("tfr-index")
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="the program needs a newer Rust")
EXAMPLES = (TESTS / "data/examples.tfrecord").read_bytes()
TEXT = [f"line {number}\n".encode() for number in range(5)]
FILES = {
    "set/a.tfrecord": EXAMPLES,
    "set/cut.tfrecord": EXAMPLES[:5000],
    "set/damaged.tfrecord": EXAMPLES[:3000] + b"overwritten" + EXAMPLES[3011:],
    "set/e.tfrecord": EXAMPLES,
    "set/no.zip": b"PK\3\4" + b"x" * 600,
    "set/text.tfrecord": tfrecord(TEXT),
    "set/z.tfrecord": gzip.compress(EXAMPLES),
    "set/empty.tfrecord": b"",
    "set/events.out.tfevents.1": EXAMPLES,
    "sets/t-00000-of-00002.tfrecord": EXAMPLES,
    "sets/t-00001-of-00002.tfrecord": EXAMPLES,
}
#: Each of them, but for the compressed one, whose seek file is not written to a store.
ALL = "set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord set/no.zip set/text.tfrecord"


class Place:
    """The same files in a directory and in a bucket."""

    def __init__(self, directory, server):
        self.directory, self.server = directory, server
        for name, content in FILES.items():
            self.put(name, content)

    def put(self, name, content):
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.server.objects[f"/b/{name}"] = content

    def remove(self, name):
        (self.directory / name).unlink()
        del self.server.objects[f"/b/{name}"]

    def start(self, *arguments, program=PROGRAM, **variables):
        """Starts the program as a shell does: with no signals that Python ignores."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [program, *arguments],
            cwd=self.directory,
            env=os.environ | variables,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )

    def run(self, *arguments, stdin=b"", **more):
        """The exit status, and what is printed."""
        with self.start(*arguments, **more) as child:
            stdout, stderr = child.communicate(stdin)
        assert b"Traceback" not in stderr
        return child.returncode, stdout.decode(errors="replace"), stderr.decode()

    def at_urls(self, *arguments, stdin=b"", base="s3://b/", **more):
        """The same for the files at URLs, whose bases are left out of what is printed."""
        there = (re.sub("^sets?/", lambda found: base + found[0], one) for one in arguments)
        stdin = re.sub(rb"(?m)^sets?/", lambda found: base.encode() + found[0], stdin)
        done = self.run(*there, stdin=stdin, **more)
        return tuple(one.replace(base, "") if isinstance(one, str) else one for one in done)


@pytest.fixture
def place(monkeypatch, tmp_path):
    with s3(monkeypatch) as server:
        yield Place(tmp_path, server)


@pytest.fixture
def indexed(place):
    """The same, with indexes, some of which do not fit."""
    for name in "set/a.tfrecord", "set/damaged.tfrecord", "set/e.tfrecord", "set/text.tfrecord":
        how = {"checksums": "full", "salvage": True, "on_skipped": lambda _skipped: None}
        index = tfr_index.scan(place.directory / name, **how)
        place.put(f"{name}.idx", index.to_text().encode())
    index = tfr_index.scan(place.directory / "set/a.tfrecord")
    place.put("set/first.idx", index[:7].to_text().encode())
    place.put("set/shuffled.idx", index.shuffle(1).to_text().encode())
    place.put("set/cut.tfrecord.idx", index.to_text().encode())
    place.put("set/no.idx", b"no index")
    Manifest.build([place.directory / f"set/{x}.tfrecord" for x in "ae"]).write(
        place.directory / "set/ae.manifest.json"
    )
    Manifest.build([f"s3://b/set/{x}.tfrecord" for x in "ae"]).write("s3://b/set/ae.manifest.json")
    return place


@pytest.mark.parametrize(
    "line",
    [
        f"create {ALL}",
        f"create --json {ALL}",
        f"create -q {ALL}",
        f"-q create {ALL} set/a.tfrecord",
        f"create --dry-run {ALL}",
        f"create --dry-run --json {ALL}",
        f"create -j1 --salvage {ALL}",
        f"create -j1 --salvage --json --checksums=full {ALL}",
        "create -j2 set/a.tfrecord -t 1 -- set/e.tfrecord",
        "create --shard 1/2 set/a.tfrecord set/e.tfrecord",
        "create --growing set/cut.tfrecord",
        "create --sync set/empty.tfrecord",
        "create set/a.tfrecord -o -",
        "create set/cut.tfrecord -o -",
        "create set/a.tfrecord -o out.idx",
        "create set/a.tfrecord set/e.tfrecord -o out",
        "create set/a.tfrecord sets/t@2.tfrecord -o out/",
        "create set/events.out.tfevents.1 set/a.tfrecord",
        "create set/events.out.tfevents.1 -o out.idx",
        "create --checksums none set/a.tfrecord --salvage",
        f"ls {ALL}",
        f"ls --json {ALL}",
        f"check {ALL}",
        f"check --json {ALL}",
        "cat set/a.tfrecord 5",
        "cat set/a.tfrecord 90- 3-4 --frames",
        "cat set/a.tfrecord 100",
        "cat set/text.tfrecord 1-",
        f"cat {ALL} set/z.tfrecord",
        "cat set/damaged.tfrecord --salvage",
        "cat set/damaged.tfrecord --salvage --checksums full",
        "cat set/damaged.tfrecord --checksums none -o -",
        "cat set/a.tfrecord set/a.tfrecord",
        "cat set/empty.tfrecord",
        "manifest set/a.tfrecord set/z.tfrecord -o set/new.manifest.json",
        "manifest sets/t@2.tfrecord --json -o new.json",
        "manifest set/cut.tfrecord -o set/new.json",
        "manifest --refresh -o set/new.json",
        "report set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord -o out.html",
        "report set/a.tfrecord set/z.tfrecord -o out.html --max-bytes 1KiB -n 5 --no-values",
    ],
)
def test_output_and_exit_status_are_those_of_local_files(place, line):
    arguments = shlex.split(line)
    right = place.run(*arguments)
    shutil.rmtree(place.directory / "out", ignore_errors=True)
    for file in place.directory.glob("*.*"):
        file.unlink()
    assert place.at_urls(*arguments) == right


@pytest.mark.parametrize(
    "line",
    [
        "ls set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord set/e.tfrecord set/z.tfrecord",
        "ls --json set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord set/z.tfrecord",
        "ls -q set/a.tfrecord",
        "ls set/a.tfrecord.idx set/shuffled.idx",
        "check set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord set/e.tfrecord",
        "check --json set/a.tfrecord set/cut.tfrecord set/damaged.tfrecord set/z.tfrecord",
        "check set/a.tfrecord",
        "check -q set/a.tfrecord set/cut.tfrecord",
        "check --json set/cut.tfrecord",
        "check --level full set/a.tfrecord set/damaged.tfrecord",
        "check set/a.tfrecord set/shuffled.idx",
        "check set/a.tfrecord set/first.idx",
        "check --allow-partial set/a.tfrecord set/first.idx",
        "check set/a.tfrecord set/no.idx",
        "check set/text.tfrecord set/a.tfrecord -i set/a.tfrecord.idx set/text.tfrecord.idx",
        "check set/a.tfrecord -i -",
        "cat set/a.tfrecord -i set/shuffled.idx --frames",
        "cat set/a.tfrecord -i set/first.idx 2",
        "cat set/a.tfrecord -i -",
        "cat set/a.tfrecord -i set/text.tfrecord.idx",
        "create -u set/a.tfrecord set/e.tfrecord",
        "create -u set/a.tfrecord",
        "create set/ae.manifest.json",
        "check set/ae.manifest.json",
        "check set/ae.manifest.json --json",
        "ls set/ae.manifest.json",
        "ls set/ae.manifest.json --json",
        "cat set/ae.manifest.json --frames",
        "manifest set/ae.manifest.json -o new.json",
        "manifest --refresh -o set/ae.manifest.json",
        "manifest --refresh --json -o set/ae.manifest.json set/a.tfrecord set/z.tfrecord",
        "manifest set/a.tfrecord -o set/a.tfrecord.json",
    ],
)
def test_the_same_with_indexes_and_manifests(indexed, line):
    stdin = (indexed.directory / "set/a.tfrecord.idx").read_bytes()
    arguments = shlex.split(line)
    right = indexed.run(*arguments, stdin=stdin)
    for file in indexed.directory.glob("*.*"):
        file.unlink()
    assert indexed.at_urls(*arguments, stdin=stdin) == right


def test_a_report_names_each_file_that_fails(place):
    line = "report", "set/a.tfrecord", "set/none.tfrecord", "-q", "-o", "out.html"
    for run in place.run, place.at_urls:
        status, stdout, stderr = run(*line)
        assert (status, stdout) == (1, "")
        (error,) = stderr.splitlines()
        assert error.startswith("error: set/none.tfrecord: ")


def test_a_report_has_the_same_facts(indexed):
    files = "set/a.tfrecord", "set/damaged.tfrecord", "set/e.tfrecord", "set/z.tfrecord"
    line = ["report", *files, "--json", "--seed", "3", "--sample", "20"]
    facts = []
    for run in indexed.run, indexed.at_urls:
        status, stdout, stderr = run(*line)
        assert (status, stderr) == (3, "")
        facts.append(json.loads(stdout))
        del facts[-1]["snippets"]
    assert facts[0] == facts[1] and facts[0]["total"]["records"] == 399


def test_an_index_that_does_not_fit_is_left_aside(indexed):
    status, stdout, stderr = indexed.at_urls("cat", "set/cut.tfrecord")
    right = indexed.run("cat", "set/cut.tfrecord")
    assert (status, stdout) == right[:2]
    warning, error = stderr.splitlines()
    assert warning.startswith("warning: set/cut.tfrecord.idx: record 7 at byte 4870: the index has")
    assert right[2].startswith(error)


def test_files_of_manifests_that_have_changed(indexed):
    indexed.put("set/e.tfrecord", FILES["set/text.tfrecord"])
    for line in "check", "check --json", "ls", "ls --json":
        arguments = [*line.split(), "set/ae.manifest.json"]
        assert indexed.at_urls(*arguments) == indexed.run(*arguments)
    indexed.put("set/e.tfrecord", EXAMPLES[:-1] + b"?")
    (status, stdout, stderr) = indexed.at_urls("check", "set/ae.manifest.json")
    assert (status, stdout.splitlines()[1]) == (1, "set/e.tfrecord: changed")
    assert "was replaced after ae.manifest.json was written" in stderr
    indexed.remove("set/e.tfrecord")
    for line in "check", "ls", "ls --json":
        arguments = [*line.split(), "set/ae.manifest.json"]
        (status, stdout, stderr), right = indexed.at_urls(*arguments), indexed.run(*arguments)
        assert (status, stdout) == right[:2]
        assert "no such file" in stderr or line != "check"
        assert "ae.manifest.json lists this shard" in stderr or line != "check"


def test_indexes_that_are_missing(place):
    for line in (
        "check set/a.tfrecord set/none.idx",
        "check set/a.tfrecord --json -i set/none.idx",
        "check set/a.tfrecord -i sets/",
        "ls set/a.tfrecord -i sets/",
        "cat set/a.tfrecord -i set/none.idx",
        "cat set/a.tfrecord -i sets/",
    ):
        (status, stdout, stderr), right = place.at_urls(*line.split()), place.run(*line.split())
        if "--json" in line:
            stdout, right = json.loads(stdout)["state"], (right[0], json.loads(right[1])["state"])
        assert (status, stdout) == right[:2]
        assert re.search("there is no such file|has no index", stderr) or "ls" in line, stderr


def test_sets_and_patterns_and_lists(place):
    for line in (
        "ls sets/t@2.tfrecord",
        "ls sets/t-*.tfrecord",
        "ls sets/t-0000{0,1}-of-00002.tfrecord",
        "ls --files-from -",
        "check --files-from - -0",
        "create sets/ --pattern *.tfrecord --dry-run",
        "create sets/ --failed failed.txt",
    ):
        end = b"\0" if "-0" in line else b"\r\n"
        stdin = b"".join(name.encode() + end for name in ("sets/t@2.tfrecord", "set/a.tfrecord"))
        arguments = line.split()
        if "-0" in line:
            urls = stdin.replace(b"set", b"s3://b/set")
            done = place.run(*arguments, stdin=urls)
            assert done[1].replace("s3://b/", "") == place.run(*arguments, stdin=stdin)[1]
        else:
            assert place.at_urls(*arguments, stdin=stdin) == place.run(*arguments, stdin=stdin)
    place.remove("sets/t-00001-of-00002.tfrecord")
    for line in "ls sets/t-*.tfrecord", "check sets/t-*.tfrecord", "ls --allow-missing sets/t-*d":
        (status, stdout, stderr), right = place.at_urls(*line.split()), place.run(*line.split())
        assert (status, stdout) == right[:2]
        assert "1 of the 2 files of its set is missing" in stderr


def test_the_list_of_failures_can_be_read_again(place):
    assert place.at_urls("create", "--failed", "bad", *ALL.split())[0] == 1
    bad = (place.directory / "bad").read_text()
    assert bad == "s3://b/set/cut.tfrecord\ns3://b/set/no.zip\n"
    place.put("set/cut.tfrecord", EXAMPLES)
    assert place.run("create", "--files-from", "bad", "--failed", "worse")[0] == 1
    assert (place.directory / "worse").read_text() == "s3://b/set/no.zip\n"


def test_records_are_written_to_a_new_file_or_not_at_all(indexed):
    for line in (
        "cat set/a.tfrecord 0-9 --frames -o out",
        "cat set/a.tfrecord set/cut.tfrecord -o out2",
        "cat set/a.tfrecord -o out",
    ):
        right = indexed.run(*line.split())
        written = {path.name: path.read_bytes() for path in indexed.directory.glob("out*")}
        if right[0] == 0:
            (indexed.directory / "out").unlink()
        status, stdout, stderr = indexed.at_urls(*line.split())
        assert (status, stdout) == right[:2]
        assert (stderr == "") == (right[2] == "")
        found = [path for path in indexed.directory.iterdir() if path.is_file()]
        assert {path.name: path.read_bytes() for path in found} == written
        mode = (indexed.directory / "out").stat().st_mode
        assert mode == (indexed.directory / "set/a.tfrecord").stat().st_mode


def test_what_is_created_is_read_by_all_others(place):
    assert place.run("create", "-q", "s3://b/sets/t@2.tfrecord") == (0, "", "")
    manifest = "s3://b/sets/t.manifest.json"
    assert place.run("manifest", "-q", "s3://b/sets/t@2.tfrecord", "-o", manifest) == (0, "", "")
    assert Manifest.read(manifest).total_records == 200
    assert all(row.index_path == f"{row.path}.idx" for row in Manifest.read(manifest))
    for paths in manifest, "s3://b/sets/":
        assert len(Dataset(paths)) == 200
    status, stdout, stderr = place.run("check", manifest)
    assert (status, stdout.splitlines()[-1], stderr) == (0, "2 files: 2 ok", "")
    # A copy that was downloaded, of which the manifest names the files beside it.
    for name in "t-00000-of-00002.tfrecord", "t-00001-of-00002.tfrecord":
        index = place.server.objects[f"/b/sets/{name}.idx"]
        (place.directory / f"sets/{name}.idx").write_bytes(index)
    assert place.run("check", "sets/t@2.tfrecord")[0] == 0
    # A manifest on this machine that lists URLs.
    assert place.run("manifest", "s3://b/sets/t@2.tfrecord", "-o", "t.manifest.json")[0] == 0
    assert (place.directory / "t.manifest.json").read_text().count("s3://b/sets") == 1
    for command in "check", "ls", "cat", "create":
        assert place.run(command, "t.manifest.json")[0] == 0
        assert place.run(command, "--files-from", "-", stdin=b"t.manifest.json\n")[0] == 0
    status, stdout, _ = place.run("manifest", "--refresh", "-o", "t.manifest.json")
    assert (status, stdout) == (0, "t.manifest.json: 200 records in 2 shards, up to date\n")


def test_indexes_in_other_directories(place):
    for out in "here", "s3://b/there/":
        created = place.run(
            "create", "s3://b/set/a.tfrecord", "s3://b/sets/t@2.tfrecord", "-o", out
        )
        assert created[0] == 0 and "3 created" in created[1]
        for again in ["-u"], []:
            line = [
                "create",
                *again,
                "s3://b/set/a.tfrecord",
                "s3://b/sets/t@2.tfrecord",
                "-o",
                out,
            ]
            status, stdout, _ = place.run(*line)
            assert (status, "3 up to date" in stdout) == (0, bool(again))
        for command in "check", "ls", "cat":
            line = [command, "s3://b/set/a.tfrecord", "s3://b/sets/t@2.tfrecord", "-i", out]
            assert place.run(*line)[0] == 0
    line = ["manifest", "s3://b/set/a.tfrecord", "s3://b/sets/t@2.tfrecord", "-o", "m.json", "-i"]
    assert place.run(*line, "s3://b/there/")[1] == "m.json: 300 records in 3 shards\n"
    assert Manifest.read(place.directory / "m.json")[0].index_path.startswith("s3://b/there/set/")
    assert place.run(*line, "here")[0] == 2
    assert (place.directory / "here/set/a.tfrecord.idx").read_bytes() == place.server.objects[
        "/b/there/set/a.tfrecord.idx"
    ]


def test_web_servers(place):
    base = f"{place.server.url}/b/"
    for line in (
        "create set/a.tfrecord -o a.idx",
        "create set/a.tfrecord",
        "check set/a.tfrecord",
        "ls set/a.tfrecord set/cut.tfrecord",
        "cat set/a.tfrecord 7",
        "manifest set/a.tfrecord set/e.tfrecord -o m.json",
    ):
        assert place.at_urls(*line.split(), base=base) == place.run(*line.split())
    assert place.run("ls", base)[0] == 1
    assert "a web server lists no files: give the URLs of all files" in place.run("ls", base)[2]


@pytest.mark.parametrize("command", OPTIONS)
def test_each_option_is_known(command):
    help_text = subprocess.run([PROGRAM, command, "--help"], capture_output=True, text=True).stdout
    flags = set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", help_text, re.MULTILINE)) - {"--help"}
    known = {flag for flags in OPTIONS[command] for flag in flags.split() if flag[1] == "-"}
    assert known == flags
    short = set(re.findall(r"^ +(-\w), --", help_text, re.MULTILINE)) - {"-h"}
    known = {flag for flags in OPTIONS[command] for flag in flags.split() if flag[1] != "-"}
    assert known == short


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("create --append s3://b/set/a.tfrecord", "--append cannot be used with URLs: .* --update"),
        ("create --allow-empty s3://b/set/a.tfrecord", "--allow-empty cannot be used with URLs"),
        (
            "cat --json s3://b/set/a.tfrecord",
            "--json cannot be used with URLs: .* --frames -o FILE",
        ),
        ("manifest s3://b/set/ --split x -o m.json", "--split cannot .* copy the files"),
        ("manifest s3://b/set/ --tfds x -o m.json", "--tfds cannot .* copy the files"),
        ("create s3://b/set/a.tfrecord set/e.tfrecord", "set/e.tfrecord is a local file, and"),
        ("create set/e.tfrecord -o s3://b/x.idx", "set/e.tfrecord is a local file, and"),
        ("manifest set/e.tfrecord -o s3://b/x.json", "set/e.tfrecord is a local file, and"),
        ("ls ftp://host/x", "ftp://host/x: this kind of URL cannot be read: use s3://"),
        ("ls file:///x", "file:///x: is the URL of a local file: give its path"),
        ("ls s3://b/x.idx s3://b/x", "a command for each"),
        ("create s3://b/set/a.tfrecord s3://b/set/e.tfrecord -o -", "need a directory, but - is"),
        ("cat s3://b/x s3://b/y 5", "record numbers need a single FILE, not 2"),
        ("cat s3://b/x -i a b", "--index needs one index for each FILE: 1, not 2"),
        ("report s3://b/x -o s3://b/x.html", "s3://b/x.html: is a URL: write the page to a local"),
        ("report s3://b/x -o x.html -i here", "here: the indexes must be at URLs"),
        ("reshard s3://b/x -o x --shards 2", "the command reads local files; copy the file"),
        ("show s3://b/x", "the command reads local files; copy the file"),
    ],
)
def test_what_urls_do_not_have(place, line, words):
    status, stdout, stderr = place.run(*line.split())
    assert (status, stdout) == (2, "")
    assert re.match(f"error: .*{words}", stderr) and stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["create", "check", "ls", "cat", "manifest -o m.json"])
@pytest.mark.parametrize(
    ("fault", "words"),
    [(404, "there is no such file"), (403, "the credentials do not allow this")],
)
def test_errors_of_servers(place, command, fault, words):
    place.server.fault = lambda _request: fault
    status, _, stderr = place.run(*command.split(), "s3://b/set/a.tfrecord")
    assert status == 1
    assert stderr.startswith(f"error: s3://b/set/a.tfrecord: {words}") and stderr.count("\n") == 1
    assert "Debug source" not in stderr


def test_no_credentials(place):
    place.server.fault = lambda _request: 403
    variables = {"AWS_SKIP_SIGNATURE": "false", "AWS_METADATA_ENDPOINT": place.server.url}
    status, _, stderr = place.run("ls", "s3://b/set/a.tfrecord", **variables)
    assert status == 1 and stderr.count("\n") == 1
    words = "there are no valid credentials: set them as for the cloud's own tools ("
    assert stderr.startswith(f"error: s3://b/set/a.tfrecord: {words}")


def test_an_object_that_is_no_index_or_manifest_is_not_replaced(place):
    status, _, stderr = place.run(
        "manifest", "s3://b/set/a.tfrecord", "-o", "s3://b/set/e.tfrecord"
    )
    assert (status, place.server.objects["/b/set/e.tfrecord"]) == (1, EXAMPLES), stderr


@pytest.mark.parametrize("command", ["cat {}", "check --json {}", "create -o - {}"])
def test_a_pipe_whose_reader_has_ended_is_no_error(indexed, command):
    line = command.format("s3://b/set/a.tfrecord").split()
    with indexed.start(*line) as child:
        child.stdout.close()
        assert (child.stderr.read(), child.wait()) == (b"", 0)


def test_output_that_cannot_be_written_is_an_error(indexed):
    for end, words in (">/dev/full", "No space left on device"), (">&-", "Bad file descriptor"):
        script = f'"$0" ls s3://b/set/a.tfrecord {end}'
        done = subprocess.run(["sh", "-c", script, PROGRAM], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("error: cannot write to standard output: " + words)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("create s3://b/set/a.tfrecord", "s3://b/set/a.tfrecord: interrupted"),
        ("create s3://b/set/a.tfrecord s3://b/set/e.tfrecord", "0 of 2 files are done; .*--update"),
        ("cat s3://b/set/a.tfrecord -o out", "interrupted, nothing was written"),
        ("manifest s3://b/set/a.tfrecord -o s3://b/m.json", "s3://b/m.json: interrupted"),
        ("check s3://b/set/a.tfrecord", ""),
    ],
)
def test_signals_end_the_command(indexed, tmp_path, number, line, words):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    begun, ended = threading.Event(), threading.Event()

    def fault(_request):
        begun.set()
        ended.wait()

    indexed.server.fault = fault
    with indexed.start(*line.split(), TMPDIR=str(temporary)) as child:
        begun.wait()
        child.send_signal(number)
        stderr = child.stderr.read().decode()
    ended.set()
    assert child.returncode == -number
    assert re.fullmatch(f"error: .*{words}\n" if words else "", stderr)
    assert list(temporary.iterdir()) == []
    names = {path.name for path in indexed.directory.iterdir()}
    assert names <= {"set", "sets", "tmp", "examples"}


def test_modules_in_the_working_directory_are_not_imported(place):
    for name in "obstore.py", "tfr_index.py", "json.py":
        (place.directory / name).write_text("raise SystemExit('imported')")
    assert (
        place.run("ls", "s3://b/set/text.tfrecord")[1:]
        == place.run("ls", "s3://b/set/text.tfrecord")[1:]
    )
    assert "imported" not in place.run("ls", "s3://b/set/text.tfrecord")[2]


def test_a_local_file_that_is_named_like_a_url_is_meant(place):
    (place.directory / "s3:/b").mkdir(parents=True)
    (place.directory / "s3:/b/x").write_bytes(FILES["set/text.tfrecord"])
    assert place.run("cat", "s3://b/x") == (0, b"".join(TEXT).decode(), "")
    assert place.server.requests == []


@pytest.fixture
def alone(tmp_path):
    """The program in a directory without Python."""
    directory = tmp_path / "alone"
    directory.mkdir()
    return Path(shutil.copy(PROGRAM, directory))


def test_without_python_the_program_says_what_to_install(place, alone):
    done = place.run("ls", "s3://b/x", program=alone, PATH="")
    assert done[:2] == (2, "")
    assert done[2].startswith("error: s3://b/x: this is a URL, and the command reads local files; ")
    assert 'pip install "tfr-index[remote]"' in done[2]


def test_without_obstore_the_program_says_what_to_install(place, alone):
    os.symlink(os.path.realpath(sys.executable), alone.with_name("python3"))
    status, stdout, stderr = place.run("ls", "s3://b/x", program=alone, PYTHONPATH="")
    assert (status, stdout) == (2, "")
    assert 'pip install "tfr-index[remote]" (' in stderr and "No module named 'obstore'" in stderr


def test_the_python_beside_the_program_is_used_also_through_links(place, alone):
    link = alone.with_name("link")
    link.symlink_to(PROGRAM)  # as pipx and uv make them
    line = "ls", "s3://b/set/text.tfrecord"
    assert place.run(*line, program=link, PATH="") == place.run(*line)
    # Without one beside it, the Python of the path that has the package.
    with contextlib.suppress(FileNotFoundError):
        alone.with_name("python3").unlink()
    path = str(Path(sys.executable).parent)
    assert place.run(*line, program=alone, PATH=path) == place.run(*line)


def test_the_command_can_be_run_by_python(place):
    line = "-m", "tfr_index", "ls", "--json", "s3://b/set/text.tfrecord"
    status, stdout, stderr = place.run(*line, program=sys.executable)
    assert (status, stderr, json.loads(stdout)["state"]) == (1, "", "no_index")
