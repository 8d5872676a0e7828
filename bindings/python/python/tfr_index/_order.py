"""`Permutation` and `Order`: which record comes when, without a list of numbers in memory."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, final, overload

from ._arguments import ensure_one_of, integer, refuse
from ._edit import REMAINDERS
from ._library import CData, call, ffi, lib, make
from ._typing import Remainder, Shuffle

if TYPE_CHECKING:
    from ._dataset import Dataset

__all__ = ["Order", "Permutation"]

_SHUFFLES = ("records", "chunks")

_CHUNK = 1024  # numbers of one native call of an iterator


class Numbers(Sequence[int]):
    """A sequence of numbers that a native function computes."""

    __slots__ = ()

    _length: int

    @abstractmethod
    def _fill(self, *arguments: CData) -> None:
        """Calls the native function with `start, numbers_out, capacity, count_out`."""

    def _run(self, start: int, count: int) -> list[int]:
        numbers, filled = ffi.new("uint64_t[]", count), ffi.new("size_t *")
        self._fill(start, numbers, count, filled)
        found: list[int] = ffi.unpack(numbers, filled[0])
        return found

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, position: int) -> int: ...

    @overload
    def __getitem__(self, position: slice) -> list[int]: ...

    def __getitem__(self, position: int | slice) -> int | list[int]:
        try:
            chosen = range(self._length)[position]
        except IndexError:
            raise IndexError(f"position {position} is not in {self!r}") from None
        if isinstance(chosen, int):
            return self._run(chosen, 1)[0]
        if chosen.step == 1:
            return self._run(chosen.start, len(chosen))
        return [self._run(one, 1)[0] for one in chosen]

    def __iter__(self) -> Iterator[int]:
        for start in range(0, self._length, _CHUNK):
            yield from self._run(start, _CHUNK)


@final
class Permutation(Numbers):
    """A random permutation of the numbers from 0 to `length - 1`, in constant memory.

    It is the order for a data set that is too large to shuffle in memory: no table is made, and
    each number is computed when it is needed. A slice is a list of numbers.

    A length and a seed always mean the same permutation, in every version, on every platform and in
    every language. All 64 bits of the seed count, and the permutations of neighbouring seeds have
    nothing in common. Do not use it for secrets.

    Args:
        length: how many numbers to permute, less than 2**64.
        seed: which permutation, less than 2**64.

    Raises:
        TfrValueError: an argument is negative or too large.

    Examples:
        >>> permutation = Permutation(1_000_000_000, seed=7)
        >>> permutation[0], permutation[-1], permutation[10:13]
        (666120653, 780975740, [266614767, 565112847, 670371636])
        >>> permutation.index(666120653)
        0
        >>> list(Permutation(5, seed=7))
        [3, 0, 2, 1, 4]
    """

    __slots__ = ("__weakref__", "_length", "_native", "_seed")

    def __init__(self, length: int, seed: int) -> None:
        self._length = integer("length", length)
        self._seed = integer("seed", seed)
        self._native = make("permutation", lib.tfr_permutation_new, self._length, self._seed)

    def _fill(self, *arguments: CData) -> None:
        call(lib.tfr_permutation_fill, self._native, *arguments)

    @property
    def seed(self) -> int:
        """The seed."""
        return self._seed

    def index(self, value: int, start: int = 0, stop: int | None = None) -> int:
        """Returns the position of a number: the inverse of `permutation[position]`.

        Raises:
            ValueError: the number is not in the permutation, or not between the positions `start`
                and `stop`.
        """
        if value in self:
            found = ffi.new("uint64_t *")
            call(lib.tfr_permutation_position, self._native, value, found)
            position: int = found[0]
            if position in range(*slice(start, stop).indices(self._length)):
                return position
        raise ValueError(f"{value!r} is not in the permutation")

    def __contains__(self, value: object) -> bool:
        try:
            return 0 <= operator.index(value) < self._length  # type: ignore[arg-type]
        except TypeError:
            return False

    def count(self, value: object) -> int:
        """Returns 1 if the permutation has this number, else 0."""
        return int(value in self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Permutation):
            return NotImplemented
        return (self._length, self._seed) == (other._length, other._seed)

    def __hash__(self) -> int:
        return hash((Permutation, self._length, self._seed))

    def __repr__(self) -> str:
        return f"tfr_index.Permutation({self._length}, seed={self._seed})"

    def __reduce__(self) -> tuple[type[Permutation], tuple[int, int]]:
        return Permutation, (self._length, self._seed)


@final
class Order(Numbers):
    """The order in which one rank reads the records of a data set in one epoch.

    The epoch's sequence has all record numbers: from 0 on, or shuffled. Each rank has a run of
    neighbouring positions of the sequence, as `Index.shard` cuts an index by records. The order
    gives the i-th record of the rank's run without the ones before it, so training resumes in the
    middle of an epoch at no cost. It takes constant memory, whatever the number of records.

    It is a plain, immutable value, and the same in every version and every language. A slice is a
    list of record numbers.

    Args:
        num_records: the data set, or its number of records.
        seed: shuffles the records, in each epoch in another order, and for all ranks alike. None:
            they come in sequence. In epoch 0 the order is `Permutation(num_records, seed)`.
        shuffle: what the seed shuffles: "records", or "chunks" of neighbouring records, for
            compressed files. Records that are far apart come together only by chance, chunk by
            chunk. So this is no replacement for "records" if records are sorted, such as by label.
        chunk_records: how many records a chunk has, the same for all ranks. None: what
            `Dataset.chunk_records` returns, if the data set is given.
        epoch: the number of the epoch.
        rank: which part of the sequence this is.
        world_size: how many parts there are.
        remainder: which ranks have how many records if that is not a multiple of `world_size`. With
            "keep", each record is in exactly one part.
        start: how many of the rank's records to leave out, because they were read before.

    Raises:
        TfrValueError: `rank` is not less than `world_size`, the rank has fewer than `start` records
            in this epoch, chunks are shuffled without a seed or their number of records, or another
            argument is out of range.

    Examples:
        >>> order = Order(1_000_000_000, seed=7, epoch=3, rank=1, world_size=4)
        >>> len(order), order[:3]
        (250000000, [546561179, 442901875, 362312677])
        >>> order.replace(start=2)[0]
        362312677
        >>> list(Order(5, rank=1, world_size=2))
        [2, 3, 4]
        >>> Order(1_000_000, seed=7, shuffle="chunks", chunk_records=1_000)[:4]
        [697276, 409348, 956074, 409438]
    """

    __slots__ = ("__weakref__", "_length", "_native", "_state")

    def __init__(
        self,
        num_records: int | Dataset[Any],
        *,
        seed: int | None = None,
        shuffle: Shuffle = "records",
        chunk_records: int | None = None,
        epoch: int = 0,
        rank: int = 0,
        world_size: int = 1,
        remainder: Remainder = "keep",
        start: int = 0,
    ) -> None:
        ensure_one_of("remainder", remainder, REMAINDERS)
        ensure_one_of("shuffle", shuffle, _SHUFFLES)
        if shuffle == "chunks":
            if seed is None:
                raise refuse('shuffle="chunks" needs a seed: pass seed=')
            if chunk_records is None:
                chunk_records = _chunk_records(num_records)
            chunk_records = integer("chunk_records", chunk_records, least=1)
        elif chunk_records is not None:
            raise refuse('chunk_records is for shuffle="chunks"')
        # A data set. Its module imports this one.
        is_data = hasattr(num_records, "chunk_records")
        count = len(num_records) if is_data else num_records  # type: ignore[arg-type]
        state: dict[str, Any] = {
            "num_records": integer("num_records", count),
            "seed": None if seed is None else integer("seed", seed),
            "shuffle": shuffle,
            "chunk_records": chunk_records,
            "epoch": integer("epoch", epoch),
            "rank": integer("rank", rank),
            "world_size": integer("world_size", world_size, least=1),
            "remainder": remainder,
            "start": integer("start", start),
        }
        self._state = state
        self._native = make("order", lib.tfr_order_new, state["num_records"])
        if chunk_records is not None:
            call(lib.tfr_order_set_shuffle_chunks, self._native, state["seed"], chunk_records)
        elif seed is not None:
            call(lib.tfr_order_set_shuffle, self._native, state["seed"])
        call(lib.tfr_order_set_epoch, self._native, state["epoch"])
        shard = state["rank"], state["world_size"], REMAINDERS[remainder]
        call(lib.tfr_order_set_shard, self._native, *shard)
        call(lib.tfr_order_set_start, self._native, state["start"])
        self._length = lib.tfr_order_len(self._native)

    def _fill(self, *arguments: CData) -> None:
        call(lib.tfr_order_fill, self._native, *arguments)

    def state_dict(self) -> dict[str, Any]:
        """Returns the arguments of the order, to store them: `Order(**state)` makes it again.

        Examples:
            >>> Order(5, seed=7, start=2).state_dict()  # doctest: +NORMALIZE_WHITESPACE
            {'num_records': 5, 'seed': 7, 'shuffle': 'records', 'chunk_records': None,
             'epoch': 0, 'rank': 0, 'world_size': 1, 'remainder': 'keep', 'start': 2}
        """
        return dict(self._state)

    def replace(self, **arguments: Any) -> Order:
        """Returns the order with other arguments, by their names.

        Examples:
            >>> Order(5, seed=7, start=2).replace(epoch=1, start=0)
            tfr_index.Order(5, seed=7, epoch=1)
        """
        return Order(**(self._state | arguments))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Order):
            return NotImplemented
        return self._state == other._state

    def __hash__(self) -> int:
        return hash((Order, *self._state.values()))

    def __repr__(self) -> str:
        state = self._state
        names = ["seed"] * (state["seed"] is not None)
        names += ["shuffle", "chunk_records"] * (state["shuffle"] == "chunks")
        names += ["epoch"] * (state["epoch"] != 0)
        if state["world_size"] != 1:
            names += ["rank", "world_size"]
        names += ["remainder"] * (state["remainder"] != "keep") + ["start"] * (state["start"] != 0)
        arguments = "".join(f", {name}={state[name]!r}" for name in names)
        return f"tfr_index.Order({state['num_records']}{arguments})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _order, (self._state,)


def _chunk_records(data: object) -> int:
    """The size of the chunks of a data set."""
    if not hasattr(data, "chunk_records"):
        raise refuse(
            'shuffle="chunks" needs the size of a chunk: pass the data set instead of the number '
            "of its records, or chunk_records="
        )
    records: int = data.chunk_records()
    return records


def _order(state: dict[str, Any]) -> Order:
    """What a pickled order calls."""
    return Order(**state)
