"""Where TFRecord data is: in a file, in memory, or in an object that is read by its methods."""

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

from ._arguments import refuse
from ._errors import TfrFileNotFoundError, TfrMismatch, TfrOSError, TfrValueError
from ._library import CData, call, callback, encode_path, ensure_contiguous, ffi, lib, make, take
from ._remote import START, RemoteFile, is_url
from ._remote_fetch import Fetch, FetchedFile
from ._typing import Buffer, Data, Path

__all__ = ["Decompressed", "File", "GzipSource", "Memory", "Source", "file_or_source"]

_DEFAULT = Fetch()

#: A native function.
Function: TypeAlias = Callable[..., int]

#: Reads at most `size` bytes from `offset`: `pread(size, offset)`.
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
        """Keeps the data alive for a native object that reads it: nothing to do."""

    def __enter__(self) -> CData:
        return self._path

    def __exit__(self, *_error: object) -> None:
        pass


class Memory:
    """A `tfr_source` of data in memory, which the library reads without calling Python.

    Each `with` statement borrows the memory, so that an error releases it.
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
        """Keeps the memory borrowed while this object lives, for a native object that reads it."""
        self._borrowed.append(ffi.from_buffer(self._data))

    def __enter__(self) -> CData:
        content = ffi.from_buffer(self._data)
        native = make("source", lib.tfr_source_from_memory, content, len(content))
        self._borrowed.append(content)
        return native

    def __exit__(self, *_error: object) -> None:
        ffi.release(self._borrowed.pop())


class Source:
    """A `tfr_source` that reads an object by its methods.

    Each native call that uses it is inside a `with` statement, which yields the `tfr_source *` and
    raises unchanged what the object raised. Many threads may do so at the same time.

    Attributes:
        data: the object.
        is_distant: whether each read is a request to another machine.
        threads: the number of threads if the caller does not set it: 1 if they would wait for one
            another, or else 0, with which the library chooses.
    """

    def __init__(self, data: object) -> None:
        pread = _pread_of(data) or _pread_of_bytes_io(data) or _pread_of_file(data)
        self.data = data
        is_stream = isinstance(data, FetchedFile) and data.stream is not None
        self.threads = 1 if pread is None or is_stream else 0
        self._failed: list[Exception] = []
        self._kept = BaseException()  # holds a KeyboardInterrupt
        read_at = _read_at(pread or _by_seeking(data), self._failed, self._kept)
        self._callback = callback("tfr_read_at_fn", read_at, -errno.EIO, self._kept)
        size = _size_of(data)
        self._native = make("source", lib.tfr_source_new, self._callback, ffi.NULL, size)
        self.is_distant = isinstance(data, RemoteFile)
        if isinstance(data, (RemoteFile, FetchedFile)):
            call(lib.tfr_source_set_cost, self._native, *data._native_cost())
        if isinstance(data, FetchedFile) and data.least_skip is not None:
            call(lib.tfr_source_set_least_skip, self._native, data.least_skip)

    def choose(self, of_file: Function, of_source: Function) -> Function:
        """The function that takes such data."""
        return of_source

    def keep(self) -> None:
        """Keeps the data alive for a native object that reads it: the callback does that."""

    def __enter__(self) -> CData:
        # Ctrl-C interrupted a call outside a `with` statement. The call is now repeated inside one.
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
        # An error with a path is about an index file, not about this object.
        if self._failed and isinstance(error, TfrOSError) and error.path is None:
            raise self._failed.pop() from None
        self._failed.clear()


class GzipSource:
    """The decompressed bytes of a compressed object, such as one in a store.

    Pass it to `Reader`, `scan` or `create_index` in place of the object. (The path of a compressed
    file needs no such source.) What is decompressed is what a path may be: gzip, zlib and
    TensorFlow's Snappy container, by the content. Data that is not compressed is read as it is.

    With the object's seek file, each read fetches and decompresses little more than it needs.
    Without it, opening a `Reader` reads and decompresses all data once, and keeps seek points in
    memory. `create_index` writes seek files: call it where the file is.

    Threads: any number may use it at the same time, as they may use the object.

    Examples:
        >>> import gzip
        >>> record = bytes.fromhex("0300000000000000b099490e6162636e57f121")
        >>> source = GzipSource(memoryview(gzip.compress(record * 100)))
        >>> from tfr_index import Reader
        >>> Reader(source)[42]
        b'abc'
    """

    def __init__(self, data: Data, seek_file: Path | Buffer | None = None) -> None:
        """Wraps an object.

        Args:
            data: the compressed data: memory, or an object with methods that read it.
            seek_file: the bytes of the data's seek file, or its path.

        Raises:
            TfrMismatch: the seek file is damaged, or does not belong to this data.
            TfrValueError: `data` is a path.
            Exception: those that reading `data` raises.
        """
        source = file_or_source(data)
        if isinstance(source, File):
            raise refuse("data is a path, whose data is decompressed without a GzipSource")
        self._source: Source | Decompressed = Decompressed(
            source, None if seek_file is None else _in_memory(seek_file)
        )

    @classmethod
    def _of(cls, source: Source | Decompressed) -> GzipSource:
        made = cls.__new__(cls)
        made._source = source
        return made


class Decompressed:
    """A `tfr_source` that decompresses another one."""

    def __init__(
        self, source: Memory | Source | Decompressed, seek_file: Memory | Source | None = None
    ) -> None:
        self._of = source
        self.data: object = getattr(source, "data", None)
        self.threads: int = source.threads
        self._seek_file = seek_file
        with source as native:
            source.keep()
            if seek_file is None:
                self._native = make("source", lib.tfr_gzip_source, native, ffi.NULL)
                return
            with seek_file as points:
                seek_file.keep()
                self._native = make("source", lib.tfr_gzip_source, native, points)

    def choose(self, of_file: Function, of_source: Function) -> Function:
        """The function that takes such data."""
        return of_source

    def keep(self) -> None:
        """Keeps the data alive for a native object that reads it: this object does."""

    def __enter__(self) -> CData:
        self._of.__enter__()
        return self._native

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._of.__exit__(kind, error, traceback)


def _in_memory(data: Path | Buffer) -> Memory:
    if not isinstance(data, (str, bytes, os.PathLike)) and _is_memory(data):
        return Memory(data)
    with open(cast(Path, data), "rb") as file:
        return Memory(memoryview(file.read()))


def file_or_source(
    data: Data | FetchedFile, *, start: int = START, fetch: Fetch = _DEFAULT
) -> File | Memory | Source | Decompressed:
    """Tells apart the kinds of data: a path, a URL, memory, or an object with methods that read it.

    Args:
        start: how many bytes the request that opens a URL reads along.
        fetch: how a remote file is read.

    Raises:
        TfrValueError: a stream, which cannot be read at any position; a path that contains a NUL;
            memory that is not contiguous.
        TypeError: anything else; a text file.
    """
    if isinstance(data, FetchedFile):
        return _of_remote(data)
    if isinstance(data, RemoteFile):
        return _of_remote(fetch.open_again(data))
    if is_url(data):
        url = cast(str, data)
        return _of_remote(fetch.open(url, start=start))
    fetch.ensure_default()
    if isinstance(data, GzipSource):
        return data._source
    if not isinstance(data, (str, bytes, os.PathLike)) and _is_memory(data):
        return Memory(cast(Buffer, data))
    is_positioned = _pread_of(data) is not None
    is_file = hasattr(data, "read") and (hasattr(data, "seek") or not isinstance(data, os.PathLike))
    if not is_positioned and not is_file:
        if not isinstance(data, (str, bytes, os.PathLike)):
            raise TypeError(
                "the data must be a path, a bytes-like object, a binary file or an object with a "
                f"method pread(size, offset), not {type(data).__name__}"
            )
        return File(data)
    if isinstance(data, io.TextIOBase):
        raise TypeError("the data is a text file: open it in binary mode")
    can_seek = getattr(data, "seekable", lambda: is_positioned or hasattr(data, "seek"))
    if not can_seek():
        message = (
            f"{type(data).__name__} is a stream that cannot seek: read it and push the bytes into "
            "a tfr_index.Indexer, or save it to a file first"
        )
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
    return Source(data)


def _of_remote(data: RemoteFile | FetchedFile) -> Source | Decompressed:
    """A remote file, decompressed if it is compressed, with the seek file beside it."""
    source = Source(data)
    if not data._looks_compressed():
        return source
    try:
        return Decompressed(source, Source(data._beside(".seek")))
    except (TfrFileNotFoundError, TfrMismatch):
        return Decompressed(source)


def _is_memory(data: object) -> bool:
    try:
        memoryview(data).release()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _pread_of(data: object) -> Pread | None:
    """The method that reads at a position, if there is one. It takes a size and an offset."""
    method: Pread | None = getattr(data, "pread", None) or getattr(data, "read_at", None)
    return method


def _pread_of_bytes_io(data: Any) -> Pread | None:
    """Reads a BytesIO without using its position, which other threads may change."""
    if not isinstance(data, io.BytesIO) or type(data).read is not io.BytesIO.read:
        return None

    def pread(size: int, offset: int) -> Buffer:
        with data.getbuffer() as content:
            return bytes(content[offset : offset + size])

    return pread


def _pread_of_file(data: Any) -> Pread | None:
    """Reads a regular file without using its position, which forked processes share.

    Only plain Python files qualify. The descriptor of another object may lead to other bytes, such
    as compressed ones or a whole archive.
    """
    file: Any = data.file if type(data) is tempfile._TemporaryFileWrapper else data
    raw = file.raw if type(file) in (io.BufferedReader, io.BufferedRandom) else file
    if type(raw) is not io.FileIO or not raw.readable():
        return None
    if not stat.S_ISREG(os.fstat(raw.fileno()).st_mode):
        return None
    data.flush()  # so that the file has what was written to it

    def pread(size: int, offset: int) -> Buffer:
        return os.pread(data.fileno(), size, offset)  # ValueError if the file is closed

    return pread


def _by_seeking(data: Any) -> Pread:
    """Reads an object by `seek` and `read`, for one thread at a time."""
    lock = threading.Lock()
    process = os.getpid()

    def pread(size: int, offset: int) -> Buffer:
        # The processes may share a descriptor, and so its position. And a thread that does not
        # exist in this process may hold the lock.
        if process != os.getpid():
            name = type(data).__name__
            message = (
                f"{name} was opened by another process, and a forked process cannot read it: open "
                "it again in this process, or pass an object with a method pread(size, offset)"
            )
            raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
        with lock:
            data.seek(offset)
            piece: Buffer | None = data.read(size)
        if piece is None:
            message = "the data is a non-blocking file that has no bytes now: make it blocking"
            raise BlockingIOError(errno.EAGAIN, message)
        return piece

    return pread


def _read_at(
    pread: Pread, failed: list[Exception], kept: BaseException
) -> Callable[[CData, int, CData, int], int]:
    """The callback for the library. It stores in `failed` what `pread` raises, except Ctrl-C."""

    def read_at(_context: CData, offset: int, buffer: CData, size: int) -> int:
        if kept.args:  # a KeyboardInterrupt that the caller of the library will raise
            raise kept.args[1]
        try:
            with memoryview(pread(size, offset)) as piece, piece.cast("B") as read:
                ffi.buffer(buffer, size)[: len(read)] = read  # ValueError if it is longer
                return len(read)
        except Exception as error:
            failed[:] = [error]
            return -errno.EIO

    return read_at


def _size_of(data: Any) -> int:
    """The number of bytes: from the attribute or method `size`, or from the position of the end."""
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
        message = f"the data reports a size of {size} bytes: it must be between 0 and 2**63 - 1"
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")
    return size
