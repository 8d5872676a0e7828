"""`encode_example`, and columns of values for the native library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from itertools import chain
from operator import attrgetter
from typing import Any

from ._arguments import refuse
from ._bytes_column import BytesColumn
from ._cpython import CONTENT_AT
from ._errors import TfrValueError
from ._features import flat, key_of
from ._library import CData, ffi, lib, make
from ._numpy import numpy
from ._ragged import Ragged

__all__ = ["encode_example", "native_columns"]

_STRINGS = (bytes, str, bytearray, memoryview)
_NO_LISTS = (*_STRINGS, Mapping, Set)  # although they have a length


def encode_example(features: Mapping[Any, Any]) -> bytes:
    """Returns a `tf.train.Example` with these features, as the payload of a record.

    The bytes are those of protobuf's deterministic serialization. For many records,
    `RecordWriter.write_examples` is much faster.

    Args:
        features: the values by name: one value, or a list or an array of them.

            Integers and booleans become int64. Floating-point numbers become float, which has 32
            bits; so do integers among them, which must fit exactly. `bytes` and `str` become bytes,
            `str` in UTF-8. An array is stored without its shape. A list without values has no kind:
            pass an array, such as `numpy.empty(0, int)`, or leave the feature out.

    Raises:
        TfrValueError: the values of a feature are of different kinds, or too large. `feature` names
            it.
        TypeError: a value is of another type.
        ImportError: numpy is not installed.

    Examples:
        >>> encode_example({"label": 7})
        b'\\n\\x10\\n\\x0e\\n\\x05label\\x12\\x05\\x1a\\x03\\n\\x01\\x07'
    """
    _ensure_mapping(features)
    columns = {name: [value] for name, value in features.items()}
    values, _keep = _native(columns)
    batch = make("batch", lib.tfr_encode_examples, 1, values, len(values))
    size = lib.tfr_batch_offsets(batch)[1]
    payload: bytes = ffi.buffer(lib.tfr_batch_bytes(batch), size)[:]
    return payload


def native_columns(columns: Mapping[Any, Any]) -> tuple[int, CData, list[Any]]:
    """The number of rows of columns, their values for C, and what keeps these alive.

    Raises:
        TfrValueError: they have different numbers of records, or invalid values.
    """
    _ensure_mapping(columns)
    sizes = {name: _length(name, column) for name, column in columns.items()}
    if not sizes:
        raise refuse("there are no features, so it is not known how many records to write")
    first, count = next(iter(sizes.items()))
    for name, size in sizes.items():
        if size != count:
            raise _wrong(name, f"has {size} records, but feature {_quoted(first)} has {count}")
    return (count, *_native(columns))


def _ensure_mapping(features: object) -> None:
    if not isinstance(features, Mapping):
        kind = type(features).__name__
        raise TypeError(f'features must be a dict by name, such as {{"label": 7}}, not {kind}')


def _text(name: Any) -> str:
    return key_of(name).decode(errors="replace")


def _quoted(name: Any) -> str:
    """A name on one line, which shows what is there."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in _text(name))
    return f'"{"".join(shown)}"'


def _wrong(name: Any, what: str) -> TfrValueError:
    message = f"feature {_quoted(name)}: {what}"
    return TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", feature=_text(name))


def _is_one(kind: type) -> bool:
    """Whether an object of this type is a value, and not several."""
    return issubclass(kind, _NO_LISTS) or not hasattr(kind, "__len__")


def _length(name: Any, column: Any) -> int:
    if _is_one(type(column)) or getattr(column, "ndim", 1) == 0:
        kind = type(column).__name__
        raise _wrong(name, f"must be an array or a list with an item for each record, not {kind}")
    return len(column)


def _native(columns: Mapping[Any, Any]) -> tuple[CData, list[Any]]:
    natives = ffi.new("tfr_feature_values[]", len(columns))
    keep: list[Any] = []
    for place, (name, column) in enumerate(columns.items()):
        given, offsets = _flattened(name, column)
        kind, values, alive = _values_of(name, given)
        native = natives[place]
        key = ffi.from_buffer("char[]", key_of(name))
        memory = ffi.from_buffer(values)
        native.name, native.name_size = key, len(key)
        native.kind, native.values, native.count = kind, memory, len(values)
        if offsets is not None:
            offsets = ffi.from_buffer("size_t[]", offsets)
            native.offsets = offsets
        keep.append((key, memory, alive, offsets))
    return natives, keep


