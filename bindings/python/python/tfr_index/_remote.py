"""`RemoteFile`: an object in an object store, or a file on a web server."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import posixpath
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, final
from urllib.parse import unquote

from ._arguments import refuse
from ._errors import TfrError, TfrFileNotFoundError, TfrOSError, TfrPermissionError
from ._optional import not_there
from ._remote_cost import DEFAULT_COST, ReadCost, cost_of, note
from ._typing import Buffer

__all__ = [
    "RemoteFile",
    "Stamp",
    "about",
    "is_url",
    "looks_compressed",
    "modified",
    "read",
    "write",
]

_URL = re.compile("(s3a?|gs|gcs|az|azure|abfss?|adls?|https?)://", re.IGNORECASE)
#: A file up to this size is read whole, with the request that opens it, if all of it is needed.
WHOLE = 8 << 20
#: The same for a file that stays open.
SMALL = 1 << 20
#: What the request that opens another file reads along: it says whether the file is compressed.
START = 4096

#: When a file was written, and its size.
Stamp: TypeAlias = tuple[datetime | None, int]
#: The bytes of a stream are taken in pieces of at least this size.
_PIECE = 1 << 20


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

    Many threads may use it at the same time. A forked process cannot: start processes with the
    method "spawn" or "forkserver". A pickled copy reads the same version.

    Args:
        path: a URL (`s3://`, `gs://`, `az://`, `https://`, `http://`), or the path inside `store`.
        store: a store of obstore, such as `obstore.store.S3Store`, or a file system of fsspec. It
            has what the environment does not tell: credentials, an endpoint, time-outs. None makes
            a store from the URL.
        cost: how long a request takes: seconds until the first byte, bytes a second, and how many
            requests at the same time take hardly longer than one. Which gaps are read along, and
            how many ranges are read at the same time, follows from it. None, the default, measures
            the requests that open files of the store: it takes their median, and 128 at the same
            time. Of a file system of fsspec it takes 20 ms and 100 MB a second.

    Attributes:
        path: the URL or the path.
        cost: what a request costs, as given or measured.
        size: the file's size in bytes.
        etag: what names the version, or None.
        modified: when it was written, or None.

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

    __slots__ = (
        "_key",
        "_process",
        "_start",
        "_store",
        "cost",
        "etag",
        "modified",
        "path",
        "size",
    )

    size: int
    _start: Buffer  # the first bytes

    def __init__(self, path: str, store: Any = None, *, cost: ReadCost | None = None) -> None:
        if store is None and not is_url(path):
            raise refuse(
                f"{path!r} is not a URL that starts with s3://, gs://, az://, https:// or http://: "
                "pass a store, or open a local file by its path"
            )
        self._prepare(path, store)
        self._begin(START)
        self.cost: ReadCost = cost or self._measured_cost()

    def __repr__(self) -> str:
        return f"<tfr_index.RemoteFile {self.path!r} of {self.size} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        names = "path", "size", "etag", "modified", "cost", "_store", "_key"
        state = {name: getattr(self, name) for name in names}
        return _unpickled, ({**state, "_start": bytes(memoryview(self._start)[:START])},)

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
                'start processes with the method "spawn" or "forkserver"'
            )
        start = memoryview(self._start)[offset : offset + size]
        if len(start) == size:
            return start
        begin = offset + len(start)
        with explained(self.path, "read"):
            read = self._range(begin, offset + size)
        count = memoryview(read).nbytes
        if begin + count != offset + size:
            missing = offset + size - begin
            message = f"the server sent {count} of the {missing} bytes from byte {begin}: try again"
            raise _error(self.path, errno.EIO, message)
        return b"".join((start, read)) if len(start) > 0 else read

    @classmethod
    def _with_start(cls, path: str, store: Any = None, size: int = WHOLE) -> RemoteFile:
        """The same as the class, but the request that opens it reads along another number of bytes:
        all of a small file."""
        file = cls.__new__(cls)
        file._prepare(path, store)
        file._begin(size)
        file.cost = file._measured_cost()
        return file

    @classmethod
    def _with_stream(cls, path: str, store: Any = None) -> tuple[RemoteFile, Iterator[Buffer]]:
        """Opens a file with one request for all of it, and returns its bytes, too."""
        file = cls.__new__(cls)
        file._prepare(path, store)
        file._start, file.etag = b"", None
        stream = file._stream()
        file.cost = file._measured_cost()
        return file, stream

    def _prepare(self, path: str, store: Any) -> None:
        self.path, self._process = path, os.getpid()
        self._store, self._key = store_of(path, store)

    def _measured_cost(self) -> ReadCost:
        return DEFAULT_COST if hasattr(self._store, "cat_file") else cost_of(self._store)

    def _begin(self, size: int) -> None:
        """Opens the file, with a request that reads its first bytes along."""
        self._start = b""
        if hasattr(self._store, "cat_file"):  # a file system of fsspec
            self.size, self.etag, self.modified = about(self.path, self._store)
            return
        import obstore

        with explained(self.path, "open"):
            try:
                begun = time.perf_counter()
                found = obstore.get(self._store, self._key, options={"range": (0, size)})
                answered = time.perf_counter()
                self._start, meta = found.bytes(), found.meta
                ended = time.perf_counter()
                size = memoryview(self._start).nbytes
                note(self._store, answered - begun, size, ended - answered)
            except obstore.exceptions.GenericError as error:
                if "416" not in str(error):  # it may be empty: such a range is not in it
                    raise
                self.size, self.etag, self.modified = about(self._key, self._store)
                return
        self.size, self.etag, self.modified = meta["size"], meta["e_tag"], meta["last_modified"]

    def _stream(self) -> Iterator[Buffer]:
        """All bytes of the file, by one request. It opens the file if it is not open."""
        if hasattr(self._store, "cat_file"):
            raise refuse(
                f"{self.path}: mode='stream' needs a URL or a store of obstore, not a file system "
                "of fsspec: omit it"
            )
        import obstore

        options: Any = {} if self.etag is None else {"if_match": self.etag}
        with explained(self.path, "open"):
            begun = time.perf_counter()
            found = obstore.get(self._store, self._key, options=options)
            note(self._store, time.perf_counter() - begun, 0, 0)
        meta = found.meta
        self.size, self.etag, self.modified = meta["size"], meta["e_tag"], meta["last_modified"]
        pieces: Iterator[Buffer] = iter(found.stream(min_chunk_size=_PIECE))
        return pieces

    def _not_in_memory(self, size: int, offset: int) -> int:
        """How many of these bytes did not come with the request that opened the file."""
        return size - len(memoryview(self._start)[offset : offset + size])

    def _shortened(self) -> RemoteFile:
        """A copy of the same version, which keeps few bytes in memory."""
        file = _unpickled(self.__reduce__()[1][0])
        file._start = bytes(memoryview(self._start)[:64])
        return file

    def _has_one_version(self) -> bool:
        """Whether this process can read it, and each read fails if it was replaced."""
        is_ours = self._process == os.getpid()
        return is_ours and self.etag is not None and not hasattr(self._store, "cat_file")

    def _beside(self, end: str) -> RemoteFile:
        """The file whose path has this end, in the same store."""
        return RemoteFile(self.path + end, None if is_url(self.path) else self._store)

    def _looks_compressed(self) -> bool:
        """Whether the file looks like gzip, zlib or Snappy data."""
        return looks_compressed(self.path, bytes(self.pread(2, 0)))

    def _native_cost(self) -> tuple[int, int, int]:
        """The cost, as the library takes it."""
        latency, bytes_per_second, at_once = self.cost
        return int(latency * 1e9), int(bytes_per_second), int(at_once)

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


def looks_compressed(path: str, start: bytes) -> bool:
    """Whether a file with these first two bytes looks like gzip, zlib or Snappy data."""
    is_zlib = len(start) == 2 and start[0] & 15 == 8 and int.from_bytes(start, "big") % 31 == 0
    return start == b"\x1f\x8b" or is_zlib or path.endswith(".snappy")


def _unpickled(state: dict[str, Any]) -> RemoteFile:
    """A pickled file, in this process."""
    file = RemoteFile.__new__(RemoteFile)
    for name, value in state.items():
        setattr(file, name, value)
    if not hasattr(file._store, "cat_file"):
        _ensure_not_forked(file.path)
    file._process = os.getpid()
    return file


def read(url: str, start: int = 0, store: Any = None, *, end: int | None = None) -> bytes:
    """The bytes of a small file, such as an index, from `start` on, of which there are some, or up
    to `end`."""
    store, key = store_of(url, store)
    if hasattr(store, "cat_file"):  # a file system of fsspec
        with explained(url, "read"):
            return bytes(store.cat_file(key, start=start, end=end))
    import obstore

    options: Any = {"range": {"offset": start}} if start else {}
    if end is not None:
        options = {"range": (start, end)}
    with explained(url, "read"):
        try:
            return bytes(obstore.get(store, key, options=options).bytes())
        except obstore.exceptions.GenericError as error:
            if end is None or "416" not in str(error):
                raise
            return b""  # an empty file has no such range


def write(url: str, content: Path, *, only_new: bool, store: Any = None) -> bool:
    """Writes a local file's content to a URL, with one request. With `only_new`, returns False if
    there is such a file already."""
    store, key = store_of(url, store)
    if hasattr(store, "cat_file"):  # a file system of fsspec
        with explained(url, "write"):
            if only_new and store.exists(key):
                return False
            store.pipe_file(key, content.read_bytes())
        return True
    import obstore

    mode: Any = "create" if only_new else "overwrite"
    with explained(url, "write"):
        try:
            obstore.put(store, key, content, use_multipart=False, mode=mode)
        except obstore.exceptions.AlreadyExistsError:
            return False
    return True


def about(url: str, store: Any = None) -> tuple[int, str | None, datetime | None]:
    """The size of a file, the version, and when it was written.

    Raises:
        TfrFileNotFoundError: there is no such file.
    """
    store, key = store_of(url, store)
    with explained(url, "open"):
        if hasattr(store, "cat_file"):  # a file system of fsspec
            found = store.info(key)
            written = None
            with contextlib.suppress(AttributeError, NotImplementedError):
                written = store.modified(key)
            return found["size"], found.get("ETag") or found.get("etag"), written
        import obstore

        meta = obstore.head(store, key)
        return meta["size"], meta["e_tag"], meta["last_modified"]


def modified(url: str, store: Any = None) -> Stamp | None:
    """When a file was written last, and its size; None if there is no such file."""
    try:
        size, _, written = about(url, store)
    except TfrFileNotFoundError:
        return None
    return written, size


def listed(directory: str, store: Any) -> tuple[str, Any, str]:
    """How to list a directory, which ends with "/": what comes before the paths in the listing, the
    store, and the directory in it."""
    if store is not None:
        return "", store, directory
    if _is_web(directory):
        raise refuse(f"{directory}: a web server lists no files: pass the URLs of all files")
    bucket, prefix = _split(directory)
    return f"{bucket}/", _store(os.getpid(), bucket), prefix


def store_of(url: str, store: Any = None) -> tuple[Any, str]:
    """The store of a URL's bucket or host, and the path in it; or the store that is given."""
    if not hasattr(store, "cat_file"):  # not a file system of fsspec
        _ensure_not_forked(url)
    if store is not None:
        return store, url
    if _is_web(url) and "?" in url:
        raise refuse(
            f"{url}: a URL with a query cannot be read by ranges through obstore: pass "
            "RemoteFile(url, fsspec.filesystem('https'))"
        )
    bucket, key = _split(url)
    if not key or key.endswith("/"):
        raise refuse(f"{url}: the URL of a file must have a name after its bucket or host")
    return _store(os.getpid(), bucket), unquote(key) if _is_web(url) else key


