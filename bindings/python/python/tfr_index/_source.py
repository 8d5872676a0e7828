"""Where TFRecord data is: in a file of the system's, in memory, or in an object that is read."""

from __future__ import annotations

import errno
import io
import operator
import os
import stat
import tempfile
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeAlias, cast

from ._errors import TfrOSError, TfrValueError
from ._library import CData, callback, encode_path, ensure_contiguous, ffi, lib, make, take
from ._typing import Buffer, Data, Path

__all__ = ["File", "Memory", "Source", "file_or_source"]

#: A native function.
Function: TypeAlias = Callable[..., int]

#: Reads at most so many bytes from an offset on.
Pread: TypeAlias = Callable[[int, int], Buffer]


class File:
    """A file, by its path."""

    threads = 0

    def __init__(self, path: Path) -> None:
        self._path = encode_path(path)

    def choose(self, of_file: Function, of_source: Function) -> Function:
        """The function that takes such data."""
        return of_file

    def keep(self) -> None:
        """Has what a native object reads stay."""

    def __enter__(self) -> CData:
        return self._path

    def __exit__(self, *_error: object) -> None:
        pass


class Memory:
    """A `tfr_source` of data in memory, which the library reads itself.

    The memory is borrowed during each `with` statement, and so can be let go of after an error.
    """

    threads = 0

    def __init__(self, data: Buffer) -> None:
        with memoryview(data) as view:
            ensure_contiguous(view)
        self._data = data
        self._borrowed: list[CData] = []

    def choose(self, of_file: Function, of_source: Function) -> Function:
        """The function that takes such data."""
        return of_source

    def keep(self) -> None:
        """Has what a native object reads stay: the memory, until this object is gone."""
        self._borrowed.append(ffi.from_buffer(self._data))

    def __enter__(self) -> CData:
        content = ffi.from_buffer(self._data)
        native = make("source", lib.tfr_source_from_memory, content, len(content))
        self._borrowed.append(content)
        return native

    def __exit__(self, *_error: object) -> None:
        ffi.release(self._borrowed.pop())


class Source:
    """A `tfr_source` that reads an object.

    Each native call that uses it stands in a `with` statement, which gives the `tfr_source *`, and
    out of which comes, as it is, what the object raised. Many threads may do so at once.

    Attributes:
        threads: how many threads to ask for where the caller leaves it open: one where they would
            wait for one another.
    """

    def __init__(self, data: object) -> None:
        pread = _pread_of(data) or _pread_of_bytes_io(data) or _pread_of_file(data)
        self.threads = 1 if pread is None else 0
        self._failed: list[Exception] = []
        self._kept = BaseException()  # Ctrl-C and its like
        read_at = _read_at(pread or _by_seeking(data), self._failed, self._kept)
        self._callback = callback("tfr_read_at_fn", read_at, -errno.EIO, self._kept)
        size = _size_of(data)
        self._native = make("source", lib.tfr_source_new, self._callback, ffi.NULL, size)

    def choose(self, of_file: Function, of_source: Function) -> Function:
        """The function that takes such data."""
        return of_source

    def keep(self) -> None:
        """Has what a native object reads stay."""

    def __enter__(self) -> CData:
        # Ctrl-C in a call outside of a `with` statement, such as one that is made again inside.
        if self._kept.args:
            raise take(self._kept)
        return self._native

    def __exit__(
        self,
        _type: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if error is None:
            return
        if self._kept.args:
            raise take(self._kept) from None
        # Errors of an index file have a path.
        if self._failed and isinstance(error, TfrOSError) and error.path is None:
            raise self._failed.pop() from None
        self._failed.clear()


def file_or_source(data: Data) -> File | Memory | Source:
    """What `data` is: a path, memory, or an object that is read by its methods.

    Raises:
        TfrValueError: a stream, which cannot be read at any position; a path with a NUL in it;
            memory that is not contiguous.
        TypeError: none of them; a file that gives text.
    """
    if not isinstance(data, (str, bytes, os.PathLike)) and _is_memory(data):
        return Memory(cast(Buffer, data))
    is_positioned = _pread_of(data) is not None
    is_file = hasattr(data, "read") and (hasattr(data, "seek") or not isinstance(data, os.PathLike))
    if not is_positioned and not is_file:
        return File(cast(Path, data))
    if isinstance(data, io.TextIOBase):
        raise TypeError("the data is a text file: open it in binary mode")
    can_seek = getattr(data, "seekable", lambda: is_positioned or hasattr(data, "seek"))
    if not can_seek():
        message = (
            f"{type(data).__name__} is a stream that cannot seek: push what it gives into a "
            "tfr_index.Indexer, or save it to a file"
        )
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
    return Source(data)


def _is_memory(data: object) -> bool:
    try:
        memoryview(data).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _pread_of(data: object) -> Pread | None:
    """The method that reads at a position, if there is one. Its arguments are those of os.pread."""
    method: Pread | None = getattr(data, "pread", None) or getattr(data, "read_at", None)
    return method


def _pread_of_bytes_io(data: Any) -> Pread | None:
    """Reads a BytesIO without its position, which other threads may use."""
    if not isinstance(data, io.BytesIO) or type(data).read is not io.BytesIO.read:
        return None

    def pread(size: int, offset: int) -> Buffer:
        with data.getbuffer() as content:
            return bytes(content[offset : offset + size])

    return pread


def _pread_of_file(data: Any) -> Pread | None:
    """Reads a file of the system's without its position, which forked processes share.

    It must be such a file and nothing else: what else has a descriptor may have other bytes in it,
    such as compressed ones, or those of an archive.
    """
    file: Any = data.file if type(data) is tempfile._TemporaryFileWrapper else data
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) else file
    if type(raw) is not io.FileIO or not raw.readable():
        return None
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return None
    data.flush()  # what was written to it

    def pread(size: int, offset: int) -> Buffer:
        return os.pread(data.fileno(), size, offset)  # a ValueError if it is closed

    return pread


