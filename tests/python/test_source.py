"""Data from objects with read methods: files, memory, object stores."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import errno
import gc
import gzip
import io
import itertools
import mmap
import os
import random
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import traceback
import weakref
import zipfile
from array import array

import numpy
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfrecords import index_text, tfrecord, walk

#: Small records, then large ones that a scan skips: more than one thread's work.
DATA = tfrecord([b"x" * 300]) * 6_000 + tfrecord([b"y" * 50_000]) * 40
ENTRIES = walk(DATA)


class Stop(Exception):
    """Raised by sources here."""


class Pread:
    """A source that can read at any position, but raises from a byte on."""

    def __init__(self, data, fails_from=None, error=None):
        self.data, self.size, self.fails_from, self.error = data, len(data), fails_from, error
        self.threads = set()

    def pread(self, size, offset):
        self.threads.add(threading.get_ident())
        if self.fails_from is not None and offset >= self.fails_from:
            raise self.error
        return self.data[offset : offset + size]


class Arrow:
    """A source with pyarrow's method names; returns memoryviews, and fewer bytes than asked for."""

    def __init__(self, data):
        self._data = memoryview(data)

    def size(self):
        return len(self._data)

    def read_at(self, nbytes, offset):
        return self._data[offset : offset + min(nbytes, 10_007)]


class Seek:
    """A file object with only the required methods."""

    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.threads = set()

    def seek(self, offset, whence=0):
        self._file.seek(offset, whence)

    def tell(self):
        return self._file.tell()

    def read(self, size):
        self.threads.add(threading.get_ident())
        return self._file.read(size)


def files(data, folder):
    """The raw file below seekable files."""
    path = folder / "data"
    path.write_bytes(data)
    for buffering in (-1, 0):
        with open(path, "rb", buffering=buffering) as file:
            yield file
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
                yield memory
    with tempfile.SpooledTemporaryFile() as file:
        file.write(data)
        yield file
    with gzip.open(io.BytesIO(gzip.compress(data, 1))) as file:
        yield file
    with tarfile.open(folder / "archive.tar", "w") as archive:
        archive.add(path, "member")
    with tarfile.open(folder / "archive.tar") as archive:
        yield archive.extractfile("member")
    with zipfile.ZipFile(folder / "archive.zip", "w") as archive:
        archive.write(path, "member")
    with zipfile.ZipFile(folder / "archive.zip") as archive, archive.open("member") as member:
        yield member


@pytest.mark.parametrize("kind", [Pread, Arrow, Seek, io.BytesIO, bytearray, memoryview])
@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("checksums", ["auto", "full"])
def test_sources_give_what_files_do(tmp_path, kind, threads, checksums):
    options = {"threads": threads, "checksums": checksums}
    index = tfr_index.scan(kind(DATA), **options)
    assert list(index) == ENTRIES
    path = tmp_path / "x.idx"
    assert tfr_index.create_index(kind(DATA), path, **options) == len(ENTRIES)
    assert path.read_text() == index_text(ENTRIES)
    for level in ("quick", "headers", "full"):
        assert index.check(kind(DATA), level, threads=threads).uncovered_bytes == 0
    with pytest.raises(tfr_index.TfrMismatch):
        index.check(kind(DATA[:-1]))


def test_files_of_all_kinds(tmp_path):
    data = tfrecord([b"x" * size for size in range(300)] + [b"y" * 40_000] * 5)
    for file in files(data, tmp_path):
        file.seek(7)  # at any position
        assert list(tfr_index.scan(file)) == walk(data), file
        tfr_index.scan(file).check(file, "full")


def test_who_seeks_is_read_by_one_thread_and_who_need_not_by_many():
    seek, pread = Seek(DATA), Pread(DATA)
    tfr_index.scan(seek)
    assert seek.threads == {threading.get_ident()}
    tfr_index.scan(pread, threads=3)
    assert len(pread.threads) > 1
    tfr_index.scan(seek, threads=3)  # one read at a time
    assert len(seek.threads) > 1


