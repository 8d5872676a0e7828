"""`Dataset.batches`: which records, in which order, from where on; threads, forks and Ctrl-C."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import gc
import itertools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Batches, Dataset, Order
from tfrecords import crc32c, masked, tfrecord

COUNTS = [5, 0, 1, 7, 0, 40]
SHARDS = [[b"%d of %d" % (n, shard) for n in range(count)] for shard, count in enumerate(COUNTS)]
ALL = [payload for shard in SHARDS for payload in shard]


def write(folder: Path) -> Path:
    for number, shard in enumerate(SHARDS):
        folder.joinpath(f"x-{number}.tfrecord").write_bytes(tfrecord(shard))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("shards"))


@pytest.mark.parametrize("step", [10**30, -(10**30), 2**63])
def test_a_slice_may_have_any_step(folder, step):
    dataset = Dataset(folder)
    assert list(dataset[3::step]) == ALL[3::step] == [ALL[3]]
    batches = dataset[3::step].batches(2)
    assert next(batches) == [ALL[3]] and batches.records == [0]
    assert list(reversed(dataset[3::step])) == [ALL[3]]
    assert list(pickle.loads(pickle.dumps(dataset[3::step]))) == [ALL[3]]


def test_any_number_of_batches_may_be_asked_for_ahead(folder):
    batches = Dataset(folder).batches(1, prefetch=2**32 - 1)
    assert [payload for batch in batches for payload in batch] == ALL


@given(
    st.slices(len(ALL)),
    st.integers(1, 20),
    st.none() | st.integers(0, 5),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)
def test_batches_have_the_records_of_their_order(folder, part, size, seed, prefetch, drop, buffers):
    dataset, payloads = Dataset(folder, max_open_files=2)[part], ALL[part]
    order = Order(len(payloads), seed=seed, rank=0, world_size=2)
    expected = order[:]
    options = {"prefetch": prefetch, "drop_last": drop, "buffers": buffers}
    batches = dataset.batches(size, order, **options)
    seen = []
    for batch in batches:
        assert list(map(bytes, batch)) == [payloads[record] for record in batches.records]
        assert len(batch) == size or (not drop and len(seen) + len(batch) == len(expected))
        seen += batches.records
        assert batches.state() == len(seen)
        rest = dataset.batches(size, order.replace(start=batches.state()), **options)
        assert next(rest, None) is None or rest.records == expected[len(seen) :][:size]
    assert seen == (expected[: len(expected) // size * size] if drop else expected)
    assert next(batches, None) is None


def test_without_an_order_they_are_in_sequence(folder):
    assert list(itertools.chain(*Dataset(folder).batches(9))) == ALL
    batches = Dataset(folder)[::-1].batches(9)
    assert next(batches) == ALL[:-10:-1] and batches.records == list(range(9))
    assert repr(batches) == "<tfr_index.Batches of 53 records, at 9>"
    assert list(Dataset(folder)[:0].batches(9)) == []


def test_arguments_are_checked(folder):
    dataset = Dataset(folder)
    for call, message in (
        (lambda: dataset.batches(0), "batch_size must be between 1 and"),
        (lambda: dataset.batches(1, prefetch=-1), "prefetch must be between 0 and"),
        (lambda: dataset.batches(1, Order(9)), "the order is one of 9 records, but the data set"),
        (lambda: dataset[1:].batches(1, Order(53)), "of 53 records, but the data set has 52"),
        (
            lambda: Dataset(folder, decode=len).batches(1, buffers=True),
            "create the Dataset without decode=",
        ),
    ):
        with pytest.raises(tfr_index.TfrValueError, match=message):
            call()
    with pytest.raises(TypeError, match=r"Dataset\.batches\(\)"):
        Batches()


def test_buffers_are_not_copied_and_stay_valid(folder):
    batches = Dataset(folder).batches(30, buffers=True)
    payloads = next(batches)
    data, offsets = np.asarray(payloads.data), np.asarray(payloads.offsets)
    assert data.dtype == np.uint8 and offsets.dtype == np.uint64
    assert np.shares_memory(data, np.asarray(payloads.data)) and payloads.data.readonly
    last = payloads[-1]
    del payloads, batches
    gc.collect()
    assert data.tobytes() == b"".join(ALL[:30]) and bytes(last) == ALL[29]
    assert [int(end) for end in offsets[1:]] == list(itertools.accumulate(map(len, ALL[:30])))


def number(payload: bytes) -> int:
    return int(payload.split()[0])


def test_items_are_decoded(folder):
    dataset = Dataset(folder, decode=number)
    assert list(itertools.chain(*dataset.batches(7, Order(53, seed=1)))) == [
        number(ALL[record]) for record in Order(53, seed=1)
    ]
    dataset = Dataset(folder, decode=lambda payload: 1 // (payload != b"3 of 3"))
    for read in (lambda: list(dataset.batches(9)), lambda: list(dataset)):
        with pytest.raises(ZeroDivisionError) as caught:
            read()
        assert caught.value.__notes__ == [f"while decoding record 3 of {folder}/x-3.tfrecord"]


@pytest.fixture
def damaged(tmp_path) -> Path:
    """A record of one file is damaged, and another file cannot be opened."""
    write(tmp_path)
    for shard in range(6):
        tfr_index.create_index(tmp_path / f"x-{shard}.tfrecord")
    path = tmp_path / "x-3.tfrecord"
    data = bytearray(path.read_bytes())
    data[tfr_index.read_index(f"{path}.idx")[2][0] + 12] ^= 1
    path.write_bytes(data)
    return tmp_path


BAD = 5 + 1 + 2  # the number of the damaged record


@pytest.mark.parametrize("prefetch", [0, 2])
def test_after_an_error_the_next_batch_follows(damaged, prefetch):
    dataset = Dataset(damaged)
    batches = dataset.batches(4, prefetch=prefetch)
    assert next(batches) == ALL[:4] and next(batches) == ALL[4:8]
    with pytest.raises(tfr_index.TfrError) as caught:
        next(batches)
    assert (caught.value.path, caught.value.record) == (str(damaged / "x-3.tfrecord"), 2)
    assert (batches.state(), next(batches), batches.state()) == (8, ALL[12:16], 16)
    seen = []
    with pytest.raises(tfr_index.TfrError):
        for payload in dataset:
            seen.append(payload)
    assert seen == ALL[:BAD]  # iteration gives what comes before the bad record


def test_what_belongs_to_a_process_is_not_pickled(damaged, tmp_path):
    with tfr_index.RecordWriter(tmp_path / "y.tfrecord") as writer:
        for one in (Dataset(damaged).batches(2), writer, tfr_index.Indexer()):
            with pytest.raises(TypeError, match=f"{type(one).__name__} cannot be pickled: "):
                pickle.dumps(one)


def test_what_is_bad_is_skipped_and_told_once(damaged):
    good = [payload for number, payload in enumerate(ALL) if number != BAD]
    dataset = Dataset(damaged, on_error="skip")
    assert dataset.skipped == tfr_index.Skips(0, [])
    with pytest.warns(tfr_index.TfrWarning) as caught:
        batches = dataset.batches(10)
        found = [(batch, batches.records) for batch in batches]
        assert list(dataset) == good
        assert dataset.__getitems__([0, BAD, -1]) == [ALL[0], ALL[-1]]
    assert list(itertools.chain(*(batch for batch, _ in found))) == good
    assert found[0][1] == [0, 1, 2, 3, 4, 5, 6, 7, 9] and batches.state() == len(ALL)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert str(caught[0].message) == (
        f"{caught[0].message.error}; such records are skipped (Dataset.skipped counts them)"
    )
    skipped = dataset[3:].skipped
    assert skipped.records == 3
    assert [(error.path, error.record) for error in skipped.errors] == [
        (str(damaged / "x-3.tfrecord"), 2)
    ] * 3
    for read in (lambda: dataset[BAD], lambda: dataset.read_many([0, BAD])):
        with pytest.raises(tfr_index.TfrError, match="CRC"):
            read()
    with pytest.raises(IndexError, match="record 99 is not in"):
        dataset.__getitems__([99])


def test_a_file_that_cannot_be_opened_is_empty(damaged):
    (damaged / "x-5.tfrecord").write_bytes(b"This is no TFRecord file.")
    os.remove(damaged / "x-5.tfrecord.idx")
    with pytest.raises(tfr_index.TfrError, match="x-5"):
        Dataset(damaged)
    with pytest.warns(tfr_index.TfrWarning, match=r"x-5\.tfrecord: ") as caught:
        dataset = Dataset(damaged, on_error="skip")
    assert len(caught) == 1 and len(dataset) == 13
    copy = pickle.loads(pickle.dumps(dataset))
    with pytest.warns(tfr_index.TfrWarning, match="skipped"):
        assert len(list(copy)) == 12
    with pytest.raises(tfr_index.TfrValueError, match="on_error must be one of 'raise', 'skip'"):
        Dataset(damaged, on_error="ignore")


def test_salvage_warns_of_each_region(damaged):
    with pytest.warns(tfr_index.TfrWarning) as caught:
        dataset = Dataset(damaged, salvage=True)
    [warning] = caught
    assert str(warning.message).endswith("; skipped bytes 44 to 66")
    assert (warning.message.error.path, warning.filename) == (
        str(damaged / "x-3.tfrecord"),
        __file__,
    )
    assert list(dataset) == [payload for number, payload in enumerate(ALL) if number != BAD]


def test_threads_share_an_iterator(folder):
    for prefetch in (0, 3):
        batches = Dataset(folder).batches(2, prefetch=prefetch)

        def work(_number: int, batches=batches) -> list[bytes]:
            return [payload for batch in batches for payload in batch]

        with ThreadPoolExecutor(5) as pool:
            found = list(pool.map(work, range(5)))
        assert sorted(itertools.chain(*found)) == sorted(ALL)


def threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


def test_its_threads_end_with_it(folder):
    before = threads()
    batches = Dataset(folder).batches(1, prefetch=3)
    next(batches)
    assert threads() - before
    del batches
    while threads() - before:  # the system removes a thread a moment after it has ended
        time.sleep(0.001)
    iterator = iter(Dataset(folder))
    for _ in range(20):
        next(iterator)
    del iterator
    while threads() - before:
        time.sleep(0.001)


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_a_forked_process_continues(folder, prefetch):
    batches = Dataset(folder).batches(3, Order(53, seed=7), prefetch=prefetch)
    expected = [ALL[record] for record in Order(53, seed=7)]
    iterator = iter(Dataset(folder))
    assert next(batches) == expected[:3] and next(iterator) == ALL[0]
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            is_right = list(itertools.chain(*batches)) == expected[3:]
            os._exit(0 if is_right and list(iterator) == ALL[1:] else 1)
        children.append(child)
    assert list(itertools.chain(*batches)) == expected[3:] and list(iterator) == ALL[1:]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


def test_a_fork_amid_another_threads_call(folder):
    """The child has a lock of its own."""
    batches = Dataset(folder).batches(1)
    locked, end = threading.Event(), threading.Event()

    def hold() -> None:
        with batches._lock():
            locked.set()
            end.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if list(itertools.chain(*batches)) == ALL else 1)
    assert os.waitpid(child, 0)[1] == 0
    end.set()
    thread.join()


def run(script: str, *arguments: object, before: str = "") -> str:
    """The output of a script in another process."""
    command = ["sh", "-c", f'{before}exec "$@"', "sh", sys.executable, "-c"]
    command += [textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


WAITING = """
import os, pickle, signal, sys, threading, time
import tfr_index