def _flattened(name: Any, column: Any) -> tuple[Any, Any]:
    """The values of all records, and where those of each start, unless all have as many.

    The values are a `BytesColumn`, an array of any shape, or a list.
    """
    np = numpy()
    if isinstance(column, Ragged):
        if isinstance(column.values, Ragged) or len(column.values.shape) > 1:
            raise _wrong(name, _STEPS)
        start, stop = column.offsets[0], column.offsets[-1]
        return column.values[start:stop], np.ascontiguousarray(column.offsets - start)
    if isinstance(column, BytesColumn):
        return column, None
    if hasattr(column, "__array__"):
        _ensure_complete(name, [column])
        array = np.asarray(column)
        if array.dtype != object or array.ndim != 1:
            return array, None
        column = array
    rows = list(column)
    kinds = set(map(type, rows))
    ones = set(filter(_is_one, kinds))
    if ones == kinds:
        return rows, None
    if ones:
        raise _wrong(name, "has both values and lists of values: pass a list for each record")
    if Ragged in kinds:
        raise _wrong(name, _STEPS)
    values: Any
    if kinds == {BytesColumn}:
        rows = [row._flat() for row in rows]
        values = list(chain.from_iterable(rows)) or np.empty(0, "S1")
    elif all(hasattr(kind, "__array__") for kind in kinds):
        rows, values = _joined(name, rows, kinds)
    else:
        values = list(chain.from_iterable(rows))
        if not all(map(_is_one, set(map(type, values)))):  # there are lists in the lists
            rows = [list(flat(row)) for row in rows]
            values = list(chain.from_iterable(rows))
        if not values:
            raise _wrong(
                name,
                "no record has a value, so their kind is not known: pass arrays without values, "
                "whose dtype says it (S for bytes, int or float), or leave the feature out",
            )
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, rows), np.int64, len(rows)), out=offsets[1:])
    return values, offsets


def _ensure_complete(name: Any, arrays: list[Any]) -> None:
    """Fails if values are missing, which numpy would replace."""
    masked = numpy().ma.is_masked
    for array in arrays:
        nulls = getattr(array, "null_count", 0)  # of pyarrow; of polars it is a method
        if masked(array) or (nulls() if callable(nulls) else nulls):
            raise _wrong(name, "has missing values: fill them, or leave the feature out")


def _joined(name: Any, rows: list[Any], kinds: set[type]) -> tuple[list[Any], Any]:
    """A flat array for each record, and the values of all as an array or a list."""
    np = numpy()
    if kinds == {np.ndarray} and rows[0].dtype.kind in "biuf" and rows[0].ndim == 1:
        try:  # most are of one type, and flat: nothing else then looks at each
            values = np.concatenate(rows, dtype=rows[0].dtype, casting="no")
            return rows, values
        except (TypeError, ValueError):
            pass
    if kinds != {np.ndarray}:
        _ensure_complete(name, rows)
        rows = list(map(np.asarray, rows))
    if set(map(attrgetter("ndim"), rows)) != {1}:
        rows = [row.reshape(-1) for row in rows]
    full, types = rows, set(map(attrgetter("dtype"), rows))
    if len(types) > 1:
        full = [row for row in rows if len(row)] or rows  # numpy.array([]) is one of float
        types = set(map(attrgetter("dtype"), full))
    dtypes = {dtype.kind for dtype in types}
    if dtypes & set("SUO"):
        return rows, list(chain.from_iterable(row.tolist() for row in full)) or np.empty(0, "S1")
    values = np.concatenate(full)
    if values.dtype.kind == "f" and "f" not in dtypes:  # of int64 and uint64
        raise _wrong(name, "has arrays of int64 and of uint64: convert one of them")
    if "f" in dtypes and len(dtypes) > 1:
        for row in full:
            if row.dtype.kind in "iu":
                _ensure_exact(name, row.tolist())
    return rows, values


