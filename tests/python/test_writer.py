"""`RecordWriter`: what it writes, what it leaves on failure, and what it refuses."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import array
import errno
import gc
import gzip
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import RecordWriter
from tfrecords import tfrecord, walk

PAYLOADS = st.lists(st.binary(max_size=50) | st.integers(0, 400_000).map(bytes), max_size=30)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "x.tfrecord"


def index_of(path: Path) -> Path:
    return path.with_name(path.name + ".idx")


def expect(path: Path, payloads: list[bytes]) -> None:
    """Data and index hold these payloads, and there are no other files."""
    assert len(tfr_index.scan(path, checksums="full")) == len(payloads)
    data = path.read_bytes()
    entries = walk(data)
    assert [data[offset + 12 : offset + size - 4] for offset, size in entries] == payloads
    assert index_of(path).read_text() == "".join(f"{o} {s}\n" for o, s in entries)
    assert sorted(os.listdir(path.parent)) == [path.name, index_of(path).name]


@given(PAYLOADS, PAYLOADS, st.booleans())
def test_what_is_written_is_what_was_given(first, second, as_list):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.tfrecord")
        with RecordWriter(path) as writer:
            for payload in first:
                assert writer.write(payload) is None
            writer.write_many(second if as_list else iter(second))
            assert writer.num_records == len(first) + len(second)
        expect(path, first + second)
        with RecordWriter(path, append=True) as writer:
            assert writer.num_records == len(first) + len(second)
            writer.write_many(first)
        expect(path, first + second + first)


def test_bytes_are_those_of_the_format(path):
    payloads = [b"hello", b"", bytes(range(256)), b"x" * 5000]
    with RecordWriter(path) as writer:
        writer.write_many(payloads)
    assert path.read_bytes() == tfrecord(payloads)


@given(PAYLOADS, st.booleans())
def test_gzip_has_the_same_bytes(payloads, flushes):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.tfrecord.gz")
        with RecordWriter(path, compression="gzip") as writer:
            for payload in payloads:
                writer.write(payload)
                if flushes:
                    writer.flush()
        assert gzip.decompress(path.read_bytes()) == tfrecord(payloads)
        assert {file.name for file in path.parent.iterdir()} == {
            path.name,
            f"{path.name}.idx",
            f"{path.name}.seek",
        }
        index = tfr_index.read_index(index_of(path))
        assert list(index) == list(walk(tfrecord(payloads)))
        index.check(path, "full")
        with tfr_index.Reader(path) as reader:
            numbers = list(range(len(payloads)))[::-2]
            assert reader.read_many(numbers) == [payloads[number] for number in numbers]


def test_gzip_leaves_what_was_there(path):
    with RecordWriter(path, compression="gzip") as writer:
        writer.write(b"a")
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    for options in ({"compression": "gzip"}, {}):
        with pytest.raises(tfr_index.TfrValueError, match="cannot be appended to"):
            RecordWriter(path, append=True, **options)
        with pytest.raises(ZeroDivisionError), RecordWriter(path, compression="gzip") as writer:
            writer.write(bytes(1 << 20))
            writer.write(bytes(1 / 0))
    with pytest.raises(tfr_index.TfrValueError, match="compression must be"):
        RecordWriter(path, compression="zip")
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    with RecordWriter(path) as writer:  # a seek file of other data is passed over
        writer.write(b"b")
    assert list(tfr_index.Reader(path)) == [b"b"]


def test_what_is_synced_is_the_same(path):
    for append in (False, True):
        with RecordWriter(path, append=append, sync=True) as writer:
            writer.write(b"hello")
        expect(path, [b"hello"] * (1 + append))
    assert tfr_index.create_index(path, sync=True) == 2
    expect(path, [b"hello"] * 2)


def test_any_buffer_is_a_payload(path):
    mapped = mmap.mmap(-1, 4096)
    numbers = array.array("I", [1, 2, 3])
    matrix = numpy.arange(6, dtype="<u2").reshape(2, 3)
    buffers = [b"", bytearray(b"yy"), memoryview(b"abcdef")[1:3], mapped, numbers, matrix]
    with RecordWriter(path) as writer:
        for buffer in buffers:
            writer.write(buffer)
        writer.write_many(buffers)
        writer.write_many(buffers[:1])
    expected = [memoryview(buffer).tobytes() for buffer in buffers]
    expect(path, expected + expected + expected[:1])


def test_what_is_no_buffer_is_refused_and_the_writer_goes_on(path):
    with RecordWriter(path) as writer:
        for wrong in ("text", 7, None, [1, 2], numpy.zeros((4, 4))[:, 1:3].T[::2]):
            with pytest.raises((TypeError, ValueError)):
                writer.write(wrong)
            with pytest.raises((TypeError, ValueError)):
                writer.write_many([wrong])
            with pytest.raises((TypeError, ValueError)):
                writer.write_many([b"x", wrong])
        writer.write(b"x")
    expect(path, [b"x"] * 6)  # the records before the wrong one are written


@pytest.mark.parametrize("append", [False, True])
def test_an_exception_leaves_what_was_there(path, append):
    for there in (None, [b"old"]):
        if there is not None:
            with RecordWriter(path) as writer:
                writer.write_many(there)
        before = [(file.name, file.read_bytes()) for file in path.parent.iterdir()]
        with pytest.raises(ZeroDivisionError), RecordWriter(path, append=append) as writer:
            writer.write_many(b"x" * 100_000 for _ in range(10))
            writer.flush()
            writer.write(bytes(1 // 0))
        assert writer.closed
        after = [(file.name, file.read_bytes()) for file in path.parent.iterdir()]
        assert sorted(after) == sorted(before)


def test_closed_is_closed(path):
    writer = RecordWriter(path)
    writer.write(b"x")
    assert not writer.closed
    writer.close()
    writer.close()
    writer.abandon()
    assert writer.closed
    for call in (
        lambda: writer.write(b"y"),
        lambda: writer.write(bytearray(b"y")),
        lambda: writer.write_many([b"y"]),
        lambda: writer.write_many([b"y", b"z"]),
        writer.flush,
    ):
        with pytest.raises(tfr_index.TfrValueError, match="the writer is closed"):
            call()
    expect(path, [b"x"])


def test_garbage_leaves_nothing_and_says_so(path):
    with pytest.warns(ResourceWarning, match="was not closed"):
        RecordWriter(path).write(b"x")
        gc.collect()
    assert os.listdir(path.parent) == []


def test_a_flush_is_seen_by_those_who_index_a_growing_file(path):
    with RecordWriter(path, append=True) as writer:
        writer.write(b"first")
        assert path.read_bytes() == b""
        writer.flush()
        assert len(tfr_index.scan(path, allow_incomplete_tail=True, on_skipped=print)) == 1
        assert not index_of(path).exists()
    expect(path, [b"first"])


def test_one_writer_at_a_time(path):
    for append in (False, True):
        with RecordWriter(path, append=append):
            with pytest.raises(tfr_index.TfrOSError, match="another writer") as caught:
                RecordWriter(path, append=append)
            assert (caught.value.errno, caught.value.path) == (errno.EBUSY, str(path))
            with pytest.raises(tfr_index.TfrOSError, match="another writer") as caught:
                tfr_index.create_index(memoryview(b""), index_of(path))
            assert (caught.value.errno, caught.value.path) == (errno.EBUSY, str(index_of(path)))
    expect(path, [])


def test_what_cannot_be_opened(path):
    with pytest.raises(FileNotFoundError):
        RecordWriter(path.parent / "none" / "x")
    with pytest.raises(IsADirectoryError):
        RecordWriter(path.parent)
    with pytest.raises(ValueError, match="TFRecord file itself"):
        RecordWriter(path, path)
    with pytest.raises(ValueError, match="NUL"):
        RecordWriter("x\0y")
    with pytest.raises(TypeError):
        RecordWriter(None)
    path.write_bytes(b"a text that is no TFRecord")
    with pytest.raises(tfr_index.TfrError) as caught:
        RecordWriter(path, append=True)
    assert caught.value.format == "text"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("name", ["write_many", "write_examples"])
def test_an_error_stays_the_same(path, name):
    writer = RecordWriter("/dev/full", index_of(path))
    payloads = [bytes(1000)] * 10_000
    with pytest.raises(OSError, match="cannot write") as first:
        getattr(writer, name)(payloads if name == "write_many" else {"k": payloads})
    assert (first.value.errno, first.value.filename) == (errno.ENOSPC, "/dev/full")
    for call in (lambda: writer.write(b""), lambda: writer.write_many([b"", b""]), writer.close):
        with pytest.raises(OSError) as again:
            call()
        assert str(again.value) == str(first.value)
    assert os.listdir(path.parent) == []


def test_an_error_comes_with_the_close_at_the_latest(path):
    writer = RecordWriter("/dev/full", index_of(path))
    writer.write(b"gathered")
    assert writer.num_records == 1
    with pytest.raises(OSError, match="cannot write"):
        writer.close()
    assert writer.closed
    assert os.listdir(path.parent) == []


def test_what_is_gathered_comes_before_what_is_not(path):
    payloads = [b"1", bytearray(b"2"), b"3", bytes(1 << 20), b"5", b"6", b"7", b"8"]
    with RecordWriter(path) as writer:
        for number, payload in enumerate(payloads[:6], 1):
            writer.write(payload)
            assert writer.num_records == number
        writer.write_many(payloads[6:])
        assert writer.num_records == 8
    expect(path, [bytes(payload) for payload in payloads])


def test_many_threads_write_to_one_file(path):
    with RecordWriter(path) as writer:

        def write(number: int) -> None:
            for record in range(1000):
                writer.write(b"%d %d" % (number, record))
                writer.write_many([b"%d" % number] * 3)

        threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    data = path.read_bytes()
    payloads = [data[offset + 12 : offset + size - 4] for offset, size in walk(data)]
    expect(path, payloads)
    for number in range(4):
        own = [one for one in payloads if one.startswith(b"%d " % number)]
        assert own == [b"%d %d" % (number, record) for record in range(1000)]


def test_abandoned_while_others_write(path):
    writer = RecordWriter(path)
    stuck = threading.Event()  # so that the disk does not fill up if `abandon` fails

    def write() -> None:
        with pytest.raises(tfr_index.TfrValueError, match="the writer is closed"):
            while not stuck.is_set():
                writer.write(bytes(100_000))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        writer.abandon()
    except BaseException:
        stuck.set()
        raise
    for thread in threads:
        thread.join()
    assert os.listdir(path.parent) == []


FORKED = """
import gc, os, sys
from tfr_index import RecordWriter, TfrValueError

