"""What CPython does but Python does not promise: filling `bytes` in place.

Nobody may change a `bytes` object that others can see. Its maker may fill it before that, and so
saves a copy: the library reads a payload directly into the object that the caller gets.
"""

import ctypes
from array import array
from collections.abc import Callable, Sequence
from functools import partial

from ._library import ffi

__all__ = ["CONTENT_AT", "addresses_of", "new_bytes", "new_small_bytes"]

#: `new_bytes(size)`: a `bytes` object whose content is not set yet.
new_bytes: Callable[[int], bytes] = partial(
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
        ("PyBytes_FromStringAndSize", ctypes.pythonapi)
    ),
    None,
)

#: The same for small sizes: clearing the memory costs less than a call through ctypes. (Unlike
#: `b"\0"`, `bytes(1)` is an object of its own.)
new_small_bytes: Callable[[int], bytes] = bytes

_probe = b"probe"
#: Where the content of a `bytes` object is, from its `id`.
CONTENT_AT = int(ffi.cast("uintptr_t", ffi.from_buffer(_probe))) - id(_probe)


def addresses_of(objects: Sequence[bytes]) -> "array[int]":
    """The address of the content of each `bytes` object."""
    return array("Q", [id(one) + CONTENT_AT for one in objects])
