"""`Columns`: the features of a batch of records, decoded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

from ._arrow import in_lists, numbers, record_batch
from ._bytes_column import BytesColumn
from ._features import Bytes, Feature, Features, Float, key_of, native_of
from ._library import CData, ffi, keeping, lib
from ._numpy import numpy
from ._ragged import Ragged

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Columns", "Wanted"]


class Wanted:
    """The features that are wanted, in Python and for C."""

    __slots__ = ("features", "native", "places")

    def __init__(self, features: Features) -> None:
        self.native = native_of(features)
        self.features: dict[Any, Feature] = dict(features)
        #: Their numbers in C, by name.
        self.places = {name: place for place, name in enumerate(self.features)}

    @staticmethod
    def of(features: Features) -> Wanted:
        """The last one if the features are the same: a loop passes them again and again."""
        last = _last[0]
        if last is not None and isinstance(features, Mapping):
            given: list[Any] = list(features.items())
            if given == list(last.features.items()):
                return last
        wanted = _last[0] = Wanted(features)
        return wanted


_last: list[Wanted | None] = [None]


@final
class Columns(Mapping[Any, Any]):
    """The features of many records, by name: the result of `read_columns`.

    It is a mapping, whose length is the number of features. A column is

    - of `Int64` and `Float`: a numpy array of int64 or float32. Its shape is the number of records,
      and then the shape of the feature.
    - of `Bytes`: a `BytesColumn`.
    - of a ragged feature, or of a sequence: a `Ragged`.

    Arrays are not copied: they keep the memory of their batch alive, also that of its payloads. To
    keep little of a large batch, copy it. Arrays can be written to; only Arrow arrays of the same
    columns see the changes, because they share the memory.

    `pyarrow.record_batch(columns)` takes the columns, and does not copy numbers. So do others that
    take the PyCapsules of Arrow, such as `polars.DataFrame`, if pyarrow is installed. Columns can
    be pickled; the pickle has no payloads.

    Examples:
        >>> import pathlib, tempfile
        >>> from tfr_index import Bytes, Int64, Reader, RecordWriter
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     with RecordWriter(path) as writer:
        ...         writer.write_examples({"label": [7, 8], "words": [["a"], ["few", "words"]]})
        ...     features = {"label": Int64(), "words": Bytes(ragged=True)}
        ...     batch = Reader(path).read_columns([1, 0], features)
        >>> batch["label"], batch["words"].to_list()
        (array([8, 7]), [[b'few', b'words'], [b'a']])
        >>> batch.records, batch.num_records, list(batch)
        (array([1, 0]), 2, ['label', 'words'])
    """

    __slots__ = ("__weakref__", "_batch", "_columns", "_records", "_wanted")

    _batch: CData
    _wanted: Wanted
    _columns: dict[Any, Any]  # those that were used
    _records: Any

    def __init__(self) -> None:
        raise TypeError("read_columns() makes Columns")

    @classmethod
    def _of(cls, batch: CData, wanted: Wanted, part: range) -> Columns:
        """Those of a native batch. `part` has the numbers of the slice that was read."""
        np = numpy()
        count = lib.tfr_batch_len(batch)
        records = np.empty(0, np.uint64)
        if count > 0:
            numbers = ffi.buffer(lib.tfr_batch_records(batch), 8 * count)
            records = np.frombuffer(numbers, np.uint64)
        columns = cls.__new__(cls)
        columns._batch, columns._wanted, columns._columns = batch, wanted, {}
        columns._records = (records.astype(np.int64) - part.start) // part.step
        return columns

    @property
    def records(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The numbers of the records, in the reader, the data set or the slice that was read.

        With `on_error="skip"`, records that cannot be read or decoded are not among them. If no
        number was asked for twice, and none was negative, `numpy.isin(numbers, batch.records)` says
        which are there.
        """
        records: np.ndarray[Any, np.dtype[np.int64]] = self._records
        return records

    @property
    def num_records(self) -> int:
        """The number of records."""
        return len(self._records)

    def __getitem__(self, name: Any) -> Any:
        if name not in self._columns:
            place, feature = self._wanted.places[name], self._wanted.features[name]
            column = _column(self._batch, place, feature, self.num_records)
            self._columns.setdefault(name, column)  # another thread may have done so
        return self._columns[name]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._wanted.features)

    def __len__(self) -> int:
        return len(self._wanted.features)

    # Arrays have no plain equality, so columns are equal only to themselves.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _arrow(self) -> Any:
        return record_batch({key_of(name): _arrow_of(column) for name, column in self.items()})

    def __arrow_c_schema__(self) -> object:
        return self._arrow().schema.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> object:
        return self._arrow().__arrow_c_array__(requested_schema)

    def __repr__(self) -> str:
        names = ", ".join(map(repr, self))
        return f"<tfr_index.Columns of {self.num_records} records: {names or 'no features'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._wanted.features, dict(self), self._records)


def _restored(features: Features, columns: dict[Any, Any], records: Any) -> Columns:
    """Unpickles columns."""
    restored = Columns.__new__(Columns)
    restored._batch, restored._wanted = ffi.NULL, Wanted.of(features)
    restored._columns, restored._records = columns, records
    return restored


def _arrow_of(column: Any) -> Any:
    if isinstance(column, (Ragged, BytesColumn)):
        return column._arrow()
    return in_lists(numbers(column), column.shape)


def _column(batch: CData, number: int, feature: Feature, records: int) -> Any:
    """The column of a native batch for a feature, without a copy."""
    native = lib.tfr_batch_columns(batch)
    levels = []  # of offsets, the outer one first
    count = records
    if feature.sequence or feature.ragged:
        offsets = lib.tfr_columns_offsets(native, number)
        levels.append(_array(batch, offsets, "int64", (count + 1,)))
        count = int(levels[-1][-1])
    if feature.sequence and feature.ragged:
        offsets = lib.tfr_columns_step_offsets(native, number)
        levels.append(_array(batch, offsets, "int64", (count + 1,)))
        count = int(levels[-1][-1])
    shape = (count, *feature.shape)
    values: Any
    if isinstance(feature, Bytes):
        strings = lib.tfr_columns_bytes(native, number, ffi.NULL)
        values = BytesColumn._of_batch(batch, strings, shape)
    elif isinstance(feature, Float):
        values = _array(batch, lib.tfr_columns_float(native, number, ffi.NULL), "float32", shape)
    else:
        values = _array(batch, lib.tfr_columns_int64(native, number, ffi.NULL), "int64", shape)
    for starts in reversed(levels):
        values = Ragged._of(values, starts)
    return values


def _array(batch: CData, pointer: CData, dtype: str, shape: tuple[int, ...]) -> Any:
    """An array over native memory, which stays alive as long as the array."""
    np = numpy()
    size = math.prod(shape) * _SIZES[dtype]
    if size == 0:
        return np.empty(shape, dtype)
    array = np.frombuffer(ffi.buffer(keeping(pointer, batch), size), dtype)
    return array if len(shape) == 1 else array.reshape(shape)


_SIZES = {"int64": 8, "float32": 4}
