"""Edits: new indexes of the same data, made from an index without reading the data."""

from __future__ import annotations

import operator
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from typing import Any, Self

from ._arguments import ensure_one_of, integer, refuse
from ._errors import TfrError
from ._library import CData, ffi, lib
from ._typing import Buffer, Remainder, ShardBy

_BY = {"records": lib.TFR_SHARD_BY_RECORDS, "bytes": lib.TFR_SHARD_BY_BYTES}
REMAINDERS = {
    "keep": lib.TFR_REMAINDER_KEEP,
    "drop": lib.TFR_REMAINDER_DROP,
    "pad": lib.TFR_REMAINDER_PAD,
}


class Edits(Sequence[tuple[int, int]]):
    """The edits of `Index`: each returns a new index."""

    __slots__ = ()

    _native: CData

    @classmethod
    @abstractmethod
    def _made_by(cls, function: Callable[..., int], *arguments: CData) -> Self: ...

    def select(self, records: Iterable[int] | Buffer) -> Self:
        """Selects records by number, in the given order. A number may appear more than once.

        Args:
            records: record numbers, where negative ones count from the end; or a mask with one bool
                for each record. A list, a numpy array, a pandas Series or any other iterable.

        Raises:
            IndexError: there is no record with one of the numbers.
            TfrValueError: the mask is longer or shorter than the index.
            TypeError: the numbers are not integers.

        Examples:
            >>> import tfr_index
            >>> index = tfr_index.Index([(0, 21), (21, 16), (37, 19)])
            >>> list(index.select([-1, 0, 0]))
            [(37, 19), (0, 21), (0, 21)]
            >>> list(index.select([size > 16 for size in index.sizes]))
            [(0, 21), (37, 19)]
        """
        if hasattr(records, "__array__"):  # of numpy, pandas, torch and others
            records = records.__array__()
        mask = _as_mask(records)
        if mask is not None and len(mask) != len(self):
            raise refuse(
                f"the mask has {len(mask)} items, but the index has {len(self)} records: "
                "a mask needs one bool for each record"
            )
        if mask is not None:
            return self._of_numbers(array("L", compress(range(len(self)), mask)))
        numbers = _as_numbers(records)
        try:
            return self._of_numbers(numbers)
        except TfrError as error:
            if error.status != "TFR_ERR_OUT_OF_RANGE":
                raise

        def from_the_start(number: int) -> int:
            self[number]  # raises IndexError if there is no such record
            return number % len(self)

        return self._of_numbers(array("L", map(from_the_start, numbers)))

    def _of_numbers(self, numbers: Buffer) -> Self:
        pointer = ffi.from_buffer("size_t[]", numbers)
        return self._made_by(lib.tfr_index_select, self._native, pointer, len(pointer))

    def filter_size(self, min: int = 0, max: int | None = None) -> Self:
        """Selects the records whose payloads have `min` to `max` bytes, both included.

        They keep the order of the index. `max=None` means no limit.

        Raises:
            TfrValueError: a number is not between 0 and 2**64 - 1.

        Examples:
            >>> import tfr_index
            >>> index = tfr_index.Index([(0, 21), (21, 16), (37, 19)])
            >>> list(index.filter_size(min=1, max=3))
            [(37, 19)]
        """
        least, most = integer("min", min), integer("max", 2**64 - 1 if max is None else max)
        return self._made_by(lib.tfr_index_filter_size, self._native, least, most)

    def shuffle(self, seed: int) -> Self:
        """Returns all records in a random order. Every order is equally likely.

        The order depends only on the seed and the number of records: it is the same in every
        version, on every platform and in every language. The algorithm is a Fisher-Yates shuffle,
        which draws the first records first, with random numbers from SplitMix64 that Lemire's
        method brings into range.

        Raises:
            TfrValueError: the seed is not between 0 and 2**64 - 1.

        Examples:
            >>> import tfr_index
            >>> index = tfr_index.Index([(0, 21), (21, 16), (37, 19)])
            >>> list(index.shuffle(seed=7))
            [(21, 16), (0, 21), (37, 19)]
        """
        return self._made_by(lib.tfr_index_shuffle, self._native, integer("seed", seed))

    def sample(self, count: int, seed: int) -> Self:
        """Draws `count` records at random without replacement.

        The sample consists of the first records of `shuffle` with the same seed, so a larger sample
        contains a smaller one. It keeps the order of the index, which is fastest to read; for a
        random order, call `shuffle` on the result.

        Raises:
            TfrValueError: the index has fewer records; a number is not between 0 and 2**64 - 1.

        Examples:
            >>> import tfr_index
            >>> index = tfr_index.Index([(0, 21), (21, 16), (37, 19)])
            >>> list(index.sample(2, seed=7))
            [(0, 21), (21, 16)]
        """
        drawn, seed = integer("count", count), integer("seed", seed)
        return self._made_by(lib.tfr_index_sample, self._native, drawn, seed)

    def shard(
        self, rank: int, world_size: int, by: ShardBy = "records", remainder: Remainder = "keep"
    ) -> Self:
        """Returns shard `rank` of `world_size`: consecutive records, in the order of the index.

        Args:
            rank: the number of the shard, from 0.
            world_size: the number of shards.
            by: what is divided evenly. "records": a shard starts at record
                `len(index) * rank // world_size`, as in the readers of NVIDIA DALI. "bytes": it
                starts at the record boundary closest to `rank / world_size` of the total bytes of
                the frames; a shard may be empty if records are few or very large.
            remainder: what to do if `world_size` does not divide the number of records. "keep":
                some shards have one record more than the others; each record is in one shard.
                "drop": all shards have the smaller number; each larger one loses its last record.
                "pad": all have the larger number; each smaller one ends with the first record of
                the next shard.

        Raises:
            TfrValueError: `rank` is not below `world_size`; `by="bytes"` with a remainder other
                than "keep"; another argument is invalid.

        Examples:
            >>> import tfr_index
            >>> index = tfr_index.Index([(0, 21), (21, 16), (37, 19)])
            >>> [list(index.shard(rank, 2)) for rank in range(2)]
            [[(0, 21)], [(21, 16), (37, 19)]]
            >>> list(index.shard(0, 2, remainder="pad"))
            [(0, 21), (21, 16)]
        """
        ensure_one_of("by", by, _BY)
        ensure_one_of("remainder", remainder, REMAINDERS)
        numbers = integer("rank", rank), integer("world_size", world_size)
        return self._made_by(
            lib.tfr_index_shard, self._native, *numbers, _BY[by], REMAINDERS[remainder]
        )

    @classmethod
    def concat(cls, parts: Iterable[tuple[Self, int]]) -> Self:
        """Returns the index of concatenated files, such as the output of `cat a b`.

        Args:
            parts: for each file, its index and its size in bytes.

        Raises:
            TfrMismatch: an entry ends after the end of its file.
            TfrValueError: a record ends after byte 2**63 - 1.

        Examples:
            >>> import tfr_index
            >>> a, b = tfr_index.Index([(0, 21)]), tfr_index.Index([(0, 16), (16, 19)])
            >>> list(tfr_index.Index.concat([(a, 21), (b, 35)]))
            [(0, 21), (21, 16), (37, 19)]
        """
        parts = list(parts)
        indexes = ffi.new("tfr_index *[]", [index._native for index, _ in parts])
        sizes = ffi.new("uint64_t[]", [integer("the size of a part", size) for _, size in parts])
        return cls._made_by(lib.tfr_index_concat, indexes, sizes, len(parts))


def _as_mask(records: Any) -> Sequence[int] | None:
    """The mask, if `records` is one: a bool for each record."""
    if isinstance(records, (list, tuple)):
        return records if records and all(isinstance(one, bool) for one in records) else None
    view = _as_array(records)
    return view if view is not None and view.format == "?" else None


def _as_numbers(records: Any) -> array[int] | memoryview[int]:
    """The numbers as 8-byte integers. A suitable array is not copied."""
    view = _as_array(records)
    if view is not None and view.format in ("l", "L", "q", "Q") and view.c_contiguous:
        return view
    try:
        return array("q", map(operator.index, records))
    except OverflowError:
        raise IndexError("a record number is below -(2**63) or above 2**63 - 1") from None


def _as_array(records: Any) -> memoryview[int] | None:
    try:
        view = memoryview(records)
    except TypeError:
        return None
    return view if view.ndim == 1 else None
