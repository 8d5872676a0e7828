"""`Dataset`: many files as one sequence, compared with the list of all their payloads."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import contextlib
import errno
import os
import pickle
import random
import shutil
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Dataset
from tfr_index._open_files import OpenFiles
from tfrecords import tfrecord

COUNTS = [5, 0, 1, 7, 0]  # some shards are empty
SHARDS = [[b"%d of %d" % (n, shard) for n in range(count)] for shard, count in enumerate(COUNTS)]
ALL = [payload for shard in SHARDS for payload in shard]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for number, shard in enumerate(SHARDS):
        folder.joinpath(f"x-{number}.tfrecord").write_bytes(tfrecord(shard))
    tfr_index.create_index(folder / "x-3.tfrecord")  # one has an index, the others are scanned
    return folder


@pytest.fixture(params=[1, 2, 256], ids=lambda limit: f"{limit} open")
def dataset(folder, request) -> Dataset:
    return Dataset(f"{folder}/x-*", max_open_files=request.param)


def test_a_data_set_is_a_sequence(dataset, folder):
    assert len(dataset) == len(ALL)
    assert [dataset[record] for record in range(-13, 13)] == ALL + ALL
    assert list(dataset) == ALL
    assert list(reversed(dataset)) == ALL[::-1]
    assert dataset.index(b"0 of 2") == 5
    first, last = folder / "x-0.tfrecord", folder / "x-4.tfrecord"
    assert repr(dataset) == f"<tfr_index.Dataset of 13 records of {first} to {last}>"
    assert dataset.paths == [str(folder / f"x-{shard}.tfrecord") for shard in range(5)]
    for record in (13, -14, 2**70):
        with pytest.raises(
            IndexError, match=rf"^record {record} is not in <tfr_index.Dataset of 13"
        ):
            dataset[record]
        with pytest.raises(IndexError):
            dataset.__getitems__([0, record])


@given(st.slices(13), st.slices(13), st.lists(st.integers(-13, 12), max_size=20))
def test_parts_and_batches(folder, part, of_part, records):
    dataset = Dataset(f"{folder}/x-*", max_open_files=2)
    assert dataset.__getitems__(records) == [ALL[record] for record in records]
    assert dataset.read_many(np.array(records, int)) == [ALL[record] for record in records]
    assert list(dataset[part]) == ALL[part]
    assert list(dataset[part][of_part]) == ALL[part][of_part]
    expected = ALL[part]
    records = [record for record in records if -len(expected) <= record < len(expected)]
    assert dataset[part].__getitems__(records) == [expected[record] for record in records]
    assert [dataset[part][record] for record in records] == [expected[record] for record in records]


def test_what_paths_mean(folder, tmp_path):
    names = [f"{folder}/x-{shard}.tfrecord" for shard in range(5)]
    assert list(Dataset(names[3])) == list(Dataset(Path(names[3]))) == SHARDS[3]
    assert list(Dataset(os.fsencode(names[3]))) == SHARDS[3]
    assert list(Dataset([names[3], names[0]])) == SHARDS[3] + SHARDS[0]
    assert Dataset(iter([names[3], f"{folder}/x-[02]*"])).paths == [names[3], names[0], names[2]]
    odd = tmp_path / "x[0].tfrecord"  # a name, though it looks like a pattern
    odd.write_bytes(tfrecord([b"odd"]))
    assert list(Dataset(odd)) == [b"odd"]
    with pytest.raises(FileNotFoundError, match=r"no-\*: .*: no file matches this pattern$"):
        Dataset(f"{folder}/no-*")
    for nothing in ([], iter(())):
        with pytest.raises(tfr_index.TfrValueError, match="no files are given"):
            Dataset(nothing)
    with pytest.raises(FileNotFoundError):
        Dataset([names[0], f"{folder}/missing.tfrecord"])
    assert Dataset(folder).paths == Dataset(f"{folder}/x-{{0..4}}.tfrecord").paths == names
    assert Dataset(f"{folder}/x-{{3,1}}.tf*").paths == [names[3], names[1]]


def test_a_set_must_be_complete(tmp_path):
    for shard in (0, 1, 3):
        (tmp_path / f"t-{shard:05}-of-00004").write_bytes(tfrecord([b"%d" % shard]))
    for paths in (tmp_path, f"{tmp_path}/t@4", f"{tmp_path}/t-*", [f"{tmp_path}/t@*"]):
        with pytest.raises(tfr_index.TfrFileNotFoundError) as caught:
            Dataset(paths)
        assert caught.value.path == f"{tmp_path}/t-00002-of-00004"
    assert list(Dataset(sorted(tmp_path.iterdir()))) == [b"0", b"1", b"3"]
    (tmp_path / "t-00002-of-00004").write_bytes(tfrecord([b"2"]))
    assert list(Dataset(f"{tmp_path}/t@4")) == list(Dataset(tmp_path)) == [b"0", b"1", b"2", b"3"]
    (tmp_path / "t-00001-of-00002").write_bytes(tfrecord([b"1"]))
    with pytest.raises(tfr_index.TfrValueError, match="t-00001-of-00002: does not belong to"):
        Dataset(tmp_path)


def test_where_records_are(dataset, folder):
    paths = dataset.paths
    places = [(paths[shard], n) for shard, count in enumerate(COUNTS) for n in range(count)]
    assert [dataset.locate(record) for record in range(-13, 13)] == places + places
    assert dataset[::-2].locate(0) == dataset.locate(-1) == (paths[3], 6)
    assert dataset.locate(5)._asdict() == {"path": paths[2], "record": 0}
    with pytest.raises(IndexError):
        dataset.locate(13)
    assert dataset.indexes == dataset[3:].indexes == list(map(tfr_index.scan, paths))
    sizes = [size for index in dataset.indexes for size in index.payload_sizes]
    assert sizes == list(map(len, ALL))
    copy = pickle.loads(pickle.dumps(dataset[9:]))
    assert copy.locate(0) == places[9] and copy.indexes == dataset.indexes


def test_a_record_number_is_an_integer(dataset):
    for records in ([2, 1], np.array([2, 1]), "1", 1.5, None):
        with pytest.raises(
            TypeError, match=r"must be an integer, not \w+: for several records, use read_many\(\)"
        ):
            dataset[records]
    with pytest.raises(TypeError, match="must be an integer, not slice"):
        dataset.locate(slice(1))
    with pytest.raises(TypeError, match="must be an integer, not list"):
        dataset.read_many([[2, 1]])


@given(st.slices(13), st.sampled_from([*ALL, b"", b"9 of 9"]), st.integers(-15, 15), st.integers())
def test_payloads_are_found_as_in_a_list(folder, part, payload, start, stop):
    dataset, expected = Dataset(f"{folder}/x-*")[part], ALL[part]
    assert (payload in dataset) == (payload in expected)
    assert dataset.count(payload) == expected.count(payload)
    for found, bounds in [(True, ()), (True, (start,)), (True, (start, stop))]:
        try:
            found = expected.index(payload, *bounds)
        except ValueError:
            with pytest.raises(ValueError, match="no record has this payload"):
                dataset.index(payload, *bounds)
        else:
            assert dataset.index(payload, *bounds) == found


def test_to_find_a_payload_only_those_of_its_size_are_read(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord([b"a", b"bb", b"ccc", b"bb"]))
    dataset = Dataset([path, path], [None, None])
    data = bytearray(path.read_bytes())
    data[tfr_index.scan(path)[2][0] + 12] ^= 1
    path.write_bytes(data)
    with pytest.raises(tfr_index.TfrError):
        list(dataset)
    for payload in (b"bb", bytearray(b"bb"), memoryview(b"bb")):
        assert (dataset.index(payload), dataset.count(payload), payload in dataset) == (1, 4, True)
    assert dataset[::-1].index(b"bb") == 0 and dataset[2:].index(b"bb", 2) == 3
    assert dataset.count("bb") == dataset.count(None) == dataset.count(b"dd") == 0
    frames = Dataset(path, raw_frames=True)
    assert frames.index(tfrecord([b"bb"])) == 1 and b"bb" not in frames
    with pytest.raises(tfr_index.TfrError):
        b"abc" in dataset  # noqa: B015


def test_decoded_records_are_not_searched(folder):
    dataset = Dataset(f"{folder}/x-*", decode=parse)
    for find in (dataset.index, dataset.count, dataset.__contains__):
        with pytest.raises(TypeError, match="without decode="):
            find((0, 3))


def test_indexes_may_be_given(folder):
    paths = [folder / "x-3.tfrecord", folder / "x-0.tfrecord"]
    index = [f"{paths[0]}.idx", tfr_index.scan(paths[1])[::-1]]
    dataset = Dataset(paths, index)
    assert list(dataset) == list(pickle.loads(pickle.dumps(dataset))) == SHARDS[3] + SHARDS[0][::-1]
    with pytest.raises(
        tfr_index.TfrValueError, match="index must have 2 items, one for each file, not 1"
    ):
        Dataset(paths, index[:1])
    with pytest.raises(tfr_index.TfrValueError, match=r"^max_open_files must be between 1 and"):
        Dataset(paths, max_open_files=0)


def parse(payload: bytes) -> tuple[int, int]:
    number, shard = payload.split(b" of ")
    return int(number), int(shard)


def test_payloads_are_decoded(folder):
    dataset = Dataset(f"{folder}/x-*", decode=parse)
    expected = list(map(parse, ALL))
    assert dataset[6] == (0, 3)
    assert list(dataset) == dataset.__getitems__(range(13)) == expected
    assert list(pickle.loads(pickle.dumps(dataset))[3:9]) == expected[3:9]
    dataset = Dataset(f"{folder}/x-*", decode=lambda payload: 1 // 0)
    for read in (lambda: dataset[7], lambda: dataset.__getitems__([7]), lambda: list(dataset[7:])):
        with pytest.raises(ZeroDivisionError) as caught:
            read()
        assert caught.value.__notes__ == [f"while decoding record 1 of {folder}/x-3.tfrecord"]


def test_options_reach_the_readers(folder):
    assert Dataset(f"{folder}/x-2*", raw_frames=True)[0] == tfrecord(SHARDS[2])
    with pytest.raises(tfr_index.TfrValueError, match="checksums"):
        Dataset(f"{folder}/x-2*", checksums="some")


def test_an_error_names_its_file(tmp_path):
    paths = [tmp_path / f"{shard}.tfrecord" for shard in range(3)]
    for path in paths:
        path.write_bytes(tfrecord([b"a", b"b"]))
    dataset = Dataset(paths)
    paths[1].write_bytes(tfrecord([b"a"]) + b"?" * 17)
    for read in (lambda: dataset[3], lambda: dataset.__getitems__([0, 3]), lambda: list(dataset)):
        with pytest.raises(tfr_index.TfrError) as caught:
            read()
        assert (caught.value.path, caught.value.record) == (str(paths[1]), 1)
    with pytest.raises(tfr_index.TfrError) as caught:
        Dataset(paths)
    assert caught.value.path == str(paths[1])


def open_files(folder: Path) -> int:
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    targets = [os.readlink(link) for link in links if os.path.exists(link)]
    return sum(target.startswith(f"{folder}/") for target in targets)


def test_no_more_files_are_open_than_may_be(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "own")  # other tests' datasets may still be open
    draw = random.Random(1)
    for limit in (1, 3):
        with Dataset(f"{folder}/x-*", max_open_files=limit) as dataset:
            for _ in range(50):
                records = draw.choices(range(13), k=5)
                assert dataset.__getitems__(records) == [ALL[record] for record in records]
                assert open_files(folder) <= limit
        assert open_files(folder) == 0
        assert dataset[0] == ALL[0]  # it can still be used
        dataset.close()


def test_many_threads_use_one_data_set(dataset):
    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(100):
            records = draw.choices(range(13), k=4)
            assert dataset.__getitems__(records) == [ALL[record] for record in records]
            assert dataset[records[0]] == ALL[records[0]]
        assert list(dataset) == ALL

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))  # raises what a thread raised


def test_a_copy_knows_how_many_records_there_were(tmp_path):
    path = tmp_path / "x.tfrecord"
    other = tmp_path / "y.tfrecord"
    for each in (path, other):
        each.write_bytes(tfrecord([b"a", b"b"]))
    pickled = pickle.dumps(Dataset([path, other])[1:])
    assert list(pickle.loads(pickled)) == [b"b", b"a", b"b"]
    path.write_bytes(tfrecord([b"a", b"b", b"c"]))
    with pytest.raises(tfr_index.TfrMismatch, match="has 3 records, but had 2 before"):
        list(pickle.loads(pickled))


@pytest.fixture
def shards(tmp_path):
    """A directory of 40 files with three records each; every fourth has an index."""
    own = tmp_path / "shards"
    own.mkdir()
    for number in range(40):
        path = own / f"{number:02}.tfrecord"
        path.write_bytes(tfrecord([b"%d of %d" % (n, number) for n in range(3)]))
        if number % 4 == 0:
            tfr_index.create_index(path)
    return own


class Watch:
    """The largest number of data files that were open at the same time."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self.most = 0
        open_file = OpenFiles._open

        def opening(files, *arguments) -> tfr_index.Reader:
            reader = open_file(files, *arguments)
            with (
                files._lock
            ):  # so that no file is closed, and its number reused, while they are counted
                self.most = max(self.most, open_data_files(folder))
            return reader

        monkeypatch.setattr(OpenFiles, "_open", opening)


