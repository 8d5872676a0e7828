"""Other processes: forks, workers, limits, and a library that does not belong to the package."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import errno
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tfr_index
from tfrecords import tfrecord


def run(script: str, *arguments: object, **options: object) -> tuple[int, str, str]:
    """Runs a script in another Python process; returns the exit code and the output."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord([b"x" * 100]) * 50_000)
    return path


FORKED = """
import os, sys, threading
import tfr_index

path = sys.argv[1]
before = tfr_index.scan(path)
stop = threading.Event()

def scan():
    while not stop.is_set():
        assert tfr_index.scan(path, threads=2) == before

scanners = [threading.Thread(target=scan) for _ in range(2)]
for scanner in scanners:
    scanner.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        assert before[42] == (42 * 116, 116)
        assert tfr_index.scan(path, threads=3) == before
        assert tfr_index.create_index(path) == len(before)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
stop.set()
for scanner in scanners:
    scanner.join()
print("done")
"""


def test_a_fork_amid_scans_works_on(data):
    assert run(FORKED, data) == (0, "done\n", "")
    assert sorted(os.listdir(data.parent)) == [data.name, f"{data.name}.idx"]


WORKERS = """
import multiprocessing, sys
import tfr_index

INDEX = tfr_index.scan(sys.argv[2])  # once if processes are forked; again in each if spawned

def look_up(index, record):
    assert index == INDEX
    return index[record]

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        calls = [(INDEX, record) for record in range(0, len(INDEX), 9973)]
        assert pool.starmap(look_up, calls) == [INDEX[record] for _, record in calls]
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_use_an_index_made_before(data, tmp_path, method):
    script = tmp_path / "workers.py"
    script.write_text(WORKERS)
    command = [sys.executable, script, method, data]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


READERS = """
import os, sys, threading
import tfr_index

reader = tfr_index.Reader(sys.argv[1])
expected = list(reader)
stop = threading.Event()

def read():
    while not stop.is_set():
        assert reader.read_many(range(0, len(reader), 7)) == expected[::7]

threads = [threading.Thread(target=read) for _ in range(2)]
for thread in threads:
    thread.start()
amid = iter(reader)
assert [next(amid) for _ in range(5)] == expected[:5]  # the next ones are being read
for _ in range(20):
    child = os.fork()
    if child == 0:
        assert list(amid) == expected[5:]
        assert list(reader) == reader.read_many(range(len(reader))) == expected
        assert reader[42] == expected[42]
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert list(amid) == expected[5:]
stop.set()
for thread in threads:
    thread.join()
print("done")
"""


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_fork_amid_reads_works_on(data, is_compressed):
    if is_compressed:
        data.write_bytes(gzip.compress(data.read_bytes(), 1))
    assert run(READERS, data) == (0, "done\n", "")


UNFINISHED = """
import atexit, sys
import tfr_index

reader = tfr_index.Reader(sys.argv[1])
iterators = [iter(reader) for _ in range(10)]
for payloads in iterators:
    next(payloads)
atexit.register(lambda: print(sum(1 for _ in iterators[0]), "more"))
"""


def test_python_ends_amid_iterations(data):
    assert run(UNFINISHED, data) == (0, "49999 more\n", "")


# Daemon threads in calls that call Python while Python exits.

DAEMONS = """
import sys, threading
import tfr_index

path, kind = sys.argv[1:]
content = open(path, "rb").read()
begun = threading.Event()

class Source:
    size = len(content)

    def pread(self, size, offset):
        begun.set()
        return content[offset : offset + min(size, 5000)]

def progress(*numbers):
    begun.set()

reader = tfr_index.Reader(Source(), tfr_index.scan(path))
begun.clear()

def work():
    calls = {
        "progress": lambda: tfr_index.index_bytes(content, progress=progress),
        "scan": lambda: tfr_index.scan(Source(), threads=3),
        "one": lambda: [reader[record] for record in range(0, len(reader), 100)],
        "many": lambda: reader.read_many(range(0, len(reader), 10)),
    }
    while True:
        try:
            calls[kind]()
        except tfr_index.TfrError:
            pass

for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
"""


@pytest.mark.parametrize("kind", ["progress", "scan", "one", "many"])
def test_daemon_threads_do_not_abort_python_when_it_ends(data, kind):
    for _ in range(6):
        assert run(DAEMONS, data, kind) == (0, "", "")


BLOCKED = """
import os, sys, threading
import tfr_index
from tfr_index import _exit

entered, never = threading.Event(), threading.Event()

def progress(*numbers):
    entered.set()
    never.wait()

def scan():
    tfr_index.scan(sys.argv[1], progress=progress)

threading.Thread(target=scan, daemon=True).start()
entered.wait()
child = os.fork()
if child == 0:
    _exit._SECONDS = 1e9  # no wait: the callback's thread does not exist here
    assert len(tfr_index.scan(sys.argv[1])) == 50_000  # everything else works as before
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
_exit._SECONDS = 0.05
"""


def test_a_callback_that_waits_for_ever_does_not_keep_python_from_ending(data):
    assert run(BLOCKED, data) == (0, "7\n", "")


AT_EXIT = """
import atexit, sys

def scan():  # runs after tfr_index's own exit handler
    path = sys.argv[1]
    told = []
    tfr_index.scan(path, progress=lambda *numbers: told.append(numbers))
    print(len(tfr_index.scan(open(path, "rb"))), len(told) > 1)

atexit.register(scan)
import tfr_index
"""


def test_the_thread_that_ends_python_may_use_callbacks(data):
    assert run(AT_EXIT, data) == (0, "50000 True\n", "")


def test_the_library_stays_loaded_while_threads_end():
    """Threads call the library when they end, possibly after Python has closed it."""
    [library] = (Path(tfr_index.__file__).parent / "_native").glob("*.so")
    dynamic = subprocess.run(["readelf", "-d", library], capture_output=True, text=True, check=True)
    assert "NODELETE" in dynamic.stdout


LIMITED = """
import resource, sys
import tfr_index

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    tfr_index.create_index(sys.argv[1])
except tfr_index.TfrError as error:
    print(error.status, error.errno, error.path)
"""


def test_a_file_size_limit_is_an_error(data):
    index = data.with_name(f"{data.name}.idx")
    index.write_text("0 116\n")
    printed = f"TFR_ERR_IO {errno.EFBIG} {index}\n"
    assert run(LIMITED, data) == (0, printed, "")
    assert index.read_text() == "0 116\n"
    assert sorted(os.listdir(data.parent)) == [data.name, index.name]


def test_a_library_of_another_abi_is_an_import_error(tmp_path):
    package = tmp_path / "tfr_index"
    shutil.copytree(Path(tfr_index.__file__).parent, package)
    [library] = (package / "_native").glob("*.so")
    stub = "#include <stdint.h>\nuint32_t tfr_abi_version(void) { return 2; }\n"
    gcc = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    subprocess.run(gcc, input=stub, text=True, check=True)
    code, printed, error = run("import tfr_index", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (code, printed) == (1, "")
    assert error.splitlines()[-1].startswith(
        "ImportError: the native library of tfr_index has ABI version 2, but the package was built "
        "for 1: "
    )
