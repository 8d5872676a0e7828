"""`Dataset`: many files as one sequence, held against the list of all their payloads."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "quick")

import os
import pickle
import random
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Dataset
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
    assert dataset.__getitems__(np.array(records, int)) == [ALL[record] for record in records]
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
    assert list(Dataset([names[3], names[0], names[3]])) == SHARDS[3] + SHARDS[0] + SHARDS[3]
    assert Dataset(iter([names[3], f"{folder}/x-[02]*"])).paths == [names[3], names[0], names[2]]
    assert list(Dataset([])) == [] and "no file" in repr(Dataset([]))
    odd = tmp_path / "x[0].tfrecord"  # a name, though it looks like a pattern
    odd.write_bytes(tfrecord([b"odd"]))
    assert list(Dataset(odd)) == [b"odd"]
    with pytest.raises(FileNotFoundError, match=r"no-\*: no file's path is like this pattern"):
        Dataset(f"{folder}/no-*")
    with pytest.raises(FileNotFoundError):
        Dataset([names[0], f"{folder}/missing.tfrecord"])


def test_indexes_may_be_given(folder):
    paths = [folder / "x-3.tfrecord", folder / "x-0.tfrecord"]
    index = [f"{paths[0]}.idx", tfr_index.scan(paths[1])[::-1]]
    dataset = Dataset(paths, index)
    assert list(dataset) == list(pickle.loads(pickle.dumps(dataset))) == SHARDS[3] + SHARDS[0][::-1]
    with pytest.raises(tfr_index.TfrValueError, match="1 indexes for 2 files"):
        Dataset(paths, index[:1])
    with pytest.raises(tfr_index.TfrValueError, match="max_open_files is 0"):
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
        assert caught.value.__notes__ == [f"in record 1 of {folder}/x-3.tfrecord"]


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
    folder = shutil.copytree(folder, tmp_path / "own")  # other tests' data sets may be open yet
    draw = random.Random(1)
    for limit in (1, 3):
        with Dataset(f"{folder}/x-*", max_open_files=limit) as dataset:
            for _ in range(50):
                records = draw.choices(range(13), k=5)
                assert dataset.__getitems__(records) == [ALL[record] for record in records]
                assert open_files(folder) <= limit
        assert open_files(folder) == 0
        assert dataset[0] == ALL[0]  # it can be used on
        dataset.close()


def test_many_threads_use_one_data_set(dataset):
    failed = []

    def work(seed: int) -> None:
        draw = random.Random(seed)
        try:
            for _ in range(100):
                records = draw.choices(range(13), k=4)
                assert dataset.__getitems__(records) == [ALL[record] for record in records]
                assert dataset[records[0]] == ALL[records[0]]
            assert list(dataset) == ALL
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=[seed]) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_copy_knows_how_many_records_there_were(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(tfrecord([b"a", b"b"]))
    pickled = pickle.dumps(Dataset([path, path])[1:])
    assert list(pickle.loads(pickled)) == [b"b", b"a", b"b"]
    path.write_bytes(tfrecord([b"a", b"b", b"c"]))
    with pytest.raises(tfr_index.TfrMismatch, match="has 3 records, but had 2 before"):
        list(pickle.loads(pickled))
