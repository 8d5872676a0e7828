"""`Index`: a sequence of (offset, size), two columns of numbers, and a text."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import collections.abc
import copy
import gc
import pickle

import numpy
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Index
from tfrecords import index_text, tfrecord, walk

I64_MAX = 2**63 - 1
ENTRIES = walk(tfrecord([bytes(length) for length in (5, 0, 300, 1, 5, 77)]))
INDEX = Index(ENTRIES)

entries = st.lists(
    st.integers(16, I64_MAX).flatmap(
        lambda size: st.tuples(st.integers(0, I64_MAX - size), st.just(size))
    )
)


def test_is_a_sequence_of_pairs():
    assert isinstance(INDEX, collections.abc.Sequence)
    assert len(INDEX) == 6
    assert INDEX[0] == ENTRIES[0]
    assert INDEX[-1] == ENTRIES[-1]
    assert type(INDEX[2]) is tuple
    assert [type(number) for number in INDEX[2]] == [int, int]
    offset, size = INDEX[3]
    assert (offset, size) == ENTRIES[3]
    assert list(INDEX) == ENTRIES
    assert list(reversed(INDEX)) == ENTRIES[::-1]
    assert bool(INDEX) and not bool(Index([]))


def test_finds_entries():
    assert ENTRIES[4] in INDEX
    assert (0, 17) not in INDEX
    assert "text" not in INDEX
    assert INDEX.index(ENTRIES[4]) == 4
    assert INDEX.count(ENTRIES[4]) == 1
    with pytest.raises(ValueError):
        INDEX.index((0, 17))


@pytest.mark.parametrize("record", [6, -7, 2**40, -(2**40), 2**70])
def test_beyond_the_end_is_an_index_error(record):
    with pytest.raises(IndexError):
        INDEX[record]


def test_takes_whatever_is_an_integer():
    assert INDEX[numpy.int64(2)] == INDEX[numpy.uint8(2)] == ENTRIES[2]
    for record in (1.0, "1", None, (1, 2)):
        with pytest.raises(TypeError):
            INDEX[record]


def test_cannot_be_changed():
    with pytest.raises(TypeError):
        INDEX[0] = (0, 16)
    with pytest.raises(TypeError):
        del INDEX[0]
    with pytest.raises(TypeError):
        INDEX.offsets[0] = 1


@given(entries, st.slices(12))
def test_sizes_of_payloads(some, part):
    index = Index(some)[part]
    sizes = index.payload_sizes
    assert sizes.tolist() == [size - 16 for _, size in some[part]]
    assert sizes.readonly and sizes.c_contiguous and sizes.format == "Q"
    assert index.payload_sizes.obj is sizes.obj  # computed once
    assert numpy.asarray(sizes).dtype == numpy.uint64


@given(entries, st.slices(12))
def test_slices_are_indexes(some, part):
    index = Index(some)[part]
    assert type(index) is Index
    assert list(index) == some[part]
    assert index.to_text() == index_text(some[part])
    assert index.offsets.tolist() == [offset for offset, _ in some[part]]
    assert list(index[::-1]) == some[part][::-1]


def test_slice_outlives_what_it_was_cut_from():
    whole = Index(ENTRIES * 1000)
    part = whole[1::2][10:]
    del whole
    gc.collect()
    assert list(part) == (ENTRIES * 1000)[1::2][10:]


@given(entries, entries)
def test_equality_is_that_of_the_entries(some, others):
    assert Index(some) == Index(tuple(some))
    assert (Index(some) == Index(others)) == (some == others)
    assert (Index(some) != Index(others)) == (some != others)


def test_equality_with_others():
    assert INDEX != "index"
    assert INDEX[:-1] != INDEX
    with pytest.raises(TypeError):
        hash(INDEX)


@given(entries)
def test_columns(some):
    index = Index(some)
    for column, number in ((index.offsets, 0), (index.sizes, 1)):
        assert type(column) is memoryview
        assert (column.format, column.itemsize, column.ndim) == ("Q", 8, 1)
        assert column.readonly
        assert column.tolist() == [entry[number] for entry in some]


def test_columns_are_numpy_arrays_without_a_copy():
    index = tfr_index.index_bytes(tfrecord([b"x" * length for length in range(100)]))
    expected = list(index)
    offsets, again = numpy.asarray(index.offsets), numpy.asarray(index.offsets)
    sizes = numpy.asarray(index.sizes)
    assert offsets.dtype == sizes.dtype == numpy.uint64
    assert numpy.shares_memory(offsets, again)
    assert numpy.may_share_memory(offsets, sizes)  # two columns of one table
    assert not offsets.flags.writeable
    del index, again
    gc.collect()
    assert list(zip(offsets.tolist(), sizes.tolist(), strict=True)) == expected


@given(entries)
def test_text_and_back(some):
    text = Index(some).to_text()
    assert text == index_text(some)
    assert list(Index.from_text(text)) == list(Index.from_text(text.encode())) == some


def test_written_and_read(tmp_path):
    path = tmp_path / "some.idx"
    INDEX[::-2].write(path)
    assert path.read_text() == index_text(ENTRIES[::-2])
    assert tfr_index.read_index(path) == INDEX[::-2]
    assert [file.name for file in tmp_path.iterdir()] == ["some.idx"]


def test_made_from_any_iterable():
    assert Index(entry for entry in ENTRIES) == Index(INDEX) == Index(map(list, ENTRIES)) == INDEX
    assert Index(numpy.array(ENTRIES)) == INDEX
    assert len(Index([])) == 0
    assert Index([(I64_MAX - 16, 16)])[0] == (I64_MAX - 16, 16)


@pytest.mark.parametrize("bad", [(0, 15), (0, 0), (I64_MAX, 16), (-1, 16), (0, -16), (0, 2**64)])
def test_impossible_entries_are_refused(bad):
    with pytest.raises((ValueError, OverflowError)):
        Index([(0, 16), bad])


@pytest.mark.parametrize("bad", [(0,), (0, 16, 0), 16, "0 16", ("0", "16"), (0.0, 16.0), None])
def test_things_that_are_no_entries_are_refused(bad):
    with pytest.raises((TypeError, ValueError)):
        Index([(0, 16), bad])


@given(entries)
def test_pickle_and_copy(some):
    index = Index(some)
    for again in (pickle.loads(pickle.dumps(index)), copy.copy(index), copy.deepcopy(index)):
        assert type(again) is Index
        assert again == index


def test_repr_is_short_and_tells_the_length():
    assert "6" in repr(INDEX)
    assert len(repr(Index(ENTRIES * 10_000))) < 200
