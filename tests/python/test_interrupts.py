"""Ctrl-C at every step loses no file, lock, temporary file, memory or exception."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import contextlib
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import interrupts
import pytest
import tfr_index
from interrupts import descriptors, every_interrupt
from tfrecords import tfrecord


@pytest.fixture(autouse=True)
def ctrl_c_raises() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord(b"x" * size for size in range(300)))
    tfr_index.create_index(path)
    return path


@pytest.mark.filterwarnings("ignore:.*was not closed:ResourceWarning")
@pytest.mark.parametrize("append", [False, True])
def test_a_writer_is_not_left_open(data, append):
    content = data.read_bytes()
    gc.collect()  # objects of other tests
    before = descriptors(), sorted(os.listdir(data.parent))
    writers = []
    for _ in every_interrupt(lambda: writers.append(tfr_index.RecordWriter(data, append=append))):
        while writers:
            writers.pop().abandon()
        # Although the exception and its traceback still exist.
        assert (descriptors(), sorted(os.listdir(data.parent))) == before
    writers.pop().abandon()
    assert data.read_bytes() == content


@pytest.mark.parametrize("method", ["write", "flush", "close", "abandon"])
def test_an_interrupted_writer_can_be_closed(data, method):
    """After close the file is complete; the record being written is in it or not."""
    content = data.read_bytes()
    writers = []

    def work():
        writer = writers[-1]
        writer.write(b"x" * 100)
        writer.write_many([b"y" * 40_000] * 3)
        if method != "write":
            getattr(writer, method)()

    for _ in every_interrupt(work, before=lambda: writers.append(tfr_index.RecordWriter(data))):
        writer = writers.pop()
        writer.close()
        payloads = list(tfr_index.Reader(data))
        expected = [b"x" * 100, *[b"y" * 40_000] * 3]
        assert data.read_bytes() == content or payloads == expected[: len(payloads)]
        data.write_bytes(content)
        tfr_index.create_index(data)
    writers.pop().close()


def test_a_writer_that_was_not_made_is_no_trouble():
    del [tfr_index.RecordWriter.__new__(tfr_index.RecordWriter)][0]
    with pytest.raises(FileNotFoundError):
        tfr_index.RecordWriter("/none/x.tfrecord")


@pytest.mark.parametrize("kind", [tfr_index.Reader, tfr_index.RecordWriter])
@pytest.mark.filterwarnings("ignore:.*was not closed:ResourceWarning")
def test_signals_that_come_when_they_will(data, kind):
    """In C code too, and in Python's own code."""
    content = data.read_bytes()
    gc.collect()  # objects of other tests
    before = descriptors(), sorted(os.listdir(data.parent))
    came = 0

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal came
        came += 1
        raise KeyboardInterrupt

    # A function, so that `try` covers its call: Python 3.13 does not cover a `while` loop's jump.
    def work_until_it_comes(number: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, 1e-5 * number)
        while came < number:
            made = kind(data)
            if kind is tfr_index.RecordWriter:
                made.abandon()
            del made

    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(1, 301):
            arrived = False
            try:
                work_until_it_comes(number)
            except KeyboardInterrupt:
                arrived = True
            assert (arrived, came) == (True, number)
            assert (descriptors(), sorted(os.listdir(data.parent))) == before
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert data.read_bytes() == content


@pytest.mark.parametrize("function", ["progress", "salvage", "source"])
def test_what_a_callback_raises_arrives_though_ctrl_c_is_pressed_then(data, function):
    """Ctrl-C during another exception: one of the two is raised."""
    content = data.read_bytes()

    class Stop(Exception):
        pass

    class Source:
        size = len(content)

        def pread(self, size, offset):
            raise Stop

    def stop(*_arguments):
        raise Stop

    calls = {
        "progress": lambda: tfr_index.scan(data, progress=stop),
        "salvage": lambda: tfr_index.index_bytes(content[1:], salvage=True, on_skipped=stop),
        "source": lambda: tfr_index.scan(Source()),
    }

    def work():
        with contextlib.suppress(Stop):
            calls[function]()

    assert len(list(every_interrupt(work))) > 100


@pytest.mark.skipif(
    sys.version_info[:2] == (3, 13), reason="Python 3.13 traces only some opcodes of this script"
)
def test_nothing_is_lost(data):
    command = [sys.executable, interrupts.__file__, data]
    # Without its caches, the C library reports the bytes in use exactly.
    exact = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    done = subprocess.run(command, env=exact, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
