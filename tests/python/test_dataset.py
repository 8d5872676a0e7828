"""`Dataset`: many files as one sequence, compared with the list of all their payloads."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import contextlib
import errno
import json
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
from tfrecords import crc32c, masked, tfrecord

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
            TypeError, match=r"must be an integer, not \w+: read_many\(\) takes several"
        ):
            dataset[records]
    with pytest.raises(TypeError, match="must be an integer, not slice"):
        dataset.locate(slice(1))
    with pytest.raises(TypeError, match="not a mask"):
        dataset.read_many([True] * 13)
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
    with pytest.raises(tfr_index.TfrValueError, match="listed twice"):
        Dataset([path, path], [None, None])
    dataset = Dataset([path, path], [tfr_index.scan(path)] * 2)
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
    with pytest.raises(tfr_index.TfrMismatch, match="has 3 records, but 2 are expected") as caught:
        list(pickle.loads(pickled))
    assert caught.value.path == str(path)


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
    """Looks all the time at how many data files are open."""

    def __init__(self, folder: Path) -> None:
        self.most = 0
        self._folder = folder
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._end.is_set():
            self.most = max(self.most, open_data_files(self._folder))

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()


def open_data_files(folder: Path) -> int:
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # another thread may close it
            name = os.readlink(f"/proc/self/fd/{number}")
            count += name.startswith(f"{folder}/") and name.endswith(".tfrecord")
    return count


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_the_limit_holds_whatever_threads_read(shards, limit):
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

    with Watch(shards) as watch, ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))  # raises what a thread raised
    for iterator, start in zip(iterators[2:], range(20), strict=True):
        assert list(iterator) == expected[start + 1 :]
    # A file that is closed while the directory of descriptors is read may be counted, too.
    assert 0 < watch.most <= 2 * limit
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


def test_a_forked_process_may_use_it_amid_other_threads_uses(shards):
    dataset = Dataset(f"{shards}/*", max_open_files=1)
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            assert dataset.__getitems__([0, 119, 50]) == [b"0 of 0", b"2 of 39", b"2 of 16"]

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        child = os.fork()
        if child == 0:
            os._exit(0 if (dataset[119], dataset[0]) == (b"2 of 39", b"0 of 0") else 1)
        assert os.waitpid(child, 0)[1] == 0
    end.set()
    for thread in threads:
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


# Manifests: no file is opened before it is used.


@pytest.fixture
def manifest(shards) -> Path:
    path = shards / "all.manifest.json"
    tfr_index.Manifest.build(shards).write(path)
    return path


EXPECTED = [b"%d of %d" % (n, number) for number in range(40) for n in range(3)]


def test_a_manifest_opens_nothing(shards, manifest):
    shards.joinpath("07.tfrecord").rename(shards / "hidden")
    in_memory = tfr_index.Manifest.read(manifest)
    for paths in (manifest, str(manifest), os.fsencode(manifest), in_memory):
        dataset = Dataset(paths)
        assert len(dataset) == 120 and dataset.paths[7] == str(shards / "07.tfrecord")
        assert dataset.locate(22) == (str(shards / "07.tfrecord"), 1)
        for copy in (dataset, pickle.loads(pickle.dumps(dataset[::-1]))[::-1]):
            assert open_data_files(shards) == 0
            assert copy[20] == EXPECTED[20] and open_data_files(shards) == 1
            with pytest.raises(FileNotFoundError) as caught:
                copy[21]
            assert caught.value.path == str(shards / "07.tfrecord")
            copy.close()
    shards.joinpath("hidden").rename(shards / "07.tfrecord")
    assert list(dataset) == EXPECTED


def test_a_list_may_have_manifests(shards, manifest):
    tfr_index.Manifest.build(f"{shards}/0*.tfrecord").write(shards / "some.manifest.json")
    shards.joinpath("07.tfrecord").rename(shards / "hidden")
    dataset = Dataset([f"{shards}/1*.tfrecord", shards / "some.manifest.json"])
    assert len(dataset) == 60 and dataset[30] == EXPECTED[0]
    for one in (dataset, pickle.loads(pickle.dumps(dataset))):
        assert one[:30].read_many(range(30)) == EXPECTED[30:60]
        with pytest.raises(FileNotFoundError, match="07"):
            one[30 + 21]


@pytest.mark.parametrize("change", ["more", "other"])
def test_a_file_that_was_replaced_is_named(shards, manifest, change):
    path = shards / "11.tfrecord"
    counted = pickle.loads(pickle.dumps(Dataset(f"{shards}/*.tfrecord")))
    dataset = Dataset(manifest)
    payloads = EXPECTED[33:36] if change == "other" else EXPECTED[33:36] * 2
    path.write_bytes(tfrecord(payloads))
    os.utime(path, ns=(1, 1))
    assert dataset[:33].read_many([32, 0]) == [EXPECTED[32], EXPECTED[0]]
    for one in (dataset, counted)[: 2 if change == "more" else 1]:
        for read in (lambda one=one: one[34], lambda one=one: one.read_many([0, 34])):
            with pytest.raises(tfr_index.TfrMismatch, match=r"was (changed|cut|modi)") as caught:
                read()
            assert caught.value.path == str(path)
    if change == "other":  # only a manifest knows that it was changed
        assert counted[34] == EXPECTED[34]


def test_a_pickle_has_the_path_of_the_manifest(shards, manifest):
    pickled = pickle.dumps(Dataset(manifest)[5:])
    assert b"07.tfrecord" not in pickled and os.fsencode(manifest) in pickled
    assert list(pickle.loads(pickled)) == EXPECTED[5:]
    in_memory = pickle.dumps(Dataset(tfr_index.Manifest.read(manifest), checksums="none"))
    shards.joinpath("39.tfrecord").unlink()
    tfr_index.Manifest.build(f"{shards}/*.tfrecord").write(manifest)
    with pytest.raises(tfr_index.TfrMismatch, match="had 120 records when it was pickled"):
        pickle.loads(pickled)
    assert len(pickle.loads(in_memory)) == 120


def test_a_manifest_has_all_files(shards, manifest):
    given = {"index": [None], "index_dir": shards, "pattern": "*", "allow_missing": True}
    in_memory = tfr_index.Manifest.read(manifest)
    for name, value in given.items():
        with pytest.raises(tfr_index.TfrValueError, match=f"^{name} cannot be given with a Manif"):
            Dataset(in_memory, **{name: value})
        with pytest.raises(tfr_index.TfrValueError, match=f"^{name} cannot be given with split"):
            Dataset(shards, split="train", **{name: value})
    with pytest.raises(tfr_index.TfrValueError, match=r"^pattern cannot be given with a manif"):
        Dataset(manifest, pattern="*")
    with pytest.raises(tfr_index.TfrValueError, match="split needs one path"):
        Dataset([shards], split="train")
    manifest.write_text("{}")
    with pytest.raises(tfr_index.TfrValueError) as caught:
        Dataset(manifest)
    assert caught.value.path == str(manifest)
    empty = shards / "none.manifest.json"
    empty.write_text('{"format": "tfr-index manifest", "version": 1, "shards": []}')
    with contextlib.suppress(tfr_index.TfrValueError):  # an empty one may be refused
        assert repr(Dataset(empty)) == "<tfr_index.Dataset of 0 records of no files>"


def test_a_manifest_may_have_indexes_in_another_directory(shards, manifest, tmp_path):
    indexes = tmp_path / "indexes"
    tfr_index.create_indexes(manifest, indexes)
    for paths in (manifest, [manifest]):
        dataset = Dataset(paths, index_dir=indexes)
        assert len(dataset) == 120 and list(dataset) == list(Dataset(manifest))
        assert len(pickle.loads(pickle.dumps(dataset))) == 120
    first = dataset.paths[0]
    name = f"{Path(first).name}.idx"
    tfr_index.read_index(indexes / name)[:1].write(indexes / name)
    fewer = len(dataset) - len(tfr_index.Reader(first)) + 1
    assert len(Dataset(manifest, index_dir=indexes)) == fewer
    given = [tfr_index.read_index(tfr_index.find_index(path, indexes)) for path in dataset.paths]
    for paths in (manifest, [manifest], dataset.paths):
        assert len(Dataset(paths, index=given)) == fewer
    with pytest.raises(tfr_index.TfrValueError, match="index must have 40 items"):
        Dataset(manifest, index=given[:1])
    with pytest.raises(FileNotFoundError):
        Dataset(manifest, index_dir=tmp_path / "none")


def test_a_split_of_tensorflow_datasets(tmp_path):
    names = [f"pics-train.tfrecord-{shard:05}-of-00002" for shard in range(2)]
    for shard, name in enumerate(names):
        (tmp_path / name).write_bytes(tfrecord([b"%d" % shard] * (shard + 2)))
    size = sum((tmp_path / name).stat().st_size for name in names)
    split = {
        "name": "train",
        "shardLengths": ["2", "3"],
        "numBytes": str(size - 5 * 16),
        "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
    }
    info = {"name": "pics", "fileFormat": "tfrecord", "version": "1.0.0", "splits": [split]}
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    dataset = Dataset(tmp_path, split="train")
    assert len(dataset) == 5 and open_data_files(tmp_path) == 0
    assert list(pickle.loads(pickle.dumps(dataset))) == [b"0"] * 2 + [b"1"] * 3
    with pytest.raises(tfr_index.TfrValueError, match="test"):
        Dataset(tmp_path, split="test")
    assert list(Dataset(tmp_path)) == list(dataset)


def test_which_files_count_in_a_directory(tmp_path):
    for name in ("a.tfr", "b.tfr", "t-00000-of-00002.tfr", "other.bin"):
        (tmp_path / name).write_bytes(tfrecord([os.fsencode(name)]))
    with pytest.raises(FileNotFoundError, match="t-00001-of-00002"):
        Dataset(tmp_path, pattern="*.tfr")
    dataset = Dataset(tmp_path, pattern="*.tfr", allow_missing=True)
    assert list(dataset) == [b"a.tfr", b"b.tfr", b"t-00000-of-00002.tfr"]


def test_little_memory_for_indexes_is_enough(shards):
    dataset = Dataset(f"{shards}/*", index_memory=1, max_open_files=2)
    assert dataset.read_many(range(119, -1, -1)) == EXPECTED[::-1] and list(dataset) == EXPECTED
    with pytest.raises(tfr_index.TfrValueError, match="index_memory must be between 1 and"):
        Dataset(f"{shards}/*", index_memory=0)


@pytest.mark.parametrize("size", [0, 100, 20_000, 3 << 20])
def test_payloads_of_all_sizes(tmp_path, size):
    payloads = [bytes([number]) * (size + number) for number in range(7)]
    for shard in range(7):
        (tmp_path / f"{shard}.tfrecord").write_bytes(tfrecord([payloads[shard], b"small"]))
    dataset = Dataset(tmp_path)
    for _ in range(2):  # the data set learns how large they are
        assert dataset.read_many(range(0, 14, 2)) == payloads
        assert dataset.read_many([1, -1]) == dataset.read_many([13, 1]) == [b"small"] * 2
        assert [dataset[record] for record in range(0, 14, 2)] == payloads
        assert list(dataset[::2]) == payloads
        assert [bytes(one) for one in next(dataset[::2].batches(7, buffers=True))] == payloads
    assert dataset.read_many([]) == []


IN_WORKERS = """
import multiprocessing, sys
from tfr_index import Dataset