def open_data_files(folder: Path) -> int:
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # another thread may close it
            name = os.readlink(f"/proc/self/fd/{number}")
            count += name.startswith(f"{folder}/") and name.endswith(".tfrecord")
    return count


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_the_limit_holds_at_every_moment(shards, limit, monkeypatch):
    watch = Watch(shards, monkeypatch)
    dataset = Dataset(f"{shards}/*", max_open_files=limit)
    expected = [b"%d of %d" % (n, number) for number in range(40) for n in range(3)]
    iterators = [iter(dataset), reversed(dataset), *(iter(dataset[n:]) for n in range(20))]
    first = [next(iterator) for iterator in iterators]
    assert first == [expected[0], expected[-1], *expected[:20]]

    def work(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(20):
            records = draw.choices(range(120), k=6)
            assert dataset.__getitems__(records) == [expected[record] for record in records]
            assert dataset[records[0]] == expected[records[0]]
            assert list(dataset[records[0] :][:9]) == expected[records[0] :][:9]
            with pytest.raises(IndexError):
                dataset[120]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))  # raises what a thread raised
    for iterator, start in zip(iterators[2:], range(20), strict=True):
        assert list(iterator) == expected[start + 1 :]
    assert 0 < watch.most <= limit
    assert open_data_files(shards) <= limit
    dataset.close()
    assert open_data_files(shards) == 0


