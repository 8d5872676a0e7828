"""Edits of `Index`, compared with the same in plain Python."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

from array import array

import numpy
import pytest
import tfr_index
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Index

U64 = 2**64


def index_of(sizes: list[int]) -> Index:
    return Index([(sum(sizes[:record]), size) for record, size in enumerate(sizes)])


INDEX = index_of([21, 16, 19, 116, 16])
sizes = st.lists(st.integers(16, 5000), max_size=40)
seeds = st.integers(0, U64 - 1)


def order(length: int, seed: int) -> list[int]:
    """The order for a seed, as documented."""
    numbers = list(range(length))
    for drawn in range(length):
        left = length - drawn
        while True:
            seed = (seed + 0x9E3779B97F4A7C15) % U64
            mixed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 % U64
            mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % U64
            product = (mixed ^ mixed >> 31) * left
            if product % U64 >= U64 % left:
                break
        other = drawn + product // U64
        numbers[drawn], numbers[other] = numbers[other], numbers[drawn]
    return numbers


@given(sizes, st.data())
def test_selects_what_a_list_would(some, data):
    index, length = index_of(some), len(some)
    numbers = st.lists(st.integers(-length, length - 1)) if some else st.just([])
    numbers = data.draw(numbers)
    expected = [index[number] for number in numbers]
    assert list(index.select(numbers)) == expected
    assert list(index.select(iter(numbers))) == expected
    for kind in (numpy.int64, numpy.int32, numpy.dtype(">i8")):
        assert list(index.select(numpy.array(numbers, kind))) == expected
    strided = numpy.repeat(numpy.array(numbers, numpy.int64), 2)[::2]
    assert list(index.select(strided)) == expected


def test_selects_by_every_kind_of_number():
    expected = [INDEX[4], INDEX[0]]
    for numbers in [
        (4, 0),
        [numpy.uint8(4), numpy.int64(0)],
        numpy.array([4, 0], numpy.uint64),
        numpy.array([4, 0], numpy.uint8),
        array("q", [4, 0]),
        range(4, -1, -4),
        {4: "four", 0: "none"},
    ]:
        assert list(INDEX.select(numbers)) == expected
    assert list(INDEX.select(numpy.array([], numpy.int64))) == list(INDEX.select([])) == []


@given(st.lists(st.booleans(), min_size=5, max_size=5))
def test_selects_by_mask(mask):
    expected = [entry for entry, chosen in zip(INDEX, mask, strict=True) if chosen]
    assert list(INDEX.select(mask)) == list(INDEX.select(tuple(mask))) == expected
    assert list(INDEX.select(numpy.array(mask))) == expected
    assert list(INDEX.select(numpy.repeat(numpy.array(mask), 3)[::3])) == expected

    class Series:  # like pandas': no buffer, but an array
        def __array__(self):
            return numpy.array(mask)

    assert list(INDEX.select(Series())) == expected


@pytest.mark.parametrize("bad", [[0, 5], [-6], numpy.array([5]), numpy.array([-6]), [2**70]])
def test_numbers_that_are_no_records(bad):
    with pytest.raises(IndexError):
        INDEX.select(bad)


@pytest.mark.parametrize("bad", [5, None, [1.0], numpy.array([1.0]), ["1"], "1", [(1,)]])
def test_things_that_are_no_numbers(bad):
    with pytest.raises(TypeError):
        INDEX.select(bad)


@pytest.mark.parametrize("length", [1, 4, 6])
def test_masks_of_another_length(length):
    for mask in ([True] * length, numpy.ones(length, bool)):
        with pytest.raises(tfr_index.TfrValueError, match=f"the mask has {length} items"):
            INDEX.select(mask)


@given(sizes, st.integers(0, 5000), st.integers(0, 5000))
def test_filters_by_the_payload(some, least, most):
    index = index_of(some)
    assert list(index.filter_size(least, most)) == [
        (offset, size) for offset, size in index if least <= size - 16 <= most
    ]
    assert list(index.filter_size(max=most)) == list(index.filter_size(0, most))
    assert list(index.filter_size(least)) == list(index.filter_size(least, 2**63))


@given(sizes, seeds, st.data())
def test_orders_are_those_of_the_description(some, seed, data):
    index, numbers = index_of(some), order(len(some), seed)
    assert index.shuffle(seed) == index.select(numbers)
    count = data.draw(st.integers(0, len(some)))
    assert index.sample(count, seed) == index.select(sorted(numbers[:count]))


def test_orders_never_change():  # as in Rust and in C
    index = index_of([16] * 1000)
    expected = [741, 160, 280, 346, 41, 868, 223, 802]
    assert [offset // 16 for offset, _ in index.shuffle(42)[:8]] == expected


@given(sizes, st.integers(1, 50))
def test_shards_have_each_record_once(some, world_size):
    index = index_of(some)
    for by in ("records", "bytes"):
        shards = [index.shard(rank, world_size, by) for rank in range(world_size)]
        assert [entry for shard in shards for entry in shard] == list(index)
    for remainder, length in (
        ("drop", len(some) // world_size),
        ("pad", -(-len(some) // world_size)),
    ):
        for rank in range(world_size):
            first = len(some) * rank // world_size
            expected = index[first : first + length]
            assert (
                index.shard(rank, world_size, remainder=remainder) == expected
                and len(expected) == length
            )


@given(st.lists(sizes, max_size=5))
def test_concatenations(parts):
    whole = Index.concat((index_of(part), sum(part)) for part in parts)
    assert whole == index_of([size for part in parts for size in part])


@pytest.mark.parametrize(
    "edit",
    [
        lambda: INDEX.sample(6, 0),
        lambda: INDEX.sample(-1, 0),
        lambda: INDEX.sample(1, -1),
        lambda: INDEX.shuffle(-1),
        lambda: INDEX.shuffle(U64),
        lambda: INDEX.filter_size(-1),
        lambda: INDEX.filter_size(0, U64),
        lambda: INDEX.shard(0, 0),
        lambda: INDEX.shard(2, 2),
        lambda: INDEX.shard(-1, 2),
        lambda: INDEX.shard(0, 2, by="size"),
        lambda: INDEX.shard(0, 2, remainder="yes"),
        lambda: INDEX.shard(0, 2, by="bytes", remainder="pad"),
        lambda: Index.concat([(INDEX, -1)]),
        lambda: Index.concat([(INDEX, 2**63 - 1)] * 2),
    ],
)
def test_what_makes_no_sense_is_a_value_error(edit):
    with pytest.raises(tfr_index.TfrValueError):
        edit()


def test_concatenation_of_a_stale_index():
    with pytest.raises(tfr_index.TfrMismatch) as caught:
        Index.concat([(INDEX, 188), (INDEX, 187)])
    assert (caught.value.record, caught.value.offset) == (4, 172)


def test_wrong_types_are_type_errors():
    for edit in (
        lambda: INDEX.shuffle(1.0),
        lambda: INDEX.shuffle(None),
        lambda: INDEX.sample("1", 0),
        lambda: Index.concat([(INDEX, None)]),
    ):
        with pytest.raises(TypeError):
            edit()