def _by_seeking(data: Any) -> Pread:
    """Reads what has a position, for one thread after the other."""
    lock = threading.Lock()
    process = os.getpid()

    def pread(size: int, offset: int) -> Buffer:
        # There may be a descriptor beneath, whose position the processes share; and a thread that
        # is not here may have the lock.
        if process != os.getpid():
            name = type(data).__name__
            message = (
                f"{name} was opened by another process, and a forked process cannot read it: open "
                "it again, or give an object with a method pread(size, offset)"
            )
            raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
        with lock:
            data.seek(offset)
            piece: Buffer | None = data.read(size)
        if piece is None:
            message = "the data is a file that does not block, and has no bytes at the moment"
            raise BlockingIOError(errno.EAGAIN, message)
        return piece

    return pread


def _read_at(
    pread: Pread, failed: list[Exception], kept: BaseException
) -> Callable[[CData, int, CData, int], int]:
    """What the library calls. What `pread` raises goes to `failed`, and out of here Ctrl-C."""

    def read_at(_context: CData, offset: int, buffer: CData, size: int) -> int:
        if kept.args:  # until it is raised where the library was called
            raise kept.args[1]
        try:
            with memoryview(pread(size, offset)) as piece, piece.cast("B") as read:
                ffi.buffer(buffer, size)[: len(read)] = read  # a ValueError if there is more of it
                return len(read)
        except Exception as error:
            failed[:] = [error]
            return -errno.EIO

    return read_at


def _size_of(data: Any) -> int:
    """How many bytes there are: by `size`, an attribute or a method, or by where the end is."""
    if _pread_of_bytes_io(data) is not None:
        size = data.getbuffer().nbytes
    elif _pread_of_file(data) is not None:
        size = os.fstat(data.fileno()).st_size
    elif hasattr(data, "seek"):
        data.seek(0, os.SEEK_END)
        size = data.tell()
    else:
        size = data.size() if callable(data.size) else data.size
    size = operator.index(size)
    if not 0 <= size < 2**63:
        message = f"the data says that it has {size} bytes"
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
    return size
