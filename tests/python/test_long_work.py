"""Long work: progress, cancelling, Ctrl-C, threads, processes, and the released GIL."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import concurrent.futures
import itertools
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import tfr_index
from tfrecords import crc32c, frame, masked, tfrecord, walk

MIB = 1 << 20
CALLS = (tfr_index.create_index, tfr_index.scan)


def header(length: int) -> bytes:
    stored = struct.pack("<Q", length)
    return stored + struct.pack("<I", masked(crc32c(stored)))


@pytest.fixture
def holes(tmp_path) -> Path:
    """Ten records of 20 MiB, and no more than a few kilobytes on disk; the payload CRCs are 0."""
    path = tmp_path / "holes.tfrecord"
    with open(path, "wb") as file:
        for _ in range(10):
            file.write(header(20 * MIB - 16))
            file.seek(20 * MIB - 12, os.SEEK_CUR)
        file.truncate()
    return path


@pytest.fixture
def endless(tmp_path) -> Path:
    """One sparse record of 256 GiB: it takes more than a minute to check, but no disk space.

    Its payload CRC is wrong: whoever does read on to the end gets an error, not an index.
    """
    path = tmp_path / "endless.tfrecord"
    with open(path, "wb") as file:
        file.write(header(2**38 - 16))
        file.truncate(2**38)
    return path


class Stop(Exception):
    """Raised by progress callbacks here."""


# Progress and cancelling.


@pytest.mark.parametrize("call", CALLS)
def test_progress_is_told_from_start_to_end(holes, call):
    told = []
    call(holes, progress=lambda *numbers: told.append(numbers))
    total = 200 * MIB
    assert told[0] == (0, total, 0)
    assert told[-1] == (total, total, 10)
    assert told == sorted(told)
    done = [numbers[0] for numbers in told]
    gaps = [later - sooner for sooner, later in itertools.pairwise(done)]
    assert max(gaps) <= 40 * MIB
    assert len(told) <= 20


def test_progress_of_data_in_memory():
    told = []
    data = tfrecord([b"x", b"y"])
    tfr_index.index_bytes(data, progress=lambda *numbers: told.append(numbers))
    assert (told[0], told[-1]) == ((0, len(data), 0), (len(data), len(data), 2))


def test_progress_within_one_record_in_memory():
    data = header(64 * MIB) + bytes(64 * MIB + 4)
    told = []
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.index_bytes(data, checksums="full", progress=lambda *now: told.append(now))
    assert caught.value.status == "TFR_ERR_PAYLOAD_CRC"
    done = [numbers[0] for numbers in told]
    assert max(later - sooner for sooner, later in itertools.pairwise(done)) <= 32 * MIB


def test_progress_within_one_record(endless):
    told = []

    def progress(*numbers):
        told.append(numbers)
        return len(told) == 5

    with pytest.raises(tfr_index.TfrError):
        tfr_index.scan(endless, checksums="full", progress=progress)
    assert len(told) == 5
    assert 0 < told[1][0] <= 32 * MIB
    assert all(records == 0 for _, _, records in told)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("answer", [True, 1, "yes"])
def test_progress_cancels(holes, tmp_path, call, answer):
    index = tmp_path / f"{holes.name}.idx"
    index.write_text("what was there")
    with pytest.raises(tfr_index.TfrError) as caught:
        call(holes, progress=lambda done, total, records: records >= 3 and answer)
    assert caught.value.status == "TFR_ERR_CANCELLED"
    assert index.read_text() == "what was there"
    assert sorted(os.listdir(tmp_path)) == [holes.name, index.name]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [Stop("here"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("record", [0, 3, 10])
def test_what_progress_raises_arrives(holes, tmp_path, call, error, record):
    def progress(done, total, records):
        if records >= record:
            raise error

    with pytest.raises(type(error)) as caught:
        call(holes, progress=progress)
    assert caught.value is error
    assert os.listdir(tmp_path) == [holes.name]
    assert len(tfr_index.scan(holes)) == 10  # and it has no effect on the next call


def test_progress_may_use_the_library(holes):
    data = frame(b"x")

    def progress(done, total, records):
        with pytest.raises(Stop):
            tfr_index.index_bytes(data, progress=raising)
        assert len(tfr_index.index_bytes(data)) == 1

    def raising(*numbers):
        raise Stop

    assert tfr_index.create_index(holes, progress=progress) == 10


def test_progress_must_be_callable(holes):
    for call in CALLS:
        with pytest.raises(TypeError):
            call(holes, progress=5)


# Ctrl-C. The process sends itself the signal after it has used some processor time, which only the
# scan does.

INTERRUPTED = """
import mmap, os, signal, sys, threading, time
import tfr_index

signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the tests' parent ignores

def interrupt():
    start = time.process_time()
    while time.process_time() < start + 0.3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

path = sys.argv[1]
with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        CALL
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.parametrize(
    "call",
    [
        'tfr_index.create_index(path, checksums="full")',
        'tfr_index.scan(path, checksums="full")',
        'tfr_index.scan(path, checksums="full", progress=lambda *numbers: None)',
        'tfr_index.index_bytes(memory, checksums="full")',
    ],
)
def test_interrupt_stops_the_work(endless, tmp_path, call):
    script = INTERRUPTED.replace("CALL", call)
    command = [sys.executable, "-c", script, endless]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
    assert os.listdir(tmp_path) == [endless.name]


# Threads and processes.


def test_other_threads_run_meanwhile(endless):
    """No thread is forced to release the GIL here: the helper runs only if the scan releases it."""
    begun, helped = threading.Lock(), threading.Event()
    begun.acquire()

    def help_out():
        with begun:
            helped.set()

    def progress(done, total, records):
        if done == 0:
            begun.release()
        return helped.is_set()

    interval = sys.getswitchinterval()
    helper = threading.Thread(target=help_out)
    helper.start()
    sys.setswitchinterval(10_000)
    try:
        with pytest.raises(tfr_index.TfrError) as caught:
            tfr_index.scan(endless, checksums="full", progress=progress)
    finally:
        sys.setswitchinterval(interval)
        helper.join()
    assert caught.value.status == "TFR_ERR_CANCELLED"


def test_many_threads_at_once(tmp_path):
    def work(number: int) -> bool:
        data = tfrecord(bytes(length % 50) for length in range(number))
        path = tmp_path / f"{number}.tfrecord"
        path.write_bytes(data)
        tfr_index.create_index(path)
        with pytest.raises(tfr_index.TfrError) as caught:
            tfr_index.index_bytes(data + b"stray")
        assert caught.value.record == number
        indexes = (tfr_index.scan(path), tfr_index.read_index(f"{path}.idx"))
        return all(list(index) == walk(data) for index in indexes)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(100)))
    assert len(os.listdir(tmp_path)) == 200


def test_one_index_name_for_many_threads(tmp_path):
    path = tmp_path / "one.tfrecord"
    path.write_bytes(tfrecord([b"x"] * 1000))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(tfr_index.create_index, [path] * 200)) == {1000}
    assert sorted(os.listdir(tmp_path)) == [path.name, f"{path.name}.idx"]
    assert len(tfr_index.read_index(f"{path}.idx")) == 1000


WITH_WORKERS = """
import multiprocessing, sys
import tfr_index

if __name__ == "__main__":
    method, *paths = sys.argv[1:]
    before = [tfr_index.scan(path) for path in paths]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(tfr_index.scan, paths) == before
        assert pool.map(tfr_index.create_index, paths) == [len(index) for index in before]
        try:
            pool.map(tfr_index.scan, ["missing"])
        except FileNotFoundError as error:
            assert error.path == "missing"
            print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes(tmp_path, method):
    paths = [tmp_path / f"{number}.tfrecord" for number in range(10)]
    for number, path in enumerate(paths):
        path.write_bytes(tfrecord([b"x"] * number))
    script = tmp_path / "with_workers.py"
    script.write_text(WITH_WORKERS)
    command = [sys.executable, script, method, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


@pytest.mark.parametrize("threads", [0, 1, 2, 40])
def test_the_number_of_threads_does_not_matter(tmp_path, threads):
    payloads = [b"x" * (number % 500) for number in range(20_000)] + [b"y" * 40_000] * 200
    data = tfrecord(payloads)
    path = tmp_path / "many.tfrecord"
    path.write_bytes(data)
    expected = walk(data)
    for checksums in ("auto", "full"):
        options = {"checksums": checksums, "threads": threads}
        assert list(tfr_index.index_bytes(data, **options)) == expected
        assert list(tfr_index.scan(path, **options)) == expected
        assert tfr_index.create_index(path, **options) == len(expected)
        assert list(tfr_index.read_index(f"{path}.idx")) == expected
    with pytest.raises(ValueError, match=r"^threads must be between 0 and 2\*\*32 - 1, not -1$"):
        tfr_index.scan(path, threads=-1)