def read(dataset):
    return dataset[::7][:], list(dataset[::7]), [b for b in dataset.batches(50)]

if __name__ == "__main__":
    method, *paths = sys.argv[1:]
    for path in paths:
        dataset = Dataset(path)
        expected = read(dataset)[1:]
        with multiprocessing.get_context(method).Pool(2) as pool:
            for found in pool.map(read, [dataset] * 4):
                assert found[1:] == expected and len(found[0]) == len(expected[0])
    print("done")
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_worker_processes(shards, manifest, tmp_path, method):
    script = tmp_path / "in_workers.py"
    script.write_text(IN_WORKERS)
    command = [sys.executable, script, method, f"{shards}/*.tfrecord", manifest]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


COUNTING = """
import os, signal, sys, threading, time
import tfr_index

signal.signal(signal.SIGINT, signal.default_int_handler)

def interrupt():
    start = time.process_time()
    while time.process_time() < start + 0.3:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    tfr_index.Dataset(sys.argv[2:], threads=int(sys.argv[1]), salvage=True, checksums="full")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("threads", [0, 1, 3])
@pytest.mark.parametrize("files", [1, 5])
def test_ctrl_c_ends_the_counting(tmp_path, threads, files):
    paths = [tmp_path / f"{number}.tfrecord" for number in range(files)]
    for path in paths:  # a record of 256 GiB, which takes more than a minute to check
        with path.open("wb") as file:
            length = (2**38 - 16).to_bytes(8, "little")
            file.write(length + masked(crc32c(length)).to_bytes(4, "little"))
            file.truncate(2**38)
    command = [sys.executable, "-c", COUNTING, str(threads), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
