"""`Permutation`, `Order` and `Sampler`: the tables of tests/data, lists as oracles, memory."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import json
import pickle
import subprocess
import sys
import types

import numpy
import pytest
import tfr_index
from environment import TESTS
from hypothesis import given
from hypothesis import strategies as st
from tfr_index import Order, Permutation, Sampler

REMAINDERS = ("keep", "drop", "pad")
seeds = st.integers(0, 2**64 - 1)


def rows(table):
    lines = (TESTS / "data" / table).read_text().splitlines()
    found = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(found) > 700
    return found


def test_the_tables_are_what_their_script_writes():
    script = TESTS / "data" / "make_orders.py"
    subprocess.run([sys.executable, script, "--check"], check=True)


def test_permutations_are_those_of_the_table():
    for row in rows("permutations.tsv"):
        length, seed, position, number = map(int, row)
        permutation = Permutation(length, seed)
        assert permutation[position] == number, row
        assert permutation.index(number) == position, row


def test_orders_are_those_of_the_table():
    for row in rows("orders.tsv"):
        records, seed, chunk, *numbers, remainder, start, length, i, record = row
        epoch, rank, world_size = map(int, numbers)
        order = Order(
            int(records),
            seed=None if seed == "-" else int(seed),
            shuffle="records" if chunk == "-" else "chunks",
            chunk_records=None if chunk == "-" else int(chunk),
            epoch=epoch,
            rank=rank,
            world_size=world_size,
            remainder=remainder,
            start=int(start),
        )
        assert order[int(i)] == int(record)
        with pytest.raises(IndexError):
            order[int(length)]


slices = st.slices(60) | st.builds(slice, st.none() | st.integers(-70, 70))


@given(st.integers(0, 60), seeds, slices, st.integers(-70, 70))
def test_a_permutation_is_a_sequence(length, seed, part, position):
    permutation = Permutation(length, seed)
    numbers = list(permutation)
    assert sorted(numbers) == list(range(length)) and len(permutation) == length
    assert permutation[part] == numbers[part]
    assert list(reversed(permutation)) == numbers[::-1]
    if -length <= position < length:
        assert permutation[position] == numbers[position]
        assert permutation.index(numbers[position]) == numbers.index(numbers[position])
        assert permutation.count(numbers[position]) == 1
    else:
        with pytest.raises(IndexError):
            permutation[position]


def test_a_long_permutation_is_iterated_in_pieces():
    permutation = Permutation(10_000, 1)
    numbers = list(permutation)
    assert numbers == permutation[:] and sorted(numbers) == list(range(10_000))
    assert numbers[5_000:1_000:-7] == permutation[5_000:1_000:-7]
    assert next(iter(Permutation(2**64 - 1, 1))) == Permutation(2**64 - 1, 1)[0]


def test_where_a_number_is():
    permutation = Permutation(1000, 7)
    position = permutation.index(numpy.int64(5))
    assert permutation.index(5, position) == permutation.index(5, 0, position + 1) == position
    for outside in ((5, position + 1), (5, 0, position), (1000,), (-1,)):
        with pytest.raises(ValueError, match="is not in the permutation"):
            permutation.index(*outside)
    assert 999 in permutation and numpy.int64(0) in permutation
    assert 1000 not in permutation and -1 not in permutation and "0" not in permutation
    assert permutation.count(1000) == 0


@given(
    st.integers(1, 300),
    seeds,
    st.integers(1, 60),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_ranks_share_the_chunks_of_an_epoch(count, seed, size, epoch, world_size, start):
    """Each record comes once, those of a dozen chunks together, and a rank resumes anywhere."""
    common = {"seed": seed, "shuffle": "chunks", "chunk_records": size, "epoch": epoch}
    records = []
    for rank in range(world_size):
        order = Order(count, rank=rank, world_size=world_size, **common)
        here = list(order)
        place = min(start, len(here))
        assert order.replace(start=place)[:] == here[place:]
        records += here
    assert sorted(records) == list(range(count))
    assert records == list(Order(count, **common))
    position = 0
    while position < count:
        # A window ends before the record of another chunk than its dozen.
        chunks = set()
        while position < count and len(chunks | {records[position] // size}) <= 12:
            chunks.add(records[position] // size)
            position += 1
        assert not chunks & {record // size for record in records[position:]}


@given(
    st.integers(0, 200),
    st.none() | seeds,
    seeds,
    st.integers(1, 30),
    st.sampled_from(REMAINDERS),
    st.data(),
)
def test_an_order_is_a_part_of_the_epochs_sequence(
    num_records, seed, epoch, world_size, remainder, data
):
    rank = data.draw(st.integers(0, world_size - 1))
    order = Order(num_records, seed=seed, epoch=epoch, rank=rank, world_size=world_size)
    order = order.replace(remainder=remainder)
    whole = list(Order(num_records, seed=seed, epoch=epoch))
    index = tfr_index.Index([(record, 16) for record in whole])
    shard = index.shard(rank, world_size, remainder=remainder)
    numbers = [offset for offset, _ in shard]
    assert list(order) == order[:] == numbers and len(order) == len(numbers)
    start = data.draw(st.integers(0, len(numbers)))
    assert list(order.replace(start=start)) == numbers[start:]
    if seed is not None and epoch == 0:
        assert whole == list(Permutation(num_records, seed))


def test_values():
    """Equal, hashable, pickled, shown, and stored in JSON."""
    values = [
        Permutation(5, 7),
        Permutation(5, seed=8),
        Permutation(6, seed=7),
        Order(5),
        Order(5, seed=7),
        Order(5, epoch=1),
        Order(5, rank=1, world_size=2),
        Order(5, rank=1, world_size=2, remainder="pad"),
        Order(5, seed=7, shuffle="chunks", chunk_records=2),
        Order(5, seed=2**64 - 1, epoch=3, rank=1, world_size=2, remainder="drop", start=1),
    ]
    for value in values:
        same = pickle.loads(pickle.dumps(value))
        assert same == value and hash(same) == hash(value) and list(same) == list(value)
        assert eval(repr(value), {"tfr_index": tfr_index}) == value
    assert len(set(values)) == len(values)
    assert values[0] != values[4] and values[0] != [3, 0, 2, 1, 4]
    for order in values[3:]:
        assert Order(**json.loads(json.dumps(order.state_dict()))) == order
    assert values[-1].replace(rank=0, start=0) == Order(
        5, seed=2**64 - 1, epoch=3, world_size=2, remainder="drop"
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Permutation(-1, 0), r"length must be between 0 and 2\*\*64 - 1, not -1"),
        (lambda: Permutation(2**64, 0), "length must be between"),
        (lambda: Permutation(1, -1), "seed must be between"),
        (lambda: Order(-1), "num_records must be between"),
        (lambda: Order(1, seed=2**64), "seed must be between"),
        (lambda: Order(1, epoch=-1), "epoch must be between"),
        (lambda: Order(1, rank=2, world_size=2), "rank must be less than world_size, 2, not 2"),
        (lambda: Order(1, world_size=0), r"world_size must be between 1 and 2\*\*64 - 1, not 0"),
        (lambda: Sampler(1, rank=0, world_size=0), "world_size must be between 1"),
        (lambda: Sampler(400).state_dict(start=401), "start must be at most 400"),
        (lambda: Sampler(4).load_state_dict({}), "the state has no 'num_records': pass what state"),
        (lambda: Sampler(4).load_state_dict({"num_records": 4, "world_size": 1}), "no 'remainder'"),
        (lambda: Order(9, start=10), "start must be at most 9, the number of records of rank 0"),
        (
            lambda: Order(9, shuffle="chunks", chunk_records=1),
            'shuffle="chunks" needs a seed: pass',
        ),
        (lambda: Order(9, seed=7, shuffle="chunks"), "pass the data set instead of the number"),
        (lambda: Order(9, seed=7, shuffle="chunks", chunk_records=0), "chunk_records must be betw"),
        (lambda: Order(9, seed=7, chunk_records=3), 'chunk_records is for shuffle="chunks"'),
        (lambda: Order(9, seed=7, shuffle="all"), "shuffle must be one of 'records', 'chunks'"),
        (lambda: Sampler("four", seed=7, shuffle="chunks"), "pass the data set instead of the num"),
        (lambda: Order(1, remainder="cut"), "remainder must be one of 'keep', 'drop', 'pad'"),
        (lambda: Sampler(1, rank=0), "pass both of them, or neither"),
        (lambda: Sampler(-1), "data must be between"),
        (lambda: Sampler(9).state_dict(start=-1), "start must be between"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(tfr_index.TfrValueError, match=message):
        wrong()


def test_a_position_that_is_not_there_is_named():
    for numbers, shown in (
        (Order(5, seed=7), "tfr_index.Order(5, seed=7)"),
        (Permutation(5, 7), "tfr_index.Permutation(5, seed=7)"),
    ):
        for position in (5, -6, 10**30):
            with pytest.raises(IndexError) as caught:
                numbers[position]
            assert str(caught.value) == f"position {position} is not in {shown}"
        assert numbers[5:] == [] and len(numbers[:99]) == 5


def test_a_sampler_gives_the_orders_of_the_epochs():
    ranks = [Sampler([None] * 10, seed=7, rank=rank, world_size=3) for rank in range(3)]
    for epoch in (0, 1, 5):
        for rank, sampler in enumerate(ranks):
            sampler.set_epoch(epoch)
            assert sampler.epoch == epoch and len(sampler) == 4  # padded
            order = Order(10, seed=7, epoch=epoch, rank=rank, world_size=3, remainder="pad")
            assert sampler.order == order
            assert list(sampler) == list(sampler) == list(order)
        assert {record for sampler in ranks for record in sampler} == set(range(10))
    assert list(Sampler(5)) == [0, 1, 2, 3, 4]


def test_a_sampler_resumes():
    def make(rank=0, **arguments):
        return Sampler(100, **{"seed": 7, "rank": rank, "world_size": 3, **arguments})

    whole = make()
    whole.set_epoch(2)
    records = list(whole)
    for steps in (0, 1, 20, 34):
        sampler = make()
        sampler.set_epoch(2)
        iterator = iter(sampler)
        assert [next(iterator) for _ in range(steps)] == records[:steps]
        state = json.loads(json.dumps(sampler.state_dict()))
        assert state == whole.state_dict(start=steps)  # what PyTorch's workers need
        resumed = make(seed=1)
        resumed.load_state_dict(state)
        resumed.set_epoch(2)  # changes nothing
        assert len(resumed) == 34 - steps and resumed.state_dict() == state
        assert list(resumed) == records[steps:]
        assert list(resumed) == records  # the next time, from the first record on
        resumed.load_state_dict(state)
        resumed.set_epoch(3)
        assert len(list(resumed)) == 34
        other = make(rank=2)
        other.load_state_dict(state)  # of another rank
        assert list(other) == make(rank=2).order.replace(epoch=2)[steps:]
        assert list(pickle.loads(pickle.dumps(other))) == make(rank=2).order.replace(epoch=2)[:]


def test_a_sampler_continues_with_the_chunks_of_a_state():
    sampler = Sampler(100, seed=7, shuffle="chunks", chunk_records=5)
    records = list(sampler)
    assert records == list(Order(100, seed=7, shuffle="chunks", chunk_records=5))
    for resumed in (Sampler(100), Sampler(100, seed=7, shuffle="chunks", chunk_records=9)):
        resumed.load_state_dict(json.loads(json.dumps(sampler.state_dict(start=30))))
        assert list(resumed) == records[30:]


def test_a_state_of_other_data_is_refused():
    state = Sampler(100, seed=7, rank=0, world_size=2).state_dict(start=5)
    for other, name in (
        (Sampler(101, rank=0, world_size=2), "num_records 100, but the sampler 101"),
        (Sampler(100, rank=0, world_size=3), "world_size 2, but the sampler 3"),
        (Sampler(100, rank=0, world_size=2, remainder="drop"), "remainder 'pad', but"),
    ):
        before = other.state_dict()
        with pytest.raises(tfr_index.TfrValueError, match=name):
            other.load_state_dict(state)
        assert other.state_dict() == before
    other = Sampler(100, rank=0, world_size=3)
    other.load_state_dict(state | {"start": 0})  # a new epoch may have other ranks
    assert other.order == Order(100, seed=7, world_size=3, remainder="pad")


def test_ranks_are_those_of_torch(monkeypatch):
    distributed = types.SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: False,
        get_rank=lambda: 2,
        get_world_size=lambda: 4,
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(distributed=distributed))
    assert Sampler(8).order == Order(8, remainder="pad")
    distributed.is_initialized = lambda: True
    assert list(Sampler(8)) == [4, 5]
    assert list(Sampler(8, rank=0, world_size=1)) == list(range(8))


def test_a_billion_records_take_no_memory():
    """Half an epoch of a billion records is skipped, and resumed, in less than 1 MB."""
    program = """
import resource, tfr_index
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KB
next(iter(tfr_index.Sampler(10, seed=7)))
before = peak()
sampler = tfr_index.Sampler(10**9, seed=7)
sampler.load_state_dict(sampler.state_dict(start=5 * 10**8))
records = iter(sampler)
first = [next(records) for _ in range(3)]
for _ in zip(range(100_000), records):
    pass
order = tfr_index.Order(10**9, seed=7)
assert order[5 * 10**8 : 5 * 10**8 + 3] == first
permutation = tfr_index.Permutation(10**9, 7)
assert permutation.index(first[0]) == 5 * 10**8
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert int(done.stdout) < 1_000
