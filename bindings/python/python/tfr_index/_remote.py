"""`RemoteFile`: an object in an object store, or a file on a web server."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, final

from ._arguments import refuse
from ._errors import TfrError, TfrFileNotFoundError, TfrOSError, TfrPermissionError
from ._optional import not_there
from ._typing import Buffer

__all__ = ["ReadCost", "RemoteFile", "is_url", "modified", "read", "write"]

_URL = re.compile("(s3a?|gs|gcs|az|azure|abfss?|adls?|https?)://", re.IGNORECASE)
#: A file up to this size is read whole, with the request that opens it.
WHOLE = 8 << 20

#: Seconds of a round trip, bytes a second of one request, and requests at the same time.
ReadCost: TypeAlias = tuple[float, float, int]
#: That of an object store near by.
DEFAULT_COST: ReadCost = (0.02, 100e6, 128)


def is_url(data: object) -> bool:
    """Whether this is the URL of a remote file."""
    return isinstance(data, str) and _URL.match(data) is not None


@final
class RemoteFile:
    """An object in an object store, or a file on a web server, to be read by ranges.

    Pass it to `scan`, `create_index`, `Index.check` or `Reader`. A URL does the same there:
    `Reader("s3://bucket/train.tfrecord")` reads `RemoteFile("s3://bucket/train.tfrecord")`.

    Requests go through obstore (`pip install "tfr-index[remote]"`), which finds credentials as the
    tools of the cloud do, and repeats requests that fail for a while. Or through a file system of
    fsspec, if that is the `store`.

    All requests read one version of the file. If it is replaced, they raise TfrOSError with the
    `errno` ESTALE (obstore only: fsspec's file systems cannot ask for a version).

    Many threads may use it at the same time. A forked process cannot: open it again there. A
    pickled copy reads the same version.

    Args:
        path: a URL (`s3://`, `gs://`, `az://`, `https://`, `http://`), or the path inside `store`.
        store: a store of obstore, such as `obstore.store.S3Store`, or a file system of fsspec. It
            has what the environment does not tell: credentials, an endpoint, time-outs. None makes
            a store from the URL.
        cost: how long a request takes: seconds until the first byte, bytes a second, and how many
            requests at the same time take hardly longer than one. Which gaps are read along, and
            how many ranges are read at the same time, follows from it.

    Attributes:
        path: the URL or the path.
        size: the file's size in bytes.
        etag: what names the version, or None.

    Raises:
        TfrFileNotFoundError: there is no such file.
        TfrPermissionError: there are no credentials, or they do not allow it.
        TfrOSError: the server does not answer, or does not serve ranges.
        ImportError: obstore is not installed.

    Examples:
        >>> import obstore, obstore.store, tfr_index
        >>> store = obstore.store.MemoryStore()
        >>> record = b"\\x05\\0\\0\\0\\0\\0\\0\\0\\xea\\xb2\\x04\\x3ehello\\xbb\\x1f\\x1c\\x19"
        >>> _ = obstore.put(store, "train.tfrecord", record * 3)
        >>> file = tfr_index.RemoteFile("train.tfrecord", store)
        >>> with tfr_index.Reader(file) as reader:
        ...     print(file.size, len(reader), reader[2])
        63 3 b'hello'
    """

    __slots__ = ("_key", "_process", "_start", "_store", "cost", "etag", "path", "size")

    def __init__(self, path: str, store: Any = None, *, cost: ReadCost = DEFAULT_COST) -> None:
        self.path, self.cost, self._process = path, cost, os.getpid()
        if store is not None:
            self._store, self._key = store, path
        elif is_url(path):
            self._store, self._key = _store_of(path)
        else:
            raise refuse(
                f"{path!r} is not a URL that starts with s3://, gs://, az://, https:// or http://: "
                "pass a store, or open a local file by its path"
            )
        self._start: Buffer = b""
        with explained(path, "open"):
            self.size, self.etag = self._described()

    def __repr__(self) -> str:
        return f"<tfr_index.RemoteFile {self.path!r} of {self.size} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"path": self.path, "size": self.size, "etag": self.etag, "cost": self.cost}
        return _unpickled, ({**state, "_store": self._store, "_key": self._key},)

    def pread(self, size: int, offset: int) -> Buffer:
        """Returns `size` bytes from `offset`: fewer only at the end of the file.

        Raises:
            TfrOSError: the request fails, or the file has been replaced.
            TfrValueError: another process opened it.
        """
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        if self._process != os.getpid():
            raise refuse(
                f"{self.path} was opened by another process, and a forked process cannot read it: "
                "open it again in this process, or start processes with the method spawn"
            )
        start = memoryview(self._start)
        if offset + size <= len(start):
            return start[offset : offset + size]
        with explained(self.path, "read"):
            read = self._range(offset, offset + size)
        count = memoryview(read).nbytes
        if count != size:
            message = f"the server sent {count} of the {size} bytes from byte {offset}: try again"
            raise _error(self.path, errno.EIO, message)
        return read

    @classmethod
    def _with_start(cls, path: str) -> RemoteFile:
        """The same as the class, with the first bytes, which the request that opens it reads along:
        all of a small file."""
        store, key = _store_of(path)
        import obstore

        file = cls.__new__(cls)
        file.path, file.cost, file._process = path, DEFAULT_COST, os.getpid()
        file._store, file._key = store, key
        with explained(path, "open"):
            try:
                found = obstore.get(store, key, options={"range": (0, WHOLE)})
                file._start, meta = found.bytes(), found.meta
            except obstore.exceptions.GenericError:  # it may be empty: such a range is not in it
                return cls(path)
        file.size, file.etag = meta["size"], meta["e_tag"]
        return file

    def _described(self) -> tuple[int, str | None]:
        """The size and the version."""
        if hasattr(self._store, "cat_file"):  # a file system of fsspec
            about = self._store.info(self._key)
            return about["size"], about.get("ETag") or about.get("etag")
        import obstore

        meta = obstore.head(self._store, self._key)
        return meta["size"], meta["e_tag"]

    def _range(self, start: int, end: int) -> Buffer:
        """The bytes in a range, of the version that was opened."""
        if hasattr(self._store, "cat_file"):
            found: Buffer = self._store.cat_file(self._key, start=start, end=end)
            return found
        import obstore

        options: Any = {"range": (start, end)}
        if self.etag is not None:
            options["if_match"] = self.etag
        bytes_: Buffer = obstore.get(self._store, self._key, options=options).bytes()
        return bytes_


def _unpickled(state: dict[str, Any]) -> RemoteFile:
    """A pickled file, in this process."""
    file = RemoteFile.__new__(RemoteFile)
    for name, value in state.items():
        setattr(file, name, value)
    file._start, file._process = b"", os.getpid()
    return file


def read(url: str, start: int = 0) -> bytes:
    """The bytes of a small file, such as an index, from `start` on, of which there are some."""
    store, key = _store_of(url)
    import obstore

    options: Any = {"range": {"offset": start}} if start else {}
    with explained(url, "read"):
        return bytes(obstore.get(store, key, options=options).bytes())


def write(url: str, content: Path, *, only_new: bool) -> bool:
    """Writes a local file's content to a URL, with one request. With `only_new`, returns False if
    there is such a file already."""
    store, key = _store_of(url)
    import obstore

    mode: Any = "create" if only_new else "overwrite"
    with explained(url, "write"):
        try:
            obstore.put(store, key, content, use_multipart=False, mode=mode)
        except obstore.exceptions.AlreadyExistsError:
            return False
    return True


def modified(url: str) -> tuple[datetime, int] | None:
    """When a file was written last, and its size; None if there is no such file."""
    store, key = _store_of(url)
    import obstore

    try:
        with explained(url, "open"):
            meta = obstore.head(store, key)
    except TfrFileNotFoundError:
        return None
    return meta["last_modified"], meta["size"]


def _store_of(url: str) -> tuple[Any, str]:
    """The store of a URL's directory, and the name in it."""
    directory, _, name = url.rpartition("/")
    if not name or directory.endswith("/"):
        raise refuse(f"{url}: the URL of a file must have a name after its bucket or host")
    if url.lower().startswith("http") and "?" in name:
        raise refuse(
            f"{url}: a URL with a query cannot be read by ranges through obstore: pass "
            "RemoteFile(url, fsspec.filesystem('https'))"
        )
    return _store(os.getpid(), directory), name


@functools.lru_cache(maxsize=64)
def _store(_process: int, directory: str) -> Any:
    """A process keeps the connections of the stores that it used last."""
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise not_there("obstore", "URLs", error) from error
    options: Any = {}
    if directory.lower().startswith("http://"):
        options["client_options"] = {"allow_http": True}
    with explained(directory, "open"):
        return from_url(directory, **options)


@contextlib.contextmanager
def explained(path: str, action: str) -> Iterator[None]:
    """Turns what a client raises into an error of this package."""
    try:
        yield
    except (TfrError, ImportError, MemoryError):
        raise
    except Exception as error:
        kind = type(error).__name__
        number, message = _ERRORS.get(kind, (errno.EIO, ""))
        if isinstance(error, OSError) and error.errno:
            number = error.errno
        said = " ".join(str(error).split())
        message = message or f"cannot {action} it"
        raise _error(path, number, f"{message} ({kind}: {said[:300]})") from error


#: What the exceptions of clients mean.
_ERRORS = {
    "NotFoundError": (errno.ENOENT, "there is no such file"),
    "FileNotFoundError": (errno.ENOENT, "there is no such file"),
    "PermissionDeniedError": (errno.EACCES, "the credentials do not allow this"),
    "PermissionError": (errno.EACCES, "the credentials do not allow this"),
    "UnauthenticatedError": (
        errno.EACCES,
        "there are no valid credentials: set them as for the cloud's own tools, or pass a store",
    ),
    "PreconditionError": (
        errno.ESTALE,
        "the file was replaced since it was opened: open it again, and create its index again",
    ),
}


def _error(path: str, number: int, message: str) -> TfrOSError:
    kinds = {errno.ENOENT: TfrFileNotFoundError, errno.EACCES: TfrPermissionError}
    return kinds.get(number, TfrOSError)(f"{path}: {message}", path=path, errno=number)
