"""`BytesColumn`: the byte strings of a feature, where they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, final, overload

from ._arrow import byte_strings, in_lists
from ._library import CData, ffi, keeping
from ._numpy import numpy

if TYPE_CHECKING:
    import numpy as np

__all__ = ["BytesColumn"]


class _Placed(NamedTuple):
    """Where strings are.

    Attributes:
        address: that of the payloads.
        starts: where each string starts in the payloads; those of defaults are outside.
        sizes: how many bytes each has.
    """

    address: int
    starts: Any
    sizes: Any


@final
class BytesColumn:
    """The byte strings of a feature in many records: text, encoded images. They are not copied.

    An item is a `memoryview` into the payloads, which keeps these alive. If a record has several
    strings, an item is a `BytesColumn` of them. A slice is a `BytesColumn`, too. `numpy.asarray`
    makes an array of `bytes` objects. `pyarrow.array` and `polars.Series` take a column, and copy
    the bytes once. A pickle has only the bytes of the strings.

    Examples:
        >>> import pathlib, tempfile
        >>> from tfr_index import Bytes, Reader, RecordWriter
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     with RecordWriter(path) as writer:
        ...         writer.write_examples({"name": ["a", "few", "words"]})
        ...     names = Reader(path).read_columns([0, 1, 2], {"name": Bytes()})["name"]
        >>> bytes(names[1]), names[1:].to_list(), names.sizes
        (b'few', [b'few', b'words'], array([1, 3, 5]))
    """

    __slots__ = ("__weakref__", "_data", "_owner", "_placed", "_spans")

    _data: memoryview  # the payloads
    _spans: Any  # an array of `tfr_bytes`, and the shape, until they are placed
    _placed: _Placed | None
    _owner: Any  # what keeps the defaults alive

    def __init__(self) -> None:
        raise TypeError("read_columns() makes a BytesColumn")

    @classmethod
    def _of(cls, data: memoryview, placed: _Placed | None, owner: Any) -> BytesColumn:
        column = cls.__new__(cls)
        column._data, column._placed, column._owner = data, placed, owner
        return column

    @classmethod
    def _of_native(
        cls, strings: CData, shape: tuple[int, ...], data: memoryview, owner: Any
    ) -> BytesColumn:
        """An array of `tfr_bytes`, which point into the payloads `data`."""
        column = cls._of(data, None, owner)
        column._spans = keeping(strings, owner), shape
        return column

    def _place(self) -> _Placed:
        """Where the strings are: found when it is needed, as it takes longer than the rest."""
        if self._placed is None:
            np = numpy()
            strings, shape = self._spans
            address = int(ffi.cast("uintptr_t", ffi.from_buffer(self._data)))
            spans = np.empty(0, np.uint64)
            if count := math.prod(shape):
                spans = np.frombuffer(ffi.buffer(strings, 16 * count), np.uint64)
            spans = spans.reshape(*shape, 2)
            starts = (spans[..., 0] - np.uint64(address)).view(np.int64)
            sizes = spans[..., 1].view(np.int64)
            starts[sizes == 0] = 0  # an empty string is nowhere
            self._placed = _Placed(address, starts, sizes)
        return self._placed

    @property
    def _starts(self) -> Any:
        return self._place().starts

    @property
    def _sizes(self) -> Any:
        return self._place().sizes

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of records, or of strings, and then the shape of the feature."""
        shape: tuple[int, ...] = self._starts.shape
        return shape

    @property
    def sizes(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """How many bytes the strings have: a numpy array of the same shape."""
        sizes: np.ndarray[Any, np.dtype[np.int64]] = self._sizes.copy()
        return sizes

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, number: int) -> memoryview | BytesColumn: ...

    @overload
    def __getitem__(self, number: slice) -> BytesColumn: ...

    def __getitem__(self, number: int | slice) -> memoryview | BytesColumn:
        starts = self._starts[number]
        if starts.ndim == 0:
            return self._at(int(starts), int(self._sizes[number]))
        placed = _Placed(self._place().address, starts, self._sizes[number])
        return self._of(self._data, placed, self._owner)

    def __iter__(self) -> Iterator[memoryview | BytesColumn]:
        if self._starts.ndim > 1:
            return map(self.__getitem__, range(len(self)))
        return map(self._at, self._starts.tolist(), self._sizes.tolist())

    def _at(self, start: int, size: int) -> memoryview:
        if 0 <= start <= len(self._data) - size:
            return self._data[start : start + size]
        default = self._place().address + start
        pointer = keeping(ffi.cast("uint8_t *", default), self._owner)
        return memoryview(ffi.buffer(pointer, size)).toreadonly().cast("B")

    def _flat(self) -> list[bytes]:
        starts, sizes = self._starts.ravel().tolist(), self._sizes.ravel().tolist()
        return [bytes(self._at(start, size)) for start, size in zip(starts, sizes, strict=True)]

    def to_list(self) -> list[Any]:
        """Returns the strings as `bytes`, in lists if a record has several."""
        flat = self._flat()
        return flat if self._starts.ndim == 1 else list(_array(flat, self.shape).tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = _array(self._flat(), self.shape)
        return array if dtype is None else array.astype(dtype)

    def _arrow(self) -> Any:
        flat = self._flat()
        offsets = numpy().zeros(len(flat) + 1, "int64")
        numpy().cumsum(self._sizes.ravel(), out=offsets[1:])
        return in_lists(byte_strings(b"".join(flat), offsets), self.shape)

    def __arrow_c_schema__(self) -> object:
        return self._arrow().type.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._arrow().__arrow_c_array__(requested_schema)

    def __repr__(self) -> str:
        return f"<tfr_index.BytesColumn of shape {self.shape}, {int(self._sizes.sum())} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _copied, (self._flat(), self.shape)


def _array(strings: list[bytes], shape: tuple[int, ...]) -> Any:
    """The strings as an array of objects."""
    array = numpy().empty(len(strings), object)
    array[:] = strings
    return array.reshape(shape)


def _copied(strings: list[bytes], shape: tuple[int, ...]) -> BytesColumn:
    """Strings in memory of their own: unpickles a column."""
    np = numpy()
    data = b"".join(strings)
    sizes = np.fromiter(map(len, strings), np.int64, len(strings)).reshape(shape)
    starts = sizes.ravel().cumsum().reshape(shape) - sizes
    address = int(ffi.cast("uintptr_t", ffi.from_buffer(data)))
    return BytesColumn._of(memoryview(data), _Placed(address, starts, sizes), ffi.NULL)