def test_errors_that_are_kept_keep_no_file_open(shards):
    for number in range(40):
        path = shards / f"{number:02}.tfrecord"
        data = bytearray(path.read_bytes())
        data[12] ^= 1
        path.write_bytes(data)
    dataset = Dataset(f"{shards}/*", max_open_files=2)
    errors = []
    for number in range(40):
        for read in (dataset.__getitem__, lambda record: list(dataset[record : record + 1])):
            with pytest.raises(tfr_index.TfrError) as caught:
                read(3 * number)
            errors.append(caught.value)
    assert len(errors) == 80 and open_data_files(shards) <= 2


def test_a_data_set_closes_its_files_when_it_is_gone(shards):
    dataset = Dataset(f"{shards}/*")
    part = dataset[5:]
    assert dataset[100] == part[95] and open_data_files(shards) == 40
    del dataset, part
    assert open_data_files(shards) == 0


def test_a_forked_process_may_use_it_amid_another_threads_use(shards):
    dataset = Dataset(f"{shards}/*", max_open_files=1)
    begun, end = threading.Event(), threading.Event()

    def hold(_reader) -> None:
        begun.set()
        end.wait()

    thread = threading.Thread(target=dataset._use, args=[0, hold])
    thread.start()
    begun.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if dataset[119] == b"2 of 39" else 1)
    assert os.waitpid(child, 0)[1] == 0
    end.set()
    thread.join()
    assert dataset[119] == b"2 of 39"


