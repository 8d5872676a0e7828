"""examples/random_access.* and features.*: built and run as their first comments say, they all
print the same. examples/clusters/slurm.sh, as Slurm runs it; other tests have the engines."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tfrecords import CHECKSUMS, walk

ROOT = Path(__file__).resolve().parents[2]
DATA = "tests/data/examples.tfrecord"
BYTES = (ROOT / DATA).read_bytes()
FRAMES = walk(BYTES)
LIB = ROOT / "target/usr/lib"
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # pkg-config is beside Python
    "PKG_CONFIG_PATH": str(LIB / "pkgconfig"),
    "LD_LIBRARY_PATH": str(LIB),
    "CARGO_TARGET_DIR": str(ROOT / "target"),
}


def shell(line):
    return subprocess.run(
        ["bash", "-c", line],
        cwd=ROOT,
        env=ENVIRONMENT,
        text=True,
        capture_output=True,
        check=False,
    )


def good(*records):
    """The expected output for the records."""
    lines = [f"{len(FRAMES)} records\n"]
    for record in records:
        offset, size = FRAMES[record]
        begin = BYTES[offset + 12 : offset + size - 4][:8].hex()
        lines.append(f"record {record}: {size - 16} bytes {begin}\n")
    return "".join(lines)


def lines(source):
    """The commands in the first comment of an example: the last one runs it."""
    text = (ROOT / "examples" / source).read_text()
    return re.findall(r"^\W*((?:make|cc|c\+\+|cargo|python3|target/\S+) .*)$", text, re.M)


def run_each(commands):
    """Runs commands, and returns the last one's result."""
    for line in commands:
        done = shell(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module", params=["c", "cpp", "py", "rs"])
def program(request):
    """Runs a built example on a file and record numbers."""
    commands = lines(f"random_access.{request.param}")
    assert run_each(commands).stdout == good(42, 7)
    command = commands[-1].removesuffix(f"{DATA} 42 7")
    return lambda *arguments: shell(" ".join([command, *map(str, arguments)]))


def test_good_records(program):
    done = program(DATA)
    assert (done.returncode, done.stdout, done.stderr) == (0, good(), "")
    everything = range(len(FRAMES))
    done = program(DATA, *everything)
    assert (done.returncode, done.stdout, done.stderr) == (0, good(*everything), "")


def test_a_record_that_is_not_there(program):
    done = program(DATA, 7, 100, 42)
    said = f"{DATA}: record 100: out of range, the index has 100 records\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, good(7), said)


def test_damage(program, tmp_path):
    damaged = tmp_path / "damaged.tfrecord"
    offset, size = FRAMES[42]
    data = bytearray(BYTES)
    data[offset + 20] ^= 1
    damaged.write_bytes(data)
    stored = int.from_bytes(data[offset + size - 4 : offset + size], "little")
    computed = CHECKSUMS["crc32c"](bytes(data[offset + 12 : offset + size - 4]))
    done = program(damaged, 7, 42, 8)
    crcs = f"stored {stored:#010x}, computed {computed:#010x}"
    said = f"{damaged}: record 42 at byte {offset}: payload CRC mismatch ({crcs}): "
    said += "the payload is damaged; copy the file again\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, good(7), said)

    data[offset + 1] ^= 1
    damaged.write_bytes(data)
    done = program(damaged, 7)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{damaged}: record 42 at byte {offset}: length CRC mismatch")
    assert done.stderr.count("\n") == 1


def test_no_file_and_no_argument(program):
    done = program("none.tfrecord")
    said = "none.tfrecord: cannot open: No such file or directory (os error 2)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    done = program()
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("usage: ")


def test_the_quick_start():
    done = subprocess.run(
        [sys.executable, ROOT / "examples/quickstart.py"],
        text=True,
        capture_output=True,
        check=True,
    )
    first, second, *records = done.stdout.splitlines()
    assert first == f"examples.tfrecord: {len(BYTES)} bytes, {len(FRAMES)} records indexed"
    lines = ["{} {}".format(*frame) for frame in FRAMES[:3]]
    assert second == f"the index begins with {lines}"
    for line in records:
        record, size = map(int, re.findall(r"\d+", line)[:2])
        assert size == FRAMES[record][1] - 16
    assert len(records) == 5


FEATURES = """\
record 2: label 9, weight 1.0
box 4.5 5.5, 2 words: few words
record 0: label 7, weight 1.0
box 0.5 1.5, 1 words: a
sum of the labels: 16
record 0 lacks feature size
"""


@pytest.fixture(scope="module")
def features_file(tmp_path_factory):
    """What examples/features.py writes, and reads again."""
    file = tmp_path_factory.mktemp("features") / "x.tfrecord"
    command = [sys.executable, ROOT / "examples/features.py", file]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (FEATURES, "")
    return file


@pytest.mark.parametrize("language", ["py", "c", "cpp", "rs"])
def test_features(features_file, language):
    """The other languages read the file that Python wrote."""
    commands = lines(f"features.{language}")
    command = commands[-1].removesuffix("target/features.tfrecord")
    assert command != commands[-1]
    done = run_each([*commands[:-1], f"{command} {features_file}"])
    assert (done.stdout, done.stderr) == (FEATURES, "")
    if language != "py":
        done = shell(f"{command} none.tfrecord")
        said = "none.tfrecord: cannot open: No such file or directory (os error 2)\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    done = shell(command)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("usage: ")


def test_the_tasks_of_a_slurm_array(tmp_path):
    files = [tmp_path / f"{number}.tfrecord" for number in range(5)]
    for file in files:
        file.write_bytes(BYTES)
    (tmp_path / "list").write_text("".join(f"{file}\n" for file in files))
    task = ["bash", ROOT / "examples/clusters/slurm.sh", tmp_path / "list"]
    for number in (2, 0, 1, 1):
        variables = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": "3"}
        done = subprocess.run(task, capture_output=True, env=ENVIRONMENT | variables, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert all(file.with_name(f"{file.name}.idx").exists() for file in files)