def resolved(url: str) -> str:
    """A URL whose path may have "..", without it."""
    bucket, key = _split(url)
    return bucket + posixpath.normpath(f"/{key}")


def _is_web(url: str) -> bool:
    return url.lower().startswith("http")


def _split(url: str) -> tuple[str, str]:
    """The URL of a store, and the path in it, which is that of the object as it is: of URLs, only
    those of web servers are encoded. There, the store may be any directory."""
    scheme, _, rest = url.partition("://")
    if _is_web(url):
        directory, slash, name = rest.rpartition("/")
        return f"{scheme}://{directory}", name if slash else ""
    bucket, _, key = rest.partition("/")
    if key.startswith("/") or "//" in key:
        raise refuse(
            f"{url}: obstore cannot read a file whose path has two slashes in a row: pass a file "
            "system of fsspec as the store"
        )
    return f"{scheme}://{bucket}", key


def _ensure_not_forked(path: str) -> None:
    """Raises TfrValueError in a process that was forked after its parent had used obstore, which
    has threads that such a process lacks: requests would wait for ever."""
    process = _users.setdefault("obstore", os.getpid())
    if process != os.getpid():
        raise refuse(
            f"{path}: obstore cannot be used in a process that was forked after it was used: start "
            'processes with the method "spawn" or "forkserver" (PyTorch: '
            'DataLoader(multiprocessing_context="forkserver"))'
        )