def _values_of(name: Any, given: Any) -> tuple[int, Any, Any]:
    """The kind of values, an array of them for C, and what keeps that alive."""
    np = numpy()
    if isinstance(given, BytesColumn):
        return _strings(given._flat())
    array = given
    if isinstance(given, list) or given.dtype.kind in "SUO":
        values = given if isinstance(given, list) else given.reshape(-1).tolist()
        kinds = set(map(type, values))
        are_strings = [issubclass(kind, _STRINGS) for kind in kinds]
        if all(are_strings) and (values or (given is not values and given.dtype.kind in "SUO")):
            if kinds != {bytes}:
                values = [_encoded_text(name, one) for one in values]
            return _strings(values)
        if any(are_strings):
            raise _wrong(name, "has both byte strings and other values")
        if any(issubclass(kind, _NO_LISTS) for kind in kinds):
            raise _wrong(name, f"{_KINDS}, not {_names(kinds)}")
        array = np.asarray(values) if values else np.empty(0, np.int64)
        are_ints = all(issubclass(kind, (int, np.integer)) for kind in kinds)
        are_numbers = all(issubclass(kind, (int, float, np.integer, np.floating)) for kind in kinds)
        is_other = array.dtype.kind not in "biu" if are_ints else array.dtype == object
        if are_numbers and is_other:  # numpy then takes another type
            raise _wrong(name, "has an integer that does not fit into 64 bits")
        if array.dtype == object:
            raise _wrong(name, f"{_KINDS}, not {_names(kinds)}")
        if array.dtype.kind == "f" and any(issubclass(kind, (int, np.integer)) for kind in kinds):
            _ensure_exact(name, [one for one in values if isinstance(one, (int, np.integer))])
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
        raise _wrong(name, "has an integer that does not fit into 64 bits")
    if array.dtype.kind in "biu":
        array = np.ascontiguousarray(array, np.int64)
        return lib.TFR_FEATURE_INT64, array.reshape(-1), array
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            floats = np.ascontiguousarray(array, np.float32)
        if array.dtype.itemsize > 4 and (np.isinf(floats) & np.isfinite(array)).any():
            raise _wrong(name, "has a number that is too large for 32 bits")
        return lib.TFR_FEATURE_FLOAT, floats.reshape(-1), floats
    raise _wrong(name, f"{_KINDS}, not {array.dtype}")


def _ensure_exact(name: Any, integers: list[Any]) -> None:
    """Fails if an integer is changed where all values become float32."""
    np = numpy()
    with np.errstate(over="ignore"):
        floats = np.array(integers, np.float64).astype(np.float32).tolist()
    for integer, one in zip(integers, floats, strict=True):
        if math.isfinite(one) and int(one) != integer:  # others are too large in any case
            raise _wrong(
                name,
                "has floating-point numbers and an integer that float32 cannot hold: convert the "
                "integers or the others",
            )


def _names(kinds: set[type]) -> str:
    return " and ".join(sorted(kind.__name__ for kind in kinds))


def _encoded_text(name: Any, one: Any) -> bytes:
    if not isinstance(one, str):
        return bytes(one)
    try:
        return one.encode()
    except UnicodeEncodeError:
        raise _wrong(name, "has a str that is not UTF-8: pass bytes") from None


_STEPS = "has the steps of a sequence, which an Example cannot have"
_KINDS = "values must be integers, floating-point numbers, bytes or str"


def _strings(strings: list[bytes]) -> tuple[int, Any, Any]:
    np = numpy()
    spans = np.empty((len(strings), 2), np.uint64)  # as many `tfr_bytes`
    # An array of objects is one of their ids: this takes a quarter of the time of calling `id`.
    ids = np.ndarray(len(strings), np.uint64, np.fromiter(strings, object, len(strings)))
    np.add(ids, np.uint64(CONTENT_AT), out=spans[:, 0])
    spans[:, 1] = np.fromiter(map(len, strings), np.uint64, len(strings))
    return lib.TFR_FEATURE_BYTES, spans, strings
