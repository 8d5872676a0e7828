"""The native library: calls that raise, and what goes into them."""

import contextlib
import operator
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ._arguments import refuse
from ._errors import (
    TfrError,
    TfrValueError,
    make_error,
)
from ._native import ffi as _ffi
from ._native import lib as _lib
from ._typing import Buffer, Path

ffi: Any = _ffi  # cffi's, made of the C header by the build
lib: Any = _lib  # the library's functions and constants

#: An object of cffi's: a pointer of C.
CData: TypeAlias = Any

Result = TypeVar("Result")


def check_abi(found: int, expected: int) -> None:
    """Raises ImportError unless the library is the one that the package was built for."""
    if found != expected:
        raise ImportError(
            f"the native library of tfr_index has ABI version {found}, but the package was built "
            f"for {expected}: reinstall it with pip install --force-reinstall"
        )


check_abi(lib.tfr_abi_version(), lib.TFR_ABI_VERSION)


def text(string: CData) -> str:
    """A C string of the library's, which are all UTF-8."""
    return bytes(ffi.string(string)).decode()


#: The version of the library, and of this package.
VERSION = text(lib.tfr_version())


def call(function: Callable[..., int], *arguments: CData) -> None:
    """Calls a function that returns a status and whose last argument is `error_out`.

    The interpreter lock is free meanwhile.
    """
    owner = _owner("error")
    if function(*arguments, ffi.cast(_OUTPUT, owner)) != lib.TFR_OK:
        raise exception_of(ffi.cast("tfr_error *", owner.handle))


def make(kind: str, function: Callable[..., int], *arguments: CData) -> CData:
    """Calls a function that makes a handle and whose last arguments are that and `error_out`.

    Returns the handle, which frees itself. Wherever Ctrl-C strikes, nothing is lost.
    """
    owner = _owner(kind)
    try:
        call(function, *arguments, ffi.cast(_OUTPUT, owner))
        return keeping(ffi.cast(_HANDLES[kind], owner.handle), owner)
    except BaseException:
        ffi.release(owner)  # at once: a traceback may keep it for long, and with it a file's lock
        raise


_OUTPUT = ffi.typeof("void *")
_HANDLES = {
    "error": ffi.typeof("tfr_error *"),
    "index": ffi.typeof("tfr_index *"),
    "indexer": ffi.typeof("tfr_indexer *"),
    "options": ffi.typeof("tfr_options *"),
    "reader": ffi.typeof("tfr_reader *"),
    "source": ffi.typeof("tfr_source *"),
    "text": ffi.typeof("char *"),
    "writer": ffi.typeof("tfr_writer *"),
}
_FREE = {kind: ffi.cast("void(*)(void *)", getattr(lib, f"tfr_{kind}_free")) for kind in _HANDLES}


def _owner(kind: str) -> CData:
    """Room for a handle, which is freed along with it.

    Ctrl-C raises an exception between any two steps of Python code. So the owner is there before
    the handle, and what frees that is a function of C.
    """
    return ffi.gc(ffi.new("tfr_owner *", (ffi.NULL, _FREE[kind])), lib.tfr_owner_free)


def keeping(pointer: CData, *others: object) -> CData:
    """A pointer that keeps others alive: a destructor that refers to them does, a function of C."""
    return ffi.gc(pointer, partial(operator.is_, others))


def callback(kind: str, function: Callable[..., object], error: int, kept: BaseException) -> CData:
    """A function of C that calls one of Python's, and returns `error` where that raises.

    What it raises is then the second of `kept.args`: `BaseException.__init__` is C, which no second
    Ctrl-C interrupts.
    """
    keep = kept.__init__  # type: ignore[misc]
    return ffi.callback(kind, function, error=error, onerror=keep)


def take(kept: BaseException) -> BaseException:
    """What `callback` kept."""
    error: BaseException = kept.args[1]
    kept.args = ()
    return error


def is_interrupt(kept: BaseException) -> bool:
    """Whether `callback` kept Ctrl-C or its like."""
    return bool(kept.args) and not isinstance(kept.args[1], Exception)


def exception_of(error: CData) -> TfrError:
    """The exception for an error of the library's."""
    path, format = lib.tfr_error_path(error), lib.tfr_error_format(error)
    return make_error(
        message=text(lib.tfr_error_message(error)),
        status=text(lib.tfr_status_name(lib.tfr_error_status(error))),
        path=os.fsdecode(ffi.string(path)) if path else None,
        record=_known(lib.tfr_error_record(error)),
        offset=_known(lib.tfr_error_offset(error)),
        format=text(format) if format else None,
        stored_crc=_known(lib.tfr_error_stored_crc(error)),
        computed_crc=_known(lib.tfr_error_computed_crc(error)),
        errno=lib.tfr_error_os_error(error) or None,
    )


def _known(number: int) -> int | None:
    return None if number == lib.TFR_UNKNOWN else number


def encode_path(path: Path) -> bytes:
    """A path as the operating system takes it."""
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        start = os.fsdecode(encoded[:200])  # it may be a whole file's content
        message = f"the path has a NUL character in it: {start!r}"
        if isinstance(path, bytes):
            message += "; bytes are a path: if these are the data, give a memoryview of them"
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", start)
    return encoded


def ensure_own_process(process: int, what: str) -> None:
    """Raises TfrValueError in a forked process, where a thread of its parent may have a lock."""
    if process != os.getpid():
        raise refuse(f"the {what} belongs to another process: a forked process cannot use it")


def ensure_contiguous(view: memoryview) -> None:
    if not view.c_contiguous:
        raise refuse("the data is not contiguous in memory: pass a copy, such as bytearray(data)")


def _view(data: Buffer) -> memoryview:
    try:
        return memoryview(data)
    except TypeError:
        message = f"the data must be bytes or a bytes-like object, not {type(data).__name__}"
        if hasattr(data, "SerializeToString"):  # a message of protobuf's
            message += ": pass what its SerializeToString() returns"
        raise TypeError(message) from None


@contextlib.contextmanager
def borrow(data: Buffer) -> Iterator[CData]:
    """The bytes of `data`, borrowed and not copied: a pointer whose `len` is their number."""
    with _view(data) as view:
        ensure_contiguous(view)
        with ffi.from_buffer(view) as pointer:
            yield pointer