signal.signal(signal.SIGINT, signal.default_int_handler)
path = sys.argv[1]
dataset = pickle.loads(bytes.fromhex(sys.argv[2]))  # it is opened, and scanned, by the first batch

def interrupt():
    start = time.process_time()
    while time.process_time() < start + 0.3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
batches = dataset.batches(4)
try:
    next(batches)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    os._exit(0)  # to drop the batches would wait for the thread that reads
"""


def test_ctrl_c_ends_the_wait_for_a_batch(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord([b"a"]))
    pickled = pickle.dumps(Dataset(path, checksums="full", salvage=True)).hex()
    with path.open("wb") as file:  # one record of 256 GiB, which takes more than a minute to check
        length = (2**38 - 16).to_bytes(8, "little")
        file.write(length + masked(crc32c(length)).to_bytes(4, "little"))
        file.truncate(2**38)
    assert run(WAITING, path, pickled) == "interrupted\n"


def test_a_handler_may_ask_for_a_batch(folder):
    """Of the same iterator, which waits meanwhile."""
    batches = Dataset(folder).batches(1)
    seen = []

    def handle(_signal: int, _frame: object) -> None:
        seen.extend(next(batches, []))

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        while batch := next(batches, None):
            seen.extend(batch)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert sorted(seen) == sorted(ALL)


def test_more_shards_than_files_may_be_open(tmp_path):
    for shard in range(300):
        (tmp_path / f"{shard:03}.tfrecord").write_bytes(tfrecord([b"%d" % shard] * 2))
    said = run(
        """
        import sys, threading
        from tfr_index import Dataset, Order
        for most in (None, 250):
            dataset = Dataset(sys.argv[1], max_open_files=most)
            order = Order(600, seed=3)
            seen = [record for batch in dataset.batches(50, order) for record in batch]
            assert seen == [b"%d" % (record // 2) for record in order]
            wrong = []
            def read():
                if dataset.read_many(range(600)) != [b"%d" % (n // 2) for n in range(600)]:
                    wrong.append(1)
            threads = [threading.Thread(target=read) for _ in range(4)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not wrong
        print("done")
        """,
        tmp_path,
        before="ulimit -n 64; ",
    )
    assert said == "done\n"


def test_after_an_error_in_decode_the_state_is_where_its_batch_starts(tmp_path):
    calls = 0

    def decode(payload: bytes) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 25:
            raise ValueError("no")
        return payload

    dataset = Dataset(write(tmp_path), decode=decode)
    batches = dataset.batches(10)
    assert [len(next(batches)), len(next(batches)), batches.state()] == [10, 10, 20]
    with pytest.raises(ValueError, match="no"):
        next(batches)
    assert batches.state() == 20
    assert (next(batches), batches.state()) == (ALL[30:40], 40)
    resumed = dataset.batches(10, Order(len(dataset), start=20))
    assert next(resumed) == ALL[20:30]