@given(
    payloads=st.lists(st.binary(max_size=60), max_size=12),
    damage=st.none() | st.tuples(st.integers(0, 10_000), st.integers(1, 255)),
    cut=st.none() | st.integers(0, 1000),
    kind=st.sampled_from([Pread, Arrow, Seek, memoryview]),
    checksums=st.sampled_from(["auto", "none", "length", "full"]),
)
def test_sources_are_judged_as_memory_is(payloads, damage, cut, kind, checksums):
    data = bytearray(tfrecord(payloads))
    if damage and data:
        data[damage[0] % len(data)] ^= damage[1]
    data = bytes(data[:cut])

    def outcome(function, source):
        try:
            return list(function(source, checksums=checksums))
        except tfr_index.TfrError as error:
            return error.args

    assert outcome(tfr_index.scan, kind(data)) == outcome(tfr_index.index_bytes, data)


def test_memory_is_read_where_it_is(tmp_path):
    data = tfrecord([b"x" * size for size in [0, 3, 5000, 40_000, 2_000_000]])
    payloads = [data[offset + 12 : offset + size - 4] for offset, size in walk(data)]
    path = tmp_path / "data"
    path.write_bytes(data)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        columns = numpy.frombuffer(data, "u1")
        for memory in (mapped, bytearray(data), memoryview(data), columns, array("B", data)):
            with tfr_index.Reader(memory) as reader:
                assert [reader[record] for record in range(5)] == payloads
                assert list(reader) == reader.read_many(range(5)) == payloads
                assert reader.read_many([4, 0, 4]) == [payloads[4], payloads[0], payloads[4]]
        reader = tfr_index.Reader(mapped)
        with pytest.raises(BufferError):
            mapped.close()
        part = reader[1:]
        reader.close()
        assert part[0] == payloads[1]
        part.close()
    damaged = bytearray(data)
    damaged[-1] ^= 1
    reader = tfr_index.Reader(damaged)
    with pytest.raises(tfr_index.TfrError, match="record 4 at byte "):
        reader[4]
    with pytest.raises(BufferError):
        damaged.append(0)
    reader.close()
    with pytest.raises(tfr_index.TfrError) as error:
        tfr_index.scan(damaged, checksums="full")
    damaged.append(0)  # although the error still exists
    del error
    with pytest.raises(tfr_index.TfrValueError, match="not contiguous"):
        tfr_index.scan(memoryview(data)[::2])
    with pytest.raises(tfr_index.TfrValueError, match="no path"):
        tfr_index.create_index(memoryview(data))
    assert len(tfr_index.Reader(bytearray())) == 0


def test_growing_appending_and_salvage(tmp_path):
    path = tmp_path / "x.idx"
    left, regions = [], []
    part = walk(DATA)[10][0] + 5
    grow = {"allow_incomplete_tail": True, "on_skipped": left.append, "resume": True}
    assert tfr_index.create_index(Pread(DATA[:part]), path, **grow) == 10
    assert (left[0].start, left[0].end) == (part - 5, part)
    assert tfr_index.create_index(Seek(DATA), path, **grow) == len(ENTRIES)
    assert path.read_text() == index_text(ENTRIES)
    with pytest.raises(tfr_index.TfrMismatch):
        tfr_index.create_index(Seek(DATA[5:]), path, **grow)
    damaged = bytearray(DATA)
    damaged[ENTRIES[50][0]] ^= 1
    index = tfr_index.scan(Pread(bytes(damaged)), salvage=True, on_skipped=regions.append)
    assert list(index) == ENTRIES[:50] + ENTRIES[51:]
    assert [region.record for region in regions] == [50]


# Errors.

