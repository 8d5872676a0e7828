"""Columns for Arrow: the Arrow C data interface, in the capsules that pyarrow and polars take.

https://arrow.apache.org/docs/format/CDataInterface.html describes the structures, and
https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html the capsules. Each
structure is freed by the function that it has for this, which any thread may call.
"""

from __future__ import annotations

import ctypes
import itertools
from typing import Any

from ._arguments import refuse

__all__ = ["Array", "capsules"]


class Array:
    """An Arrow array: what it is, its buffers, and the arrays in it."""

    __slots__ = ("buffers", "children", "format", "length")

    def __init__(
        self, format: str, length: int, buffers: list[Any], children: dict[bytes, Array]
    ) -> None:
        self.format, self.length = format.encode(), length
        self.buffers = buffers  # numpy arrays, `bytes`, or None
        self.children = children

    @classmethod
    def numbers(cls, values: Any) -> Array:
        """Of the numbers of a numpy array, of any shape."""
        flat = values.reshape(-1)  # contiguous: it is a copy if the array is not
        return cls(_FORMATS[flat.dtype.name], len(flat), [None, _contiguous(flat)], {})

    @classmethod
    def strings(cls, data: bytes, offsets: Any) -> Array:
        """Of byte strings, with 64-bit offsets."""
        return cls("Z", len(offsets) - 1, [None, offsets, data], {})

    @classmethod
    def lists(cls, values: Array, offsets: Any) -> Array:
        """Of lists of any length, with 64-bit offsets."""
        return cls("+L", len(offsets) - 1, [None, _contiguous(offsets)], {b"item": values})

    @classmethod
    def struct(cls, columns: dict[bytes, Array], length: int) -> Array:
        """Of records."""
        for name in columns:
            if b"\0" in name or name.decode(errors="ignore").encode() != name:
                raise refuse(f"feature {name!r}: Arrow needs names in UTF-8, without NUL")
        return cls("+s", length, [None], columns)

    def in_lists(self, shape: tuple[int, ...]) -> Array:
        """The array in lists of fixed sizes, so that it has this shape."""
        array, length = self, shape[0]
        for place in range(len(shape) - 1, 0, -1):
            count = length
            for size in shape[1:place]:
                count *= size
            array = Array(f"+w:{shape[place]}", count, [None], {b"item": array})
        return array


_FORMATS = {
    "int64": "l",
    "float32": "f",
    "int8": "c",
    "int16": "s",
    "int32": "i",
    "uint8": "C",
    "uint16": "S",
    "uint32": "I",
    "uint64": "L",
    "float16": "e",
    "float64": "g",
}


def _contiguous(array: Any) -> Any:
    return array if array.flags.c_contiguous else array.copy()


#: `ARROW_FLAG_NULLABLE`, which is the default of Arrow's types, so that ours equal them.
_NULLABLE = 2


class _Schema(ctypes.Structure):
    """`struct ArrowSchema`."""


class _Array(ctypes.Structure):
    """`struct ArrowArray`."""


_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_Schema._fields_ = [
    ("format", ctypes.c_char_p),
    ("name", ctypes.c_char_p),
    ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(_Schema))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]
_Array._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_Array))),
    ("dictionary", ctypes.c_void_p),
    ("release", ctypes.c_void_p),
    ("private_data", ctypes.c_void_p),
]

#: What structures that are not released yet refer to, by their `private_data`.
_alive: dict[int, Any] = {}
_numbers = itertools.count(1)


def _keep(structure: Any, release: Any, *others: Any) -> Any:
    """Keeps what a structure refers to, until its consumer releases it."""
    structure.private_data = number = next(_numbers)
    structure.release = ctypes.cast(release, ctypes.c_void_p)
    _alive[number] = others
    return structure


def _releaser(kind: Any) -> Any:
    """The function `release` of such structures."""

    def release(address: int) -> None:
        structure = kind.from_address(address)
        for place in range(structure.n_children):  # a consumer may have moved a child elsewhere
            child = structure.children[place]
            if child.contents.release:
                _Free(child.contents.release)(ctypes.addressof(child.contents))
        structure.release = None
        _alive.pop(structure.private_data, None)

    return _Free(release)


_release_schema = _releaser(_Schema)
_release_array = _releaser(_Array)


def _children(kind: Any, structures: list[Any]) -> Any:
    pointers = (ctypes.POINTER(kind) * len(structures))()
    pointers[:] = [ctypes.pointer(structure) for structure in structures]
    return pointers


def _schema_of(array: Array, name: bytes = b"") -> Any:
    structures = [_schema_of(child, key) for key, child in array.children.items()]
    children = _children(_Schema, structures)
    schema = _Schema(format=array.format, name=name, flags=_NULLABLE, n_children=len(structures))
    schema.children = children
    return _keep(schema, _release_schema, array.format, name, children, structures)


def _array_of(array: Array) -> Any:
    structures = [_array_of(child) for child in array.children.values()]
    children = _children(_Array, structures)
    buffers = (ctypes.c_void_p * len(array.buffers))(*map(_address_of, array.buffers))
    native = _Array(length=array.length, n_buffers=len(buffers), n_children=len(structures))
    native.buffers, native.children = buffers, children
    return _keep(native, _release_array, array.buffers, buffers, children, structures)


def _address_of(buffer: Any) -> int | None:
    if buffer is None:
        return None
    if isinstance(buffer, bytes):
        return ctypes.cast(ctypes.c_char_p(buffer), ctypes.c_void_p).value
    address: int = buffer.ctypes.data
    return address


_new_capsule = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p
)(("PyCapsule_New", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)

#: The structures that capsules point to, by address. A consumer moves them elsewhere.
_in_capsules: dict[int, Any] = {}


def _destructor(name: bytes) -> Any:
    """The function that ends a capsule. It releases the structure unless a consumer took it."""

    def destroy(capsule: int) -> None:
        structure = _in_capsules.pop(_pointer_of(capsule, name))
        if structure.release:
            _Free(structure.release)(ctypes.addressof(structure))

    return _Destructor(destroy)


_SCHEMA, _ARRAY = b"arrow_schema", b"arrow_array"
_destructors = {name: _destructor(name) for name in (_SCHEMA, _ARRAY)}


def _capsule(structure: Any, name: bytes) -> object:
    address = ctypes.addressof(structure)
    _in_capsules[address] = structure
    destroy = ctypes.cast(_destructors[name], ctypes.c_void_p)
    return _new_capsule(address, name, destroy)


def capsules(array: Array) -> tuple[object, object]:
    """The capsules with the schema and the data of an array."""
    return _capsule(_schema_of(array), _SCHEMA), _capsule(_array_of(array), _ARRAY)
