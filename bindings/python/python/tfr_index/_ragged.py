"""`Ragged`: a feature of which records have different numbers of values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, final, overload

from ._arguments import integer, refuse
from ._arrow import lists, numbers
from ._bytes_column import BytesColumn
from ._numpy import numpy

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Ragged"]


@final
class Ragged:
    """The values of a ragged feature in many records, and where those of each record start.

    It is a sequence: an item has the values of a record, and a slice is a `Ragged`. `pyarrow.array`
    takes it as an array of lists, and does not copy numbers. So do others that take the PyCapsules
    of Arrow, such as `polars.Series`, if pyarrow is installed.

    Args:
        values: the values of all records: a numpy array of one dimension, or a `BytesColumn`.
        offsets: where the values of each record start, and where those of the last one end.

    Raises:
        TfrValueError: the offsets do not ascend, or do not fit the values.

    Examples:
        >>> import numpy
        >>> tokens = Ragged(numpy.array([7, 8, 9]), [0, 2, 2, 3])
        >>> tokens[0], tokens.to_list()
        (array([7, 8]), [[7, 8], [], [9]])
        >>> tokens.padded(-1)
        array([[ 7,  8],
               [-1, -1],
               [ 9, -1]])
    """

    __slots__ = ("__weakref__", "_offsets", "_values")

    _values: Any
    _offsets: Any

    def __init__(self, values: Any, offsets: Any) -> None:
        np = numpy()
        if not isinstance(values, BytesColumn):
            values = np.asarray(values)
        offsets = np.asarray(offsets)
        if len(values.shape) != 1 or offsets.ndim != 1 or offsets.dtype.kind not in "iu":
            raise refuse("values and offsets must have one dimension, and offsets be integers")
        offsets = offsets.astype(np.int64, copy=False)
        if not len(offsets) or offsets[0] < 0 or offsets[-1] > len(values):
            raise refuse(
                f"offsets must be one more than there are records, between 0 and {len(values)}, "
                "the number of values"
            )
        if (np.diff(offsets) < 0).any():
            raise refuse("offsets must ascend")
        self._values, self._offsets = values, offsets

    @classmethod
    def _of(cls, values: Any, offsets: Any) -> Ragged:
        """Without a check."""
        ragged = cls.__new__(cls)
        ragged._values, ragged._offsets = values, offsets
        return ragged

    @property
    def values(self) -> Any:
        """The values of all records, one after the other: a numpy array, or a `BytesColumn`."""
        return self._values

    @property
    def offsets(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Where each record's values start in `values`, and where the last one's end.

        A numpy array of `len(ragged) + 1` integers of 64 bits.
        """
        offsets: np.ndarray[Any, np.dtype[np.int64]] = self._offsets
        return offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, number: int) -> Any: ...

    @overload
    def __getitem__(self, number: slice) -> Ragged: ...

    def __getitem__(self, number: int | slice) -> Any:
        try:
            numbers = range(len(self))[number]
        except IndexError:
            raise IndexError(f"record {number} is not in {self!r}") from None
        if not isinstance(numbers, range):
            return self._values[self._offsets[numbers] : self._offsets[numbers + 1]]
        if numbers.step != 1:
            return _joined([self[record] for record in numbers], self._values)
        offsets = self._offsets[numbers.start : numbers.start + len(numbers) + 1]
        return self._of(self._values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def padded(self, fill: Any, length: int | None = None) -> Any:
        """Returns the values as an array with a row for each record.

        Args:
            fill: what the rest of a row has, such as -1.
            length: the length of the rows; longer ones are cut. None: that of the longest.

        Returns:
            A numpy array of shape `(len(ragged), length)`; for byte strings, of `bytes` objects.

        Raises:
            TfrValueError: `fill` is not a value of the array's type.
        """
        np = numpy()
        values = np.asarray(self._values)
        sizes = np.diff(self._offsets)
        width = max(sizes, default=0) if length is None else integer("length", length)
        row = np.empty(1, values.dtype)
        try:
            row[0] = fill
        except (TypeError, ValueError, OverflowError):
            row[0] = 0
        if row[0] != fill and fill == fill:  # NaN is a value
            raise refuse(f"fill must be a value of type {values.dtype}, not {fill!r}")
        rows = np.repeat(row, len(self) * width).reshape(len(self), width)
        places = np.arange(width)
        is_value = places < sizes[:, None]
        rows[is_value] = values[(self._offsets[:-1, None] + places)[is_value]]
        return rows

    def to_list(self) -> list[list[Any]]:
        """Returns the values of each record as a list."""
        values = self._values
        flat = values.to_list() if isinstance(values, BytesColumn) else values.tolist()
        offsets = self._offsets.tolist()
        return [flat[start:end] for start, end in pairwise(offsets)]

    def _arrow(self) -> Any:
        values = self._values
        child = values._arrow() if isinstance(values, BytesColumn) else numbers(values)
        return lists(child, self._offsets)

    def __arrow_c_schema__(self) -> object:
        return self._arrow().type.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._arrow().__arrow_c_array__(requested_schema)

    def __repr__(self) -> str:
        return f"<tfr_index.Ragged of {len(self)} records, {len(self._values)} values>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Ragged._of, (self._values, self._offsets)


def _joined(rows: list[Any], values: Any) -> Ragged:
    """Rows of `values`, copied."""
    np = numpy()
    offsets = np.zeros(len(rows) + 1, np.int64)
    offsets[1:] = np.cumsum([len(row) for row in rows])
    if isinstance(values, BytesColumn):
        return Ragged._of(values._joined(rows), offsets)
    return Ragged._of(np.concatenate(rows) if rows else values[:0], offsets)