ERRORS = [Stop("here"), OSError(errno.EIO, "gone"), KeyboardInterrupt(), SystemExit(3)]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("fails_from", [0, 1_000_000, len(DATA) - 200_000])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_what_a_source_raises_arrives(tmp_path, error, fails_from, threads):
    path = tmp_path / "x.idx"
    path.write_text("what was there")
    source = Pread(DATA, fails_from, error)
    for call in (
        lambda: tfr_index.scan(source, threads=threads),
        lambda: tfr_index.create_index(source, path, threads=threads),
        lambda: tfr_index.Index(ENTRIES).check(source, "headers", threads=threads),
    ):
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error
        assert not isinstance(caught.value.__context__, Stop)
    assert os.listdir(tmp_path) == [path.name] and path.read_text() == "what was there"


def test_what_comes_first_in_the_data_counts():
    """If a read-ahead thread raises, damage before that byte is still the error."""
    data = bytearray(DATA)
    data[ENTRIES[3000][0]] ^= 0x10
    source = Pread(bytes(data), 1_500_000, Stop("ahead"))
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.scan(source, threads=3)
    assert (caught.value.status, caught.value.record) == ("TFR_ERR_LENGTH_CRC", 3000)


def test_errors_of_the_index_file_are_its_own(tmp_path):
    with pytest.raises(tfr_index.TfrFileNotFoundError) as caught:
        tfr_index.create_index(Pread(DATA), tmp_path / "none" / "x.idx")
    assert caught.value.path == str(tmp_path / "none" / "x.idx")
    with pytest.raises(tfr_index.TfrOSError) as caught:
        tfr_index.create_index(Pread(DATA), "/dev/full")
    assert caught.value.errno == errno.ENOSPC


def reading(what):
    """A source that returns this for every read."""
    source = Pread(DATA)
    source.pread = lambda size, offset: what
    return source


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (reading("text"), TypeError),
        (reading(None), TypeError),
        (reading(7), TypeError),
        (reading(bytes(1 << 20)), ValueError),  # more than was asked for
        (reading(memoryview(bytes(64))[::2]), TypeError),  # not contiguous
        (io.StringIO("text"), TypeError),
        (None, TypeError),
        (7, TypeError),
        (object(), TypeError),
    ],
    ids=repr,
)
def test_nonsense_is_refused(source, error):
    with pytest.raises(error):
        tfr_index.scan(source)


def test_a_source_that_ends_early_is_no_hang():
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.scan(reading(b""))
    assert caught.value.status == "TFR_ERR_TRUNCATED"


@pytest.mark.parametrize("size", [-1, 2**63, 2**70])
def test_sizes_that_cannot_be_are_refused(size):
    source = Pread(DATA)
    source.size = size
    with pytest.raises(ValueError, match="bytes"):
        tfr_index.scan(source)
    source.size = "large"
    with pytest.raises(TypeError):
        tfr_index.scan(source)
    del source.size
    with pytest.raises(AttributeError):
        tfr_index.scan(source)


def test_a_source_takes_an_index_path():
    with pytest.raises(ValueError, match="index_path must be given"):
        tfr_index.create_index(io.BytesIO(DATA))


def test_streams_are_referred_to_the_indexer(tmp_path):
    class OfArrow(Arrow):
        """Like a pyarrow stream, which has all the methods."""

        def __init__(self):
            super().__init__(DATA)

        def seekable(self):
            return False

    class OnlyRead:
        """Like the response of a web server."""

        def read(self, size=-1):
            raise AssertionError

    ours, theirs = socket.socketpair()
    reader, writer = os.pipe()
    streams = [ours.makefile("rb"), os.fdopen(reader, "rb"), OfArrow(), OnlyRead()]
    for stream in streams:
        for call in (
            tfr_index.scan,
            tfr_index.Index().check,
            lambda stream: tfr_index.create_index(stream, tmp_path / "x.idx"),
        ):
            with pytest.raises(ValueError, match=r"tfr_index\.Indexer"):
                call(stream)
    for stream in (*streams[:2], ours, theirs):
        stream.close()
    os.close(writer)
    script = "import sys, tfr_index; tfr_index.scan(sys.stdin.buffer)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, input=b"", capture_output=True, check=False)
    assert done.returncode == 1 and b"tfr_index.Indexer" in done.stderr


