"""The arguments and results of `Reader`: record numbers, and payloads in memory."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, final, overload

__all__ = ["Payloads", "ensure_no_mask", "number_in", "plain"]


@final
class Payloads(Sequence[memoryview]):
    r"""Many payloads in one block of memory: the result of `Reader.read_buffer`.

    It is a sequence of `memoryview`. Each of these keeps the whole block alive.

    Examples:
        >>> from array import array
        >>> payloads = Payloads(memoryview(b"onetwo"), memoryview(array("Q", [0, 3, 6])))
        >>> bytes(payloads[1])
        b'two'
    """

    __slots__ = ("_data", "_offsets")

    def __init__(self, data: memoryview, offsets: memoryview) -> None:
        self._data = data
        self._offsets = offsets

    @property
    def data(self) -> memoryview:
        """All payloads, concatenated. `numpy.asarray` takes it without a copy."""
        return self._data

    @property
    def offsets(self) -> memoryview:
        """Where each payload starts in `data`, and where the last one ends.

        These are `len(payloads) + 1` unsigned 64-bit integers. `numpy.asarray` takes them without a
        copy.
        """
        return self._offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, number: int) -> memoryview: ...

    @overload
    def __getitem__(self, number: slice) -> list[memoryview]: ...

    def __getitem__(self, number: int | slice) -> memoryview | list[memoryview]:
        try:
            numbers = range(len(self))[number]
        except IndexError:
            raise IndexError(f"payload {number} is not in {self!r}") from None
        if isinstance(numbers, range):
            return [self[number] for number in numbers]
        return self._data[self._offsets[numbers] : self._offsets[numbers + 1]]

    def __iter__(self) -> Iterator[memoryview]:
        data = self._data
        return (data[start:end] for start, end in pairwise(self._offsets))

    def __repr__(self) -> str:
        return f"<tfr_index.Payloads of {len(self)} payloads, {len(self._data)} bytes>"


def plain(records: Iterable[int]) -> list[int] | memoryview:
    """Record numbers: memory that C can use as it is, or else a list."""
    try:
        view = memoryview(records)  # type: ignore[arg-type]
    except TypeError:
        numbers = list(records)
        ensure_no_mask(numbers)
        return numbers
    if view.format == "?":
        raise TypeError(_MASK)
    is_column = view.ndim == 1 and view.c_contiguous and view.itemsize == 8
    return view if is_column and view.format in tuple("lqLQnN") else list(records)


def ensure_no_mask(records: Sequence[int]) -> None:
    """Raises TypeError for truth values, which Python would take as the numbers 0 and 1."""
    if records and isinstance(records[0], bool):
        raise TypeError(_MASK)


_MASK = "records must be numbers, not a mask: pass numpy.flatnonzero(mask)"


def number_in(part: range, record: Any, owner: object) -> int:
    """The number of a record of `owner`, whose records are `part`.

    Raises:
        IndexError: there is no such record.
        TypeError: it is not an integer.
    """
    try:
        return part[operator.index(record)]
    except IndexError:
        raise IndexError(f"record {record} is not in {owner!r}") from None
    except TypeError:
        kind = type(record).__name__
        message = f"a record number must be an integer, not {kind}"
        raise TypeError(f"{message}: read_many() takes several, in one dimension") from None
