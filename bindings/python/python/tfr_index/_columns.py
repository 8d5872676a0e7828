"""`Columns`: the features of a batch of records, decoded."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, final

from ._arguments import integer
from ._arrow import in_lists, numbers, record_batch
from ._batches import data_of
from ._bytes_column import BytesColumn
from ._features import Bytes, Feature, Features, Float, key_of, native_of
from ._library import CData, ffi, keeping, lib, make
from ._numpy import numpy
from ._payloads import Payloads
from ._ragged import Ragged

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Columns", "Wanted", "decode_examples"]


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


class _Native(NamedTuple):
    """Native columns, the payloads into which they point, and what keeps both alive."""

    columns: CData
    payloads: memoryview
    owner: Any


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

    __slots__ = (
        "__weakref__",
        "_columns",
        "_native",
        "_num_records",
        "_part",
        "_records",
        "_wanted",
    )

    _native: _Native | None  # None: all columns were used
    _wanted: Wanted
    _columns: dict[Any, Any]  # those that were used
    _num_records: int
    _records: Any  # None: those of the native batch, in `_part`
    _part: range

    def __init__(self) -> None:
        raise TypeError("read_columns() makes Columns")

    @classmethod
    def _of(cls, batch: CData, wanted: Wanted, part: range) -> Columns:
        """Those of a native batch. `part` has the numbers of the slice that was read."""
        numpy()  # raises ImportError here, if it is not installed
        native = _Native(lib.tfr_batch_columns(batch), data_of(batch), batch)
        columns = cls._made(native, wanted, lib.tfr_batch_len(batch))
        columns._part = part
        return columns

    @classmethod
    def _made(
        cls, native: _Native | None, wanted: Wanted, num_records: int, records: Any = None
    ) -> Columns:
        columns = cls.__new__(cls)
        columns._native, columns._wanted, columns._columns = native, wanted, {}
        columns._num_records, columns._records = num_records, records
        return columns

    @property
    def records(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The numbers of the records, in the reader, the data set or the slice that was read.

        With `on_error="skip"`, records that cannot be read or decoded are not among them. If no
        number was asked for twice, and none was negative, `numpy.isin(numbers, batch.records)` says
        which are there.
        """
        if self._records is None:
            self._records = (self._numbers() - self._part.start) // self._part.step
        records: np.ndarray[Any, np.dtype[np.int64]] = self._records
        return records

    def _numbers(self) -> Any:
        """The numbers of the records in the data set."""
        if self._native is None or self._num_records == 0:
            return numpy().empty(0, "int64")
        found = ffi.buffer(lib.tfr_batch_records(self._native.owner), 8 * self._num_records)
        return numpy().frombuffer(found, "int64")

    @property
    def num_records(self) -> int:
        """The number of records."""
        return self._num_records

    def __getitem__(self, name: Any) -> Any:
        if name not in self._columns:
            place, feature = self._wanted.places[name], self._wanted.features[name]
            assert self._native is not None
            column = _column(self._native, place, feature, self.num_records)
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
        return _restored, (self._wanted.features, dict(self), self.records)


def _restored(features: Features, columns: dict[Any, Any], records: Any) -> Columns:
    """Unpickles columns."""
    restored = Columns._made(None, Wanted.of(features), len(records), records)
    restored._columns = columns
    return restored


def decode_examples(
    payloads: Payloads | Iterable[bytes], features: Features, *, threads: int = 0
) -> Columns:
    """Decodes features of payloads that are in memory, from wherever they come.

    For records of files, `Reader.read_columns` and `Dataset.read_columns` are faster, and their
    errors say where a bad record is.

    Args:
        payloads: `Payloads`, such as those of `Reader.read_buffer`, which are not copied; or
            `bytes` objects, which are copied once.
        features: `Bytes`, `Float` and `Int64` by name.
        threads: how many threads to use. 0: one for each processor, if that helps.

    Returns:
        The columns. `Columns.records` are the places of the payloads, from 0.

    Raises:
        TfrExampleError: a payload is not a `tf.train.Example`. `record` is its place.
        TfrFeatureError: a record lacks a feature, or has values of another kind or number.
        ImportError: numpy is not installed.

    Examples:
        >>> from tfr_index import Int64, encode_example
        >>> payloads = [encode_example({"label": label}) for label in (7, 8)]
        >>> decode_examples(payloads, {"label": Int64()})["label"]
        array([7, 8])
    """
    wanted, count = Wanted.of(features), integer("threads", threads)
    if not isinstance(payloads, Payloads):
        if isinstance(payloads, (bytes, bytearray, memoryview)):
            raise TypeError("payloads must be bytes objects, not one: pass a list of payloads")
        given = list(payloads)
        offsets = array("Q", accumulate(map(len, given), initial=0))
        payloads = Payloads(memoryview(b"".join(given)), memoryview(offsets))
    data = ffi.from_buffer("uint8_t[]", payloads.data)
    ends = ffi.from_buffer("size_t[]", payloads.offsets)
    arguments = wanted.native, data, len(data), ends, len(payloads), count
    columns = make("columns", lib.tfr_columns_decode, *arguments)
    native = _Native(columns, payloads.data, (columns, data))
    num_records = len(payloads)
    return Columns._made(native, wanted, num_records, numpy().arange(num_records))


def _arrow_of(column: Any) -> Any:
    if isinstance(column, (Ragged, BytesColumn)):
        return column._arrow()
    return in_lists(numbers(column), column.shape)


def _column(of: _Native, number: int, feature: Feature, records: int) -> Any:
    """The column for a feature, without a copy."""
    native, owner = of.columns, of.owner
    levels = []  # of offsets, the outer one first
    count = records
    if feature.sequence or feature.ragged:
        offsets = lib.tfr_columns_offsets(native, number)
        levels.append(_array(owner, offsets, "int64", (count + 1,)))
        count = int(levels[-1][-1])
    if feature.sequence and feature.ragged:
        offsets = lib.tfr_columns_step_offsets(native, number)
        levels.append(_array(owner, offsets, "int64", (count + 1,)))
        count = int(levels[-1][-1])
    shape = (count, *feature.shape)
    values: Any
    if isinstance(feature, Bytes):
        strings = lib.tfr_columns_bytes(native, number, ffi.NULL)
        values = BytesColumn._of_native(strings, shape, of.payloads, owner)
    elif isinstance(feature, Float):
        values = _array(owner, lib.tfr_columns_float(native, number, ffi.NULL), "float32", shape)
    else:
        values = _array(owner, lib.tfr_columns_int64(native, number, ffi.NULL), "int64", shape)
    for starts in reversed(levels):
        values = Ragged._of(values, starts)
    return values


def _array(owner: Any, pointer: CData, dtype: str, shape: tuple[int, ...]) -> Any:
    """An array over native memory, which stays alive as long as the array."""
    np = numpy()
    size = math.prod(shape) * _SIZES[dtype]
    if size == 0:
        return np.empty(shape, dtype)
    array = np.frombuffer(ffi.buffer(keeping(pointer, owner), size), dtype)
    return array if len(shape) == 1 else array.reshape(shape)


_SIZES = {"int64": 8, "float32": 4}