def test_paths_stay_paths(examples):
    class Named:
        """A path that can read itself, such as py.path.local."""

        def __fspath__(self):
            return str(examples)

        def read(self):
            raise AssertionError

    expected = tfr_index.scan(examples)
    for path in (str(examples), os.fsencode(examples), Named()):
        assert tfr_index.scan(path) == expected


# Long work.


class Slow(Pread):
    """A source whose reads are slow."""

    def pread(self, size, offset):
        time.sleep(0.05)
        return super().pread(size, offset)


@pytest.mark.parametrize("threads", [1, 3])
def test_interrupt_stops_the_work(threads):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            for _ in itertools.count():  # until the signal arrives
                tfr_index.scan(Slow(DATA), threads=threads)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_progress_and_cancelling():
    told = []
    tfr_index.scan(Pread(DATA), progress=lambda *numbers: told.append(numbers))
    assert told[0] == (0, len(DATA), 0) and told[-1] == (len(DATA), len(DATA), len(ENTRIES))
    with pytest.raises(tfr_index.TfrCancelled):
        tfr_index.scan(Seek(DATA), progress=lambda *numbers: True)


def test_a_source_is_let_go_of():
    for fails_from in (None, 0):
        source = Pread(DATA, fails_from, Stop("here"))
        reference = weakref.ref(source)
        try:
            tfr_index.scan(source, threads=1)
        except Stop as error:
            error.__traceback__ = None
        del source
        gc.collect()
        assert reference() is None


def test_a_source_may_use_the_library():
    class Nested(Pread):
        def pread(self, size, offset):
            assert len(tfr_index.index_bytes(DATA[: ENTRIES[3][0]])) == 3
            return super().pread(size, offset)

    assert len(tfr_index.scan(Nested(DATA), threads=3)) == len(ENTRIES)


class Failing(io.BytesIO):
    """A source that raises the given exception when told to."""

    failure: BaseException | None = None

    def read(self, size=-1):
        if self.failure is not None:
            raise self.failure
        return super().read(size)


def test_a_reader_reads_through_the_objects_methods():
    index = tfr_index.index_bytes(DATA)
    payloads = [DATA[offset + 12 : offset + size - 4] for offset, size in index]
    for data in (io.BytesIO(DATA), Pread(DATA)):
        for by, expected in ((None, payloads), (index, payloads), (index[::-1], payloads[::-1])):
            reader = tfr_index.Reader(data, by)
            assert list(reader) == reader.read_many(range(len(reader))) == expected
            assert reader[1] == expected[1] and repr(data) in repr(reader)


def test_what_is_read_stays_for_calls_that_are_under_way_when_a_reader_is_closed():
    data, expected = bytearray(DATA), list(tfr_index.Reader(memoryview(DATA)))
    reader = tfr_index.Reader(data)
    call = reader._native  # as held by a call in another thread
    reader.close()
    with pytest.raises(BufferError):
        data.clear()
    del call
    data.clear()

    class Closing(Pread):
        reader = None

        def pread(self, size, offset):
            if self.reader is not None:
                self.reader.close()
                gc.collect()
            return super().pread(min(size, 1000), offset)

    source = Closing(DATA)
    reader = source.reader = tfr_index.Reader(source, tfr_index.index_bytes(DATA))
    assert reader.read_many([6_039, 0]) == [expected[6_039], expected[0]]
    with pytest.raises(ValueError, match="closed"):
        reader.read_many([0])


def test_errors_do_not_show_all_of_the_data():
    for data in (bytearray(DATA), numpy.frombuffer(DATA, numpy.uint8), array("B", DATA)):
        reader = tfr_index.Reader(data)
        assert type(data).__name__ in repr(reader)
        with pytest.raises(IndexError) as caught:
            reader[6_040]
        assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
    with pytest.raises(
        tfr_index.TfrValueError, match=r"bytes are taken as a path.*memoryview"
    ) as caught:
        tfr_index.Reader(DATA)
    assert len(str(caught.value)) < 1_200


