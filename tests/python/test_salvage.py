"""salvage=, allow_incomplete_tail=, resume=: indexes of damaged and growing files."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import copy
import pickle

import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfrecords import tfrecord, walk

PAYLOADS = [bytes([number]) * (50 + number) for number in range(40)]
DATA = tfrecord(PAYLOADS)
ENTRIES = walk(DATA)


def damaged(records, at):
    """The data, with the byte at `at` changed in the frames of some records."""
    data = bytearray(DATA)
    for record in records:
        offset, size = ENTRIES[record]
        data[offset + at % size] ^= 0x55
    return bytes(data)


@given(st.sets(st.integers(0, len(ENTRIES) - 1), max_size=39), st.integers(0, 100))
def test_leaves_out_the_damaged_records_and_no_others(records, at):
    regions = []
    index = tfr_index.index_bytes(
        damaged(records, at), checksums="full", salvage=True, on_skipped=regions.append, threads=1
    )
    assert list(index) == [ENTRIES[i] for i in range(len(ENTRIES)) if i not in records]
    lost = {byte for region in regions for byte in range(region.start, region.end)}
    frames = [range(offset, offset + size) for offset, size in (ENTRIES[i] for i in records)]
    assert lost == {byte for frame in frames for byte in frame}


def test_a_region_says_where_and_why(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(damaged([3], 0))
    regions = []
    assert tfr_index.create_index(path, salvage=True, on_skipped=regions.append) == len(ENTRIES) - 1
    [region] = regions
    offset, size = ENTRIES[3]
    assert (region.start, region.end, region.record) == (offset, offset + size, 3)
    assert isinstance(region, tfr_index.Skipped)
    assert region.error.status == "TFR_ERR_LENGTH_CRC"
    assert (region.error.record, region.error.offset) == (3, offset)
    assert region.error.path == str(path) and str(region.error).startswith(f"{path}: record 3 ")
    assert len(tfr_index.read_index(f"{path}.idx")) == len(ENTRIES) - 1
    for same in (pickle.loads(pickle.dumps(region)), copy.deepcopy(region)):
        assert same[:3] == region[:3]
        assert str(same.error) == str(region.error)


@pytest.mark.parametrize("name", ["progress", "on_skipped"])
def test_a_callback_that_is_none_is_refused_at_once(name):
    with pytest.raises(TypeError, match=f"{name} must be callable"):
        tfr_index.index_bytes(DATA, **{name: True})


@pytest.mark.parametrize("name", ["salvage", "allow_incomplete_tail"])
def test_without_checksums_nothing_can_be_left_out(name):
    with pytest.raises(tfr_index.TfrValueError, match='checksums="none"'):
        tfr_index.index_bytes(DATA, checksums="none", **{name: True})


def test_good_files_tell_of_nothing(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(DATA)
    assert list(tfr_index.scan(path, salvage=True, on_skipped=pytest.fail)) == ENTRIES


def test_what_is_no_tfrecord_is_an_error_still():
    regions = []
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.index_bytes(
            b"a text that is no TFRecord", salvage=True, on_skipped=regions.append
        )
    assert caught.value.status == "TFR_ERR_NOT_TFRECORD"
    assert not regions


def test_the_callback_stops_it_by_what_it_returns_and_by_what_it_raises():
    with pytest.raises(tfr_index.TfrCancelled):
        tfr_index.index_bytes(damaged([3], 0), salvage=True, on_skipped=lambda region: True)

    class Enough(Exception):
        pass

    def refuse(region):
        raise Enough

    with pytest.raises(Enough):
        tfr_index.index_bytes(
            damaged([3], 0), salvage=True, on_skipped=refuse, progress=lambda *_: False
        )


def test_without_a_callback_a_warning_sums_up():
    with pytest.warns(tfr_index.TfrWarning, match="skipped 2 damaged regions, ") as warned:
        index = tfr_index.index_bytes(damaged([3, 7], 0), salvage=True)
    [warning] = warned
    assert len(index) == len(ENTRIES) - 2 and warning.filename == __file__
    assert warning.message.error.record == 3
    assert f"{ENTRIES[3][1] + ENTRIES[7][1]} bytes in total" in str(warning.message)
    assert list(tfr_index.index_bytes(DATA, salvage=True)) == ENTRIES
    # A record that is still being written is not damage.
    assert len(tfr_index.index_bytes(DATA[:-1], allow_incomplete_tail=True)) == len(ENTRIES) - 1
    tail = tfr_index.index_bytes(DATA[:-1], salvage=True, allow_incomplete_tail=True)
    assert len(tail) == len(ENTRIES) - 1


def test_a_growing_file_is_indexed_bit_by_bit(tmp_path):
    path = tmp_path / "x.tfrecord"
    for end in (0, 5, 200, 201, 1000, len(DATA)):
        path.write_bytes(DATA[:end])
        rest = []
        count = tfr_index.create_index(
            path, resume=True, allow_incomplete_tail=True, on_skipped=rest.append
        )
        assert list(tfr_index.read_index(f"{path}.idx")) == ENTRIES[:count]
        whole = rest[0].start if rest else end
        assert whole == sum(size for _, size in ENTRIES[:count])
        assert all(one.error.status == "TFR_ERR_TRUNCATED" and one.end == end for one in rest)
    assert count == len(ENTRIES)


def test_an_index_of_another_file_is_not_continued(tmp_path):
    path = tmp_path / "x.tfrecord"
    path.write_bytes(DATA)
    index = tmp_path / "x.tfrecord.idx"
    index.write_text("0 50\n")
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.create_index(path, resume=True)
    assert caught.value.status == "TFR_ERR_MISMATCH"
    assert index.read_text() == "0 50\n"
