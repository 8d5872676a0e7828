"""`Indexer` and streams: data indexed piece by piece, as it arrives."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import array
import concurrent.futures
import io
import itertools
import pickle
import subprocess
import sys
import threading

import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfrecords import CHECKSUMS, tfrecord, walk


def pushed(data, sizes, checksums="auto"):
    """The entries of the records that can be indexed, and the outcome."""
    indexer = tfr_index.Indexer(checksums)
    entries = []
    stream = io.BytesIO(data)
    pieces = iter(lambda: stream.read(next(sizes)), b"")
    sizes = itertools.cycle(sizes)
    try:
        for piece in pieces:
            entries += indexer.push(piece)
    except tfr_index.TfrError as error:
        for again in (lambda: indexer.push(data), lambda: indexer.push(b""), indexer.finish):
            with pytest.raises(tfr_index.TfrError) as caught:
                again()
            assert caught.value.args == error.args
    try:
        indexer.finish()
    except tfr_index.TfrError as error:
        return entries, (error.status, error.record, error.offset)
    return entries, None


@given(
    payloads=st.lists(st.binary(max_size=60), max_size=12),
    stored=st.sampled_from(sorted(CHECKSUMS)),
    damage=st.none() | st.tuples(st.integers(12, 10_000), st.integers(1, 255)),
    cut=st.none() | st.integers(0, 1000),
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=3),
    checksums=st.sampled_from(["auto", "none", "length", "full"]),
)
def test_a_stream_is_judged_as_memory_is(payloads, stored, damage, cut, sizes, checksums):
    data = bytearray(tfrecord(payloads, stored))
    if damage and damage[0] < len(data):  # after the first header
        data[damage[0]] ^= damage[1]
    data = bytes(data[:cut])
    entries, fault = pushed(data, sizes, checksums)
    try:
        assert (entries, fault) == (list(tfr_index.index_bytes(data, checksums=checksums)), None)
    except tfr_index.TfrError as error:
        if (error.record, fault[0]) != (0, "TFR_ERR_LENGTH_CRC"):
            assert fault == (error.status, error.record, error.offset)
        assert len(entries) in (error.record, fault[1])


def test_pieces_of_all_sizes_and_kinds():
    data = tfrecord([b"x" * (number % 50) for number in range(1000)])
    for size in (1, 7, 4096, len(data), len(data) + 1):
        assert pushed(data, [size]) == (walk(data), None)
    indexer = tfr_index.Indexer()
    entries = []
    for kind in (bytes, bytearray, memoryview, lambda data: array.array("B", data)):
        entries += indexer.push(kind(data))
    indexer.finish()
    assert entries == walk(data * 4)


def test_more_entries_than_a_native_call_gives():
    data = tfrecord([b""]) * 200_000
    index = tfr_index.Indexer().push(data)
    assert isinstance(index, tfr_index.Index)
    assert index == tfr_index.index_bytes(data)


def test_what_is_good_is_given_before_the_error():
    data = bytearray(tfrecord([b"a", b"b", b"c"]))
    data[-5] ^= 1  # the last payload
    indexer = tfr_index.Indexer(checksums="full")
    assert list(indexer.push(data)) == walk(tfrecord([b"a", b"b"]))
    for again in (lambda: indexer.push(b""), lambda: indexer.push(data), indexer.finish):
        with pytest.raises(tfr_index.TfrError, match=r"^record 2 at byte 34: payload CRC"):
            again()


def test_the_end_may_be_asked_for_at_any_time():
    data = tfrecord([b"a", b"b"])
    indexer = tfr_index.Indexer()
    for number, byte in enumerate(data):
        if number in (0, 17):
            indexer.finish()
        else:
            with pytest.raises(tfr_index.TfrError) as caught:
                indexer.finish()
            assert caught.value.status == "TFR_ERR_TRUNCATED"
        indexer.push(bytes([byte]))
    indexer.finish()


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="checksums"):
        tfr_index.Indexer("some")
    indexer = tfr_index.Indexer()
    for nonsense in ("text", None, 7, [1]):
        with pytest.raises(TypeError):
            indexer.push(nonsense)
    with pytest.raises(ValueError, match="contiguous"):
        indexer.push(memoryview(b"abcd")[::2])
    indexer.finish()  # it took none of the data
    with pytest.raises(TypeError):
        pickle.dumps(indexer)


def test_threads_push_one_after_the_other():
    """In any order of the threads, each record is returned once."""
    indexer = tfr_index.Indexer()
    piece = tfrecord([b"x" * 50]) * 1000
    barrier = threading.Barrier(4)

    def push(_):
        barrier.wait()
        return [entry for _ in range(20) for entry in indexer.push(piece)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        entries = sorted(entry for part in pool.map(push, range(4)) for entry in part)
    indexer.finish()
    assert entries == walk(piece * 80)


FORKED = """
import os, threading
from tfr_index import Indexer, TfrValueError

indexer = Indexer()
indexer._lock.acquire()  # as held by a thread inside a call
child = os.fork()
if child == 0:
    for call in (lambda: indexer.push(b""), indexer.finish):
        try:
            call()
        except TfrValueError as error:
            assert "forked" in str(error), error
        else:
            os._exit(1)
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
"""


def test_a_forked_process_waits_for_no_lock():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
