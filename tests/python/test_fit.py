"""A given index is used as it is; one found beside its data must account for all records."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import pickle
import warnings

import pytest
import tfr_index
from tfr_index import Dataset, Reader, TfrStale, TfrWarning
from tfrecords import frame, tfrecord, walk

PAYLOADS = [b"%d" % number * (1 + number % 7) for number in range(2000)]
DATA = tfrecord(PAYLOADS)
END = walk(DATA)[1990][0]


@pytest.fixture(autouse=True)
def every_warning_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(DATA)
    return path


def beside(path):
    return f"{path}.idx"


def warned(open_it, path):
    """Opens the path; checks that this line gets a warning about the index beside it."""
    with pytest.warns(TfrWarning) as caught:
        opened = open_it()
    [warning] = caught
    assert warning.filename == __file__
    error = warning.message.error
    assert error.path == beside(path)
    assert str(warning.message) == str(error)
    assert str(error).endswith("; this index is not used, the data is scanned")
    copy = pickle.loads(pickle.dumps(warning.message))
    assert (str(copy), copy.error.status) == (str(error), error.status)
    return opened, error


@pytest.mark.parametrize("rank", range(4))
def test_shards_that_are_given_are_used(path, rank, tmp_path):
    tfr_index.create_index(path)
    shard = tfr_index.read_index(beside(path)).shard(rank, 4)
    shard.write(tmp_path / "shard.idx")
    expected = PAYLOADS[500 * rank : 500 * (rank + 1)]
    for index in (shard, tmp_path / "shard.idx", str(tmp_path / "shard.idx")):
        assert list(Reader(path, index)) == expected
        assert list(Dataset(path, [index])) == expected
    if rank == 0:  # it looks like a stale one: all records up to some byte
        with pytest.raises(TfrStale):
            shard.check(path)
    assert shard.check(path, allow_partial=True).partial

    shard.write(beside(path))
    reader, error = warned(lambda: Reader(path), path)
    assert (list(reader), error.status) == (PAYLOADS, "TFR_ERR_STALE")
    dataset, _ = warned(lambda: Dataset(path), path)
    assert list(dataset) == PAYLOADS


def test_a_dataset_warns_once_for_each_file(tmp_path):
    paths = [tmp_path / f"{number}" for number in range(20)]
    for number, path in enumerate(paths):
        path.write_bytes(DATA)
        index = tfr_index.scan(path)
        (index if number % 2 else index[1:]).write(beside(path))
    with pytest.warns(TfrWarning) as caught:
        dataset = Dataset(paths, max_open_files=3)
    assert [warning.message.error.path for warning in caught] == list(map(beside, paths[::2]))
    assert {warning.filename for warning in caught} == {__file__}
    # Files that are opened again, here and in a copy, give no second warning.
    for opened in (dataset, pickle.loads(pickle.dumps(dataset))):
        assert sum(1 for _ in opened) == 20 * len(PAYLOADS)
        assert opened[5] == opened.__getitems__([len(PAYLOADS) + 5])[0]
    # But an index that becomes wrong later gives one.
    copy = pickle.loads(pickle.dumps(dataset))
    os.remove(beside(paths[1]))
    os.mkdir(beside(paths[1]))
    item, error = warned(lambda: copy[len(PAYLOADS) + 5], paths[1])
    assert (item, error.status) == (PAYLOADS[5], "TFR_ERR_IO")


ENDS = {
    "cut": DATA[:-1],
    "zeroed": DATA[:END] + bytes(len(DATA) - END),
    "junk": DATA + b"\xaa" * 1000,
    "stray": DATA + b"\n",
    "written": DATA + frame(b"more")[:-1],
}


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("way", ["salvage", "allow_incomplete_tail"])
def test_what_leaves_a_damaged_end_out_is_used(path, name, way):
    path.write_bytes(ENDS[name])
    left_out = []
    try:
        count = tfr_index.create_index(path, **{way: True}, on_skipped=left_out.append)
    except tfr_index.TfrError:
        assert way == "allow_incomplete_tail" and name in ("zeroed", "junk")
        return
    [region] = left_out
    assert region.incomplete_tail == (way == "allow_incomplete_tail")
    fit = tfr_index.read_index(beside(path)).check(path)
    assert (fit.uncovered_bytes, fit.partial) == (region.end - region.start, False)
    assert list(Reader(path)) == list(Dataset(path)) == PAYLOADS[:count]


def test_an_index_that_was_salvaged_does_not_outlive_the_damage(path):
    damaged = bytearray(DATA)
    damaged[5000:9000] = bytes(4000)
    path.write_bytes(damaged)
    left_out = []
    count = tfr_index.create_index(path, checksums="full", salvage=True, on_skipped=left_out.append)
    assert count < len(PAYLOADS)
    assert len(Reader(path)) == len(list(Dataset(path))) == count
    path.write_bytes(DATA)  # copied again, completely
    assert list(warned(lambda: Reader(path), path)[0]) == PAYLOADS
    path.write_bytes(DATA[:20_000])
    tfr_index.create_index(path, salvage=True, on_skipped=left_out.append)
    assert len(Reader(path)) < len(PAYLOADS)
    for data, payloads in ((DATA, PAYLOADS), (DATA * 2, PAYLOADS * 2)):
        path.write_bytes(data)
        assert list(warned(lambda: Reader(path), path)[0]) == payloads
    # The scan fails: its error says that there was an index.
    path.write_bytes(DATA + DATA[:-1])
    with pytest.raises(tfr_index.TfrError) as caught:
        Reader(path)
    assert (caught.value.status, caught.value.path) == ("TFR_ERR_TRUNCATED", str(path))
    assert f"({beside(path)}: record " in str(caught.value)


def test_the_index_of_data_that_was_damaged_since_is_used(path):
    index = tfr_index.scan(path)
    tfr_index.create_index(path)
    for record in (0, 999, 1999):
        start, _ = index[record]
        path.write_bytes(DATA[:start] + bytes(12) + DATA[start + 12 :])
        reader = Reader(path)
        others = [number for number in range(2000) if number != record]
        assert reader.read_many(others) == [PAYLOADS[number] for number in others]
        with pytest.raises(tfr_index.TfrError) as caught:
            reader[record]
        assert (caught.value.status, caught.value.record) == ("TFR_ERR_LENGTH_CRC", record)
        with pytest.raises(tfr_index.TfrError) as caught:
            index.check(path, "headers")
        assert (caught.value.status, caught.value.record) == ("TFR_ERR_LENGTH_CRC", record)


def test_an_index_that_cannot_be_used_is_left_aside(path):
    for text, status in (("no index", "TFR_ERR_INVALID_INDEX"), ("0 99\n", "TFR_ERR_MISMATCH")):
        with open(beside(path), "w") as file:
            file.write(text)
        reader, error = warned(lambda: Reader(path), path)
        assert (len(reader), error.status) == (2000, status)
    os.remove(beside(path))
    assert len(Reader(path)) == 2000  # no index, so no warning
    os.mkfifo(beside(path))
    assert len(warned(lambda: Reader(path), path)[0]) == 2000


@pytest.mark.parametrize("checksums", ["zeros", "ieee"])
def test_data_without_true_checksums_is_read_by_default(path, checksums):
    path.write_bytes(tfrecord(PAYLOADS, checksums))
    for _ in range(2):
        assert list(Reader(path)) == list(Dataset(path)) == PAYLOADS
        tfr_index.create_index(path)
    # The additional records are found by their structure.
    path.write_bytes(tfrecord([*PAYLOADS, b"more"], checksums))
    assert len(warned(lambda: Reader(path), path)[0]) == 2001
    for strict in ("full", "length"):
        with pytest.raises(tfr_index.TfrError, match="checksum"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Reader(path, checksums=strict)


def test_true_checksums_are_checked_by_default(path):
    offset, _ = tfr_index.scan(path)[5]
    path.write_bytes(DATA[: offset + 12] + b"!" + DATA[offset + 13 :])
    for read in (Reader(path), Dataset(path)):
        with pytest.raises(tfr_index.TfrError) as caught:
            read[5]
        assert caught.value.status == "TFR_ERR_PAYLOAD_CRC"