#: The process that used a client first.
_users: dict[str, int] = {}


@functools.lru_cache(maxsize=64)
def _store(_process: int, url: str) -> Any:
    """A process keeps the connections of the stores that it used last."""
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise not_there("obstore", "URLs", error) from error
    options: Any = {}
    if url.lower().startswith("http://"):
        options["client_options"] = {"allow_http": True}
    with explained(url, "open"):
        return from_url(url, **options)


@contextlib.contextmanager
def explained(path: str, action: str) -> Iterator[None]:
    """Turns what a client raises into an error of this package."""
    try:
        yield
    except (TfrError, ImportError, MemoryError):
        raise
    except Exception as error:
        kind = type(error).__name__
        asks_the_machine = _ASKS_THE_MACHINE.search(str(error)) is not None
        meant = "UnauthenticatedError" if asks_the_machine else kind
        number, message = _ERRORS.get(meant, (errno.EIO, ""))
        if isinstance(error, OSError) and error.errno:
            number = error.errno
        said = " ".join(str(error).partition("Debug source:")[0].split())
        message = message or f"cannot {action} it"
        raise _error(path, number, f"{message} ({kind}: {said[:300]})") from error


#: Where obstore asks for credentials if the environment has none.
_ASKS_THE_MACHINE = re.compile("/latest/api/token|/latest/meta-data|/computeMetadata|/metadata/id")
#: What the exceptions of clients mean.
_ERRORS = {
    "NotFoundError": (errno.ENOENT, "there is no such file"),
    "FileNotFoundError": (errno.ENOENT, "there is no such file"),
    "InvalidPathError": (
        errno.EINVAL,
        "obstore cannot list a directory with a path that has two slashes in a row: pass a file "
        "system of fsspec as store=",
    ),
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