def under_limit(script: str, *arguments: object) -> str:
    """The output of a script in a process limited to 20 descriptors."""
    prologue = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20));"
        "import os, tfr_index; from tfr_index import Dataset\n"
    )
    command = [sys.executable, "-c", prologue + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_files_are_closed_where_the_process_may_open_no_more(tmp_path):
    for number in range(100):
        path = tmp_path / f"{number:03}.tfrecord"
        path.write_bytes(tfrecord([b"%d" % number]))
        if number % 3 > 0:
            tfr_index.create_index(path)
    script = """
        import warnings
        warnings.simplefilter("error")  # an index is used even if descriptors run out
        expected = [b"%d" % number for number in range(100)]
        for limit in (1000, 90, 1000, 90, 1000):
            dataset = Dataset(f"{sys.argv[1]}/*", max_open_files=limit)
            assert list(dataset) == dataset.__getitems__(range(100)) == expected
            assert [dataset[record] for record in range(-1, -101, -1)] == expected[::-1]
            dataset.close()
        # If the program itself holds all descriptors, there is nothing to close.
        others = []
        try:
            while True:
                others.append(open(os.devnull))
        except OSError:
            pass
        try:
            dataset[5]
        except tfr_index.TfrOSError as error:
            print(type(error).__name__, error.errno, error.path, error)
        others.clear()
        assert dataset[5] == b"5"
    """
    said = under_limit(script, tmp_path)
    path = tmp_path / "005.tfrecord"
    assert said.startswith(f"TfrOSError {errno.EMFILE} {path} {path}: ")
    assert "max_open_files" in said and "ulimit -n" in said


def test_no_thread_to_spare_is_no_error(shards, monkeypatch):
    def start(_thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(list(Dataset(f"{shards}/*"))) == 120
