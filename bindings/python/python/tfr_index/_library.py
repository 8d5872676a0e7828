"""The native library: calls that raise exceptions, handles, callbacks and borrowed memory."""

import contextlib
import operator
import os
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote_to_bytes

from ._arguments import refuse
from ._errors import (
    TfrError,
    TfrValueError,
    make_error,
)
from ._native import ffi as _ffi
from ._native import lib as _lib
from ._typing import Buffer, Path

ffi: Any = _ffi  # the cffi object, which the build generates from the C header
lib: Any = _lib  # the functions and constants of the library

#: A C value as cffi represents it, mostly a pointer.
CData: TypeAlias = Any

Result = TypeVar("Result")


def check_abi(found: int, expected: int) -> None:
    """Raises ImportError unless the library has the ABI that the package was built for."""
    if found != expected:
        raise ImportError(
            f"the native library of tfr_index has ABI version {found}, but the package was built "
            f"for {expected}: reinstall the package with pip install --force-reinstall"
        )


check_abi(lib.tfr_abi_version(), lib.TFR_ABI_VERSION)


def text(string: CData) -> str:
    """Converts a C string of the library, which is UTF-8."""
    return bytes(ffi.string(string)).decode()


#: The version of the library, and of this package.
VERSION = text(lib.tfr_version())


#: Holds the exception of a signal that a callback of a data set got: the call that called it fails.
interrupted = BaseException()


def call(function: Callable[..., int], *arguments: CData) -> None:
    """Calls a function that returns a status and whose last argument is `error_out`.

    Other threads can run Python code during the call. A failed call raises the exception of its
    error, or that of a Ctrl-C that made it fail.
    """
    owner = _owner("error")
    if function(*arguments, ffi.cast(_OUTPUT, owner)) != lib.TFR_OK:
        if interrupted.args and threading.current_thread() is threading.main_thread():
            raise take(interrupted)
        raise exception_of(ffi.cast("tfr_error *", owner.handle))


def make(kind: str, function: Callable[..., int], *arguments: CData) -> CData:
    """Calls a function whose last arguments are `handle_out` and `error_out`.

    Returns the handle, which frees itself. Ctrl-C at any point leaks nothing.
    """
    owner = _owner(kind)
    try:
        call(function, *arguments, ffi.cast(_OUTPUT, owner))
        return keeping(ffi.cast(_HANDLES[kind], owner.handle), owner)
    except BaseException:
        ffi.release(owner)  # now: a traceback may keep the owner alive, and with it a file's lock
        raise


_OUTPUT = ffi.typeof("void *")
_HANDLES = {
    "batch": ffi.typeof("tfr_batch *"),
    "batches": ffi.typeof("tfr_batches *"),
    "changes": ffi.typeof("tfr_changes *"),
    "columns": ffi.typeof("tfr_columns *"),
    "dataset": ffi.typeof("tfr_dataset *"),
    "error": ffi.typeof("tfr_error *"),
    "features": ffi.typeof("tfr_features *"),
    "index": ffi.typeof("tfr_index *"),
    "indexer": ffi.typeof("tfr_indexer *"),
    "manifest": ffi.typeof("tfr_manifest *"),
    "options": ffi.typeof("tfr_options *"),
    "order": ffi.typeof("tfr_order *"),
    "permutation": ffi.typeof("tfr_permutation *"),
    "reader": ffi.typeof("tfr_reader *"),
    "report": ffi.typeof("tfr_report *"),
    "shards": ffi.typeof("tfr_shards *"),
    "source": ffi.typeof("tfr_source *"),
    "text": ffi.typeof("char *"),
    "writer": ffi.typeof("tfr_writer *"),
}
_FREE = {kind: ffi.cast("void(*)(void *)", getattr(lib, f"tfr_{kind}_free")) for kind in _HANDLES}


def _owner(kind: str) -> CData:
    """Memory for a handle, which is freed together with the handle.

    Ctrl-C can raise an exception between any two steps of Python code. So the owner exists before
    the handle does, and a C function frees the handle.
    """
    return ffi.gc(ffi.new("tfr_owner *", (ffi.NULL, _FREE[kind])), lib.tfr_owner_free)


def keeping(pointer: CData, *others: object) -> CData:
    """A pointer that keeps other objects alive, because its destructor refers to them.

    The destructor is a C function, so Ctrl-C cannot interrupt it.
    """
    return ffi.gc(pointer, partial(operator.is_, others))


def callback(
    kind: str, function: Callable[..., object], error: int | None, kept: BaseException
) -> CData:
    """A C function that calls a Python function, and returns `error` if that raises.

    The exception is then `kept.args[1]`. `BaseException.__init__` stores it there: it is a C
    function, so a second Ctrl-C cannot interrupt it.
    """
    keep = kept.__init__  # type: ignore[misc]
    return ffi.callback(kind, function, error=error, onerror=keep)


def take(kept: BaseException) -> BaseException:
    """Returns the exception that `callback` kept, and clears it."""
    error: BaseException = kept.args[1]
    kept.args = ()
    return error


def is_interrupt(kept: BaseException) -> bool:
    """Whether `callback` kept a KeyboardInterrupt or another exception that is no `Exception`."""
    return bool(kept.args) and not isinstance(kept.args[1], Exception)


def exception_of(error: CData) -> TfrError:
    """The exception for an error of the library."""
    path, format = lib.tfr_error_path(error), lib.tfr_error_format(error)
    feature = lib.tfr_error_feature(error)
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
        feature=text(feature) if feature else None,
    )


def _known(number: int) -> int | None:
    return None if number == lib.TFR_UNKNOWN else number


#: The start of the URL of a local file (RFC 8089).
_LOCAL = re.compile(rb"file://(localhost)?(?=/)", re.IGNORECASE)


def encode_path(path: Path) -> bytes:
    """A path, or the URL of a local file, as a path in the encoding of the file system."""
    encoded = os.fsencode(path)
    if url := _LOCAL.match(encoded):
        encoded = unquote_to_bytes(encoded[url.end() :])
    if b"\0" in encoded:
        start = os.fsdecode(encoded[:200])  # it may be the content of a whole file
        message = f"the path contains a NUL character: {start!r}"
        if isinstance(path, bytes):
            message += "; bytes are taken as a path: to pass data, use memoryview(data)"
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", start)
    return encoded


def ensure_own_process(process: int, what: str) -> None:
    """Raises TfrValueError in a forked process: a thread of the parent may hold a lock there."""
    if process != os.getpid():
        raise refuse(
            f"the {what} belongs to another process, and a forked process cannot use it: "
            f"create the {what} in the process that uses it"
        )


def ensure_contiguous(view: memoryview) -> None:
    if not view.c_contiguous:
        raise refuse("the data is not contiguous in memory: pass a copy, such as bytearray(data)")


def _view(data: Buffer) -> memoryview:
    try:
        return memoryview(data)
    except TypeError:
        message = f"the data must be bytes or a bytes-like object, not {type(data).__name__}"
        if hasattr(data, "SerializeToString"):  # a protobuf message
            message += ": pass the result of its SerializeToString()"
        raise TypeError(message) from None


@contextlib.contextmanager
def borrow(data: Buffer) -> Iterator[CData]:
    """The bytes of `data`, borrowed without a copy: a pointer whose `len` is their number."""
    with _view(data) as view:
        ensure_contiguous(view)
        with ffi.from_buffer(view) as pointer:
            yield pointer
