"""Columns as Arrow arrays, by pyarrow: for it, and for all that take Arrow's PyCapsules.

pyarrow makes the capsules, although their structures are simple: the function that frees one must
be C. A function in Python would be called while exceptions are on their way, and lose them.
"""

from __future__ import annotations

from typing import Any

from ._arguments import refuse
from ._optional import not_there

__all__ = ["byte_strings", "in_lists", "lists", "numbers", "record_batch"]


def _pyarrow() -> Any:
    """The module.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise not_there("pyarrow", "Arrow arrays", error) from error
    return pyarrow


def numbers(values: Any) -> Any:
    """The numbers of a numpy array of any shape."""
    dtype = values.dtype.newbyteorder("=")
    if dtype.kind not in "iuf":
        raise refuse(f"an array of type {dtype} cannot become an Arrow array of numbers")
    flat = values.astype(dtype, copy=False).reshape(-1)
    return _pyarrow().array(flat if flat.flags.c_contiguous else flat.copy())


def byte_strings(data: bytes, offsets: Any) -> Any:
    """Byte strings, with 64-bit offsets."""
    pyarrow = _pyarrow()
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(data)]
    return pyarrow.Array.from_buffers(pyarrow.large_binary(), len(offsets) - 1, buffers)


def lists(values: Any, offsets: Any) -> Any:
    """Lists of any length, with 64-bit offsets."""
    return _pyarrow().LargeListArray.from_arrays(numbers(offsets), values)


def in_lists(values: Any, shape: tuple[int, ...]) -> Any:
    """The values in lists of fixed sizes, so that they have this shape."""
    pyarrow = _pyarrow()
    for place in range(len(shape) - 1, 0, -1):
        count = shape[0]
        for size in shape[1:place]:
            count *= size
        kind = pyarrow.list_(values.type, shape[place])
        values = pyarrow.Array.from_buffers(kind, count, [None], children=[values])
    return values


def record_batch(columns: dict[bytes, Any]) -> Any:
    """Columns by name."""
    for name in columns:
        if b"\0" in name or name.decode(errors="ignore").encode() != name:
            raise refuse(f"feature {name!r}: Arrow needs names in UTF-8, without NUL")
    names = [name.decode() for name in columns]
    return _pyarrow().RecordBatch.from_arrays(list(columns.values()), names)