# More than the buffers for data and index hold.
MANY = [bytes(100)] * 20_000


def refused(call):
    try:
        call()
    except TfrValueError as error:
        assert "forked" in str(error), error
        return
    raise AssertionError(call)


def use(writer):
    refused(lambda: writer.write(b"small"))
    refused(lambda: writer.write(bytes(1 << 20)))
    refused(lambda: writer.write(bytearray(5)))
    for payload in MANY:
        refused(lambda: writer.write(payload))
    refused(lambda: writer.write_many(MANY))
    refused(writer.flush)
    refused(lambda: writer.num_records)
    refused(writer.close)
    refused(writer.abandon)
    refused(lambda: writer.__exit__(None, None, None))
    try:
        with writer:
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert not writer.closed


def in_fork(writer, end):
    child = os.fork()
    if child == 0:
        use(writer)
        del writer
        gc.collect()
        end(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def write(path, append):
    writer = RecordWriter(path, append=append)
    in_fork(writer, os._exit)
    writer.write(b"before")
    in_fork(writer, sys.exit)
    writer.write_many(MANY)
    in_fork(writer, os._exit)
    writer.flush()
    in_fork(writer, sys.exit)
    writer.write(b"after")
    writer.close()
    in_fork(RecordWriter(path + ".other", append=append), sys.exit)  # and it leaves nothing
"""

FORKED_BETWEEN = f"""{FORKED}
for append in (False, True):
    write(sys.argv[1], append)
"""


def test_forked_processes_do_no_harm(path):
    command = [sys.executable, "-c", FORKED_BETWEEN, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    expect(path, [b"before", *[bytes(100)] * 20_000, b"after"] * 2)


FORKED_AMID = f"""{FORKED}
import threading

# More than a pipe holds: a thread waits inside a call, and holds every lock.
os.mkfifo(sys.argv[1])
pipe = os.open(sys.argv[1], os.O_RDWR)
writer = RecordWriter(sys.argv[1])


def write():
    writer.write(bytes(1 << 20))
    writer.close()


thread = threading.Thread(target=write)
thread.start()
left = (1 << 20) + 16 - len(os.read(pipe, 1))  # it has begun
for end in (os._exit, sys.exit):
    in_fork(writer, end)
while left:
    left -= len(os.read(pipe, left))
thread.join()
"""


def test_forked_while_a_thread_writes(path):
    command = [sys.executable, "-W", "ignore", "-c", FORKED_AMID, path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert index_of(path).read_text() == f"0 {(1 << 20) + 16}\n"


INTERRUPTED = """
import sys
from tfr_index import RecordWriter

with RecordWriter(sys.argv[1]) as writer:
    print(flush=True)
    for _ in range(1000):
        writer.write_many([b"x"] * 1000)
    sys.stdin.read()
"""


def test_ctrl_c_leaves_nothing(path):
    command = [sys.executable, "-c", INTERRUPTED, path]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # ends a child that missed the signal
        assert process.stderr.read().endswith(b"KeyboardInterrupt\n")
    assert os.listdir(path.parent) == []


def test_memory_stays_constant(path):
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss"
    script = f"""
import resource, sys
from tfr_index import RecordWriter
with RecordWriter("/dev/null", sys.argv[1]) as writer:
    writer.write(b"")
    before = {peak}
    writer.write_many(b"x" * 1000 for _ in range(1_000_000))
    for record in range(1_000_000):
        writer.write(b"%1000d" % record)
    print({peak} - before)
"""
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert done.stderr == ""
    assert int(done.stdout) < 4096  # KiB
    assert path.stat().st_size > 28 << 20


def test_lengths_that_count_no_bytes(tmp_path):
    path = tmp_path / "x"
    with tfr_index.RecordWriter(path) as writer:
        writer.write_many([numpy.zeros((3, 0), numpy.uint8), numpy.array([1], "<u4")])
    assert list(tfr_index.Reader(path)) == [b"", b"\x01\x00\x00\x00"]
