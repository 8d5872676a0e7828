"""`Ragged`: a feature of which records have different numbers of values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, final, overload

from ._arguments import integer, refuse
from ._arrow import in_lists, lists, numbers
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

    The steps of a sequence are such values, too: a record has rows of an array or, if the steps are
    ragged themselves, a `Ragged`.

    Args:
        values: the values of all records: a numpy array, a `BytesColumn` or a `Ragged`.
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
        if not isinstance(values, (BytesColumn, Ragged)):
            values = np.atleast_1d(values)
        offsets = np.asarray(offsets)
        if offsets.ndim != 1 or offsets.dtype.kind not in "iu":
            raise refuse("offsets must be integers, in one dimension")
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
        """The values of all records, one after the other: as for the constructor."""
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
            return self._taken(numpy().array(numbers, int))
        offsets = self._offsets[numbers.start : numbers.start + len(numbers) + 1]
        return self._of(self._values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))

    def _taken(self, numbers: Any) -> Ragged:
        """The records with these numbers, copied."""
        np = numpy()
        sizes = np.diff(self._offsets)[numbers]
        offsets = np.zeros(len(numbers) + 1, np.int64)
        np.cumsum(sizes, out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(self._offsets[numbers] - offsets[:-1], sizes)
        values = self._values
        taken = values._taken(places) if isinstance(values, Ragged) else values[places]
        return self._of(taken, offsets)

    def padded(self, fill: Any, length: int | None = None) -> Any:
        """Returns the values as an array with a row for each record.

        Args:
            fill: what the rest of a row has, such as -1.
            length: the length of the rows; longer ones are cut. None: that of the longest.

        Returns:
            A numpy array of shape `(len(ragged), length)`, and then the shape of a value; for byte
            strings, of `bytes` objects. Ragged steps are padded to the longest one.

        Raises:
            TfrValueError: `fill` is not a value of the array's type.
        """
        np = numpy()
        given = self._values
        values = given.padded(fill) if isinstance(given, Ragged) else np.asarray(given)
        sizes = np.diff(self._offsets)
        width = max(sizes, default=0) if length is None else integer("length", length)
        rows = np.empty((len(self), width, *values.shape[1:]), values.dtype)
        places = np.arange(width)
        is_value = places < sizes[:, None]
        rows[~is_value] = _checked(fill, values.dtype)
        rows[is_value] = values[(self._offsets[:-1, None] + places)[is_value]]
        return rows

    def to_list(self) -> list[list[Any]]:
        """Returns the values of each record as a list."""
        values = self._values
        is_array = not isinstance(values, (BytesColumn, Ragged))
        flat = values.tolist() if is_array else values.to_list()
        offsets = self._offsets.tolist()
        return [flat[start:end] for start, end in pairwise(offsets)]

    def _arrow(self) -> Any:
        values = self._values
        if isinstance(values, (BytesColumn, Ragged)):
            return lists(values._arrow(), self._offsets)
        return lists(in_lists(numbers(values), values.shape), self._offsets)

    def __arrow_c_schema__(self) -> object:
        return self._arrow().type.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._arrow().__arrow_c_array__(requested_schema)

    def __repr__(self) -> str:
        return f"<tfr_index.Ragged of {len(self)} records, {len(self._values)} values>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Ragged._of, (self._values, self._offsets)


def _checked(fill: Any, dtype: Any) -> Any:
    """The value that fills an array of this type."""
    one = numpy().zeros(1, dtype)
    try:
        with numpy().errstate(over="ignore"):
            one[0] = fill
        if dtype.kind == "f":
            is_value = fill is not None and bool(numpy().isinf(one[0]) == numpy().isinf(fill))
        else:
            is_value = dtype.kind not in "iu" or bool(one[0] == fill)
    except (TypeError, ValueError, OverflowError):
        is_value = False
    if not is_value:
        raise refuse(f"fill must be a value of type {dtype}, not {fill!r}")
    return one[0]