@pytest.mark.parametrize("failure", [ValueError("gone"), OSError(5, "gone"), KeyboardInterrupt()])
def test_what_the_methods_raise_comes_out_of_a_reader(failure):
    data = Failing(DATA)
    reader = tfr_index.Reader(data)
    before = reader[0]
    data.failure = failure
    for read in (lambda: reader[0], lambda: reader.read_many([1, 0]), lambda: list(reader)):
        with pytest.raises(type(failure)) as caught:
            read()
        assert caught.value is failure
    data.failure = None
    assert reader[0] == before


# Forked processes share their parent's file positions.


class Slowly(io.RawIOBase):
    """A file with a position, whose seek and read leave time for a fork between them."""

    def __init__(self, path):
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115

    def seek(self, offset, whence=0):
        return self._file.seek(offset, whence)

    def tell(self):
        return self._file.tell()

    def seekable(self):
        return True

    def read(self, size=-1):
        time.sleep(0)
        return self._file.read(size)

    def close(self):
        self._file.close()


def opened(data, folder):
    """Files of all kinds, and whether a forked process can use a reader of them."""
    for file in files(data, folder):
        plain = type(file) in (io.FileIO, io.BufferedReader, mmap.mmap)
        yield file, plain
    with io.BytesIO(data) as file:
        yield file, True
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)  # part of it stays in the object's buffer
        yield file, True
    with tempfile.TemporaryFile() as file:
        file.write(data)
        yield file, True
    with Slowly(folder / "data") as file:
        yield file, False


def in_fork(work):
    """Starts a process that does the work; returns a function that waits for it."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_processes_read_what_is_there_or_say_that_they_cannot(tmp_path):
    data = tfrecord(b"%d" % number * (number % 50) for number in range(3000))
    payloads = [data[offset + 12 : offset + size - 4] for offset, size in walk(data)]
    for file, can in opened(data, tmp_path):
        reader = tfr_index.Reader(file)
        stop = threading.Event()

        def read(seed, reader=reader):
            for record in random.Random(seed).choices(range(3000), k=300):
                assert reader[record] == payloads[record]
            assert reader.read_many(range(0, 3000, 7)) == payloads[::7]

        def read_or_refuse(seed, reader=reader, can=can, read=read):
            if can:
                return read(seed)
            with pytest.raises(tfr_index.TfrValueError, match="forked process"):
                reader[seed]
            with pytest.raises(tfr_index.TfrValueError, match="forked process"):
                list(reader)

        def keep_reading(stop=stop, read=read):
            while not stop.is_set():
                read(0)

        thread = threading.Thread(target=keep_reading)  # it may hold a lock during a fork
        thread.start()
        children = [in_fork(lambda seed=seed: read_or_refuse(seed)) for seed in range(5)]
        read(9)
        assert [wait() for wait in children] == [0] * 5, file
        stop.set()
        thread.join()
        reader.close()


def test_a_file_s_position_stays_where_it_is(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(DATA)
    with open(path, "rb") as file:
        file.seek(7)
        reader = tfr_index.Reader(file)
        for read in (lambda: reader[6_000], lambda: file.seek(99), lambda: list(reader)):
            read()
        assert file.tell() == 99 and reader[6_000] == b"y" * 50_000
    with pytest.raises(ValueError, match="closed file"):
        reader[0]
    with pytest.raises(ValueError, match="closed file"):
        tfr_index.Reader(file)


def test_a_file_that_has_nothing_at_the_moment():
    class NonBlocking(io.BytesIO):
        def read(self, size=-1):
            return None

    with pytest.raises(BlockingIOError):
        tfr_index.scan(NonBlocking(DATA))
