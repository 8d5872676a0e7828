"""Data sets of files in stores: what they are opened from, and how the library opens a file."""

from __future__ import annotations

import errno
import functools
import itertools
import os
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from . import _remote, _remote_set
from ._arguments import refuse
from ._errors import TfrFileNotFoundError, TfrOSError, explain
from ._files import c_paths
from ._index import Index
from ._library import CData, call, callback, ffi, interrupted, lib, make
from ._remote import RemoteFile
from ._remote_index import read_remote_index
from ._remote_set import Found
from ._typing import Buffer, Path

__all__ = [
    "AT_ONCE",
    "RemoteFiles",
    "Version",
    "are_remote",
    "find_remote_files",
    "index_urls",
    "is_same",
    "on_threads",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: The size of a file, and its ETag.
Version: TypeAlias = tuple[int, str | None]

#: Requests at the same time for different files.
AT_ONCE = 64


def are_remote(paths: Sequence[Path], store: Any = None) -> bool:
    """Whether the paths are URLs, or inside a store.

    Raises:
        TfrValueError: some are, and some are local.
    """
    if store is not None:
        return True
    urls = [path for path in paths if _remote.is_url(path)]
    if urls and len(urls) < len(paths):
        local = next(path for path in paths if not _remote.is_url(path))
        url, file = os.fsdecode(urls[0]), os.fsdecode(local)
        raise refuse(f"{url} is a URL, and {file} is a local file: pass files of one kind")
    return bool(urls)


def on_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results for all items, in order, with many calls at the same time. The first error is
    raised."""
    with ThreadPoolExecutor(max(1, min(AT_ONCE, len(items)))) as threads:
        try:
            return list(threads.map(function, items))
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def index_urls(files: Sequence[Found], index_dir: str) -> list[str]:
    """Where the indexes of files are in a directory that mirrors what their roots have in common,
    as that of local files does."""
    roots = [root.split("/") if root else [] for root in {file.root for file in files}]
    first, last = min(roots), max(roots)
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = index_dir.rstrip("/")
    return ["/".join([start, *file.path.split("/")[common:]]) + ".idx" for file in files]


def find_remote_files(
    paths: Sequence[Path],
    store: Any,
    index: Sequence[Index | Path | None] | None,
    index_dir: Path | None,
    pattern: str | None,
    allow_missing: bool,
    *,
    reads_indexes: bool = True,
) -> RemoteFiles:
    """What the arguments of `Dataset` mean. The indexes in `index_dir` are read here, and used as
    they are; without `reads_indexes`, they are read when a file is opened."""
    given = [os.fsdecode(path) for path in paths]
    found = _remote_set.find(given, store, pattern, allow_missing, allow_repeated=index is not None)
    names = [file.path for file in found]
    indexes: list[Index | None] | None = None
    index_paths: dict[str, str | None] = {file.path: None for file in found if file.lacks_index}
    if index_dir is not None:
        urls = index_urls(found, os.fsdecode(index_dir))
        index_paths = dict(zip(names, urls, strict=True))
        index = urls if reads_indexes else None
    if index is not None:
        if len(index) != len(names):
            raise refuse(f"index must have {len(names)} items, one for each file, not {len(index)}")
        indexes = on_threads(lambda one: _index_of(one, store), index)
    listed = [file.listed for file in found if file.listed is not None]
    versions = {file.path: (file.size, file.etag) for file in listed}
    return RemoteFiles(names, store, indexes, None, versions, index_paths)


def _index_of(index: Index | Path | None, store: Any) -> Index | None:
    if index is None or isinstance(index, Index):
        return index
    return read_remote_index(os.fsdecode(index), store)


@dataclass(frozen=True)
class RemoteFiles:
    """Files in a store, or at URLs.

    Attributes:
        paths: the files.
        store: the store; None: that of each URL.
        indexes: those that are given.
        counts: the numbers of records, if they are known.
        versions: the size and the ETag that files must have, by their paths, as far as it is known.
        index_paths: where their indexes are, if not beside them; None: there is none.
        are_named: whether a manifest names `index_paths`: such indexes are used as they are.
        opened: what was opened last, by path.
        index_sizes: how large the indexes were then, by their paths.
    """

    paths: list[str]
    store: Any = None
    indexes: list[Index | None] | None = None
    counts: array[int] | None = None
    versions: dict[str, Version] = field(default_factory=dict)
    index_paths: dict[str, str | None] = field(default_factory=dict)
    are_named: bool = False
    opened: dict[str, RemoteFile] = field(default_factory=dict, compare=False)
    index_sizes: dict[str, int] = field(default_factory=dict, compare=False)

    @property
    def is_lazy(self) -> bool:
        return self.counts is not None

    def open(self, options: CData) -> CData:
        if self.paths and self.store is None:
            _remote.store_of(self.paths[0])  # raises ImportError here, if obstore is not installed
        paths, _keep = c_paths(self.paths)
        indexes = ffi.NULL
        if self.indexes is not None:
            pointers = [ffi.NULL if index is None else index._native for index in self.indexes]
            indexes = ffi.new("tfr_index *[]", pointers)
        counts = ffi.NULL if self.counts is None else ffi.from_buffer("uint64_t[]", self.counts)
        open_shard, _, free = _callbacks()
        given = paths, indexes, counts, len(self.paths), open_shard, _keep_for(self), free
        return make("dataset", lib.tfr_dataset_from_opener, *given, options)

    def report(self, settings: tuple[int, int, int, bool], options: CData) -> CData:
        """Makes the native report."""
        return self._looked_at("report", lib.tfr_report_from_opener, *settings, options)

    def infer(self, records: int, options: CData) -> CData:
        """Makes the native features."""
        return self._looked_at("features", lib.tfr_features_infer_from_opener, records, options)

    def _looked_at(self, kind: str, function: CData, *arguments: Any) -> CData:
        """What a native function makes that opens the files, and keeps none."""
        if self.paths and self.store is None:
            _remote.store_of(self.paths[0])  # raises ImportError here, if obstore is not installed
        paths, _keep = c_paths(self.paths)
        open_shard, _, free = _callbacks()
        context = _keep_for(self)
        try:
            return make(kind, function, paths, len(self.paths), open_shard, context, *arguments)
        finally:
            free(context)

    def only(self, paths: list[str]) -> RemoteFiles:
        """The same of some of the files."""
        indexes = dict(zip(self.paths, self.indexes or (), strict=False))
        some = [indexes.get(path) for path in paths]
        return replace(self, paths=paths, indexes=some if self.indexes else None)

    def without_indexes(self) -> RemoteFiles:
        """The same files, of which no index beside them is used."""
        return replace(self, index_paths=dict.fromkeys(self.paths))

    def index_of(self, path: str) -> str | None:
        """Where the index of a file is, if it is there; None: nowhere."""
        return self.index_paths.get(path, f"{path}.idx")

    def open_file(self, path: str, *, is_scanned: bool = False) -> RemoteFile:
        """Opens a file. This takes no request if it was open before. Of a small file that is
        scanned, the request reads all.

        Raises:
            TfrOSError: it is not the file that was listed, or was opened before.
        """
        before = self.opened.get(path)
        if before is not None and before._has_one_version():
            return before
        is_small = path not in self.versions or self.versions[path][0] <= _remote.SMALL
        start = _remote.SMALL if is_scanned and is_small else _remote.START
        file = RemoteFile._with_start(path, self.store, start)
        version = self.versions.setdefault(path, (file.size, file.etag))
        if not is_same(version, file.size, file.etag):
            message = f"{path}: the file was replaced since the data set was opened: open it again"
            raise TfrOSError(message, path=path, errno=errno.ESTALE)
        self.opened[path] = file._shortened()
        return file

    def open_index(self, shard: int) -> tuple[CData, bool]:
        """A source of the text of a file's index, and whether it is used as it is. NULL: the
        library needs none.

        Raises:
            TfrFileNotFoundError: a manifest names it, not beside the file, and it does not exist.
        """
        path = self.index_of(self.paths[shard])
        if path is None or (self.indexes is not None and self.indexes[shard] is not None):
            return ffi.NULL, False
        is_given = self.are_named and path != f"{self.paths[shard]}.idx"
        text = _Text(path, self.store)
        size = self.index_sizes.get(path)
        if size is None:  # else it is read if the library has not kept it
            text.read(may_be_missing=not is_given)
            if text.content is None:
                return ffi.NULL, False
            size = self.index_sizes[path] = len(text.content)
        return _source(text, size), is_given

    def counted(self, native: CData) -> RemoteFiles:
        first, count = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        counts = array("Q")
        for shard in range(len(self.paths)):
            call(lib.tfr_dataset_records_of, native, shard, first, count)
            counts.append(count[0])
        return replace(self, counts=counts, opened={}, index_sizes={})


def is_same(version: Version, size: int, etag: str | None) -> bool:
    """Whether a file is of a version: by its ETag, or by its size if it has none."""
    if version[1] and etag:
        return version[1].strip('"') == etag.strip('"')  # Azure lists them without quotes
    return version[0] == size


@dataclass
class _Text:
    """The text of an index, which is read as a whole."""

    path: str
    store: Any
    content: bytes | None = None

    def read(self, *, may_be_missing: bool = True) -> None:
        try:
            self.content = _remote.read(self.path, store=self.store)
        except TfrFileNotFoundError:
            if not may_be_missing:
                raise

    def pread(self, size: int, offset: int) -> Buffer:
        if self.content is None:
            self.read()
        return memoryview(self.content or b"")[offset : offset + size]


#: What the library reads and opens by callbacks, by the contexts that it has instead, until it
#: frees them. No data set keeps them: its threads may read on while it is freed.
_kept: dict[CData, RemoteFiles | RemoteFile | _Text] = {}
_numbers = itertools.count(1)


def _keep_for(data: RemoteFiles | RemoteFile | _Text) -> CData:
    """Keeps this until the library frees it. Returns the context for the library."""
    context = ffi.cast("void *", next(_numbers))
    _kept[context] = data
    return context


@functools.cache
def _callbacks() -> tuple[CData, CData, CData]:
    """The functions that the library calls, on its threads: to open a file, to read, to free.

    They live as long as the process. A Ctrl-C that arrives in one makes the library's call fail,
    which then raises it.
    """
    failed = -errno.ECANCELED
    return (
        callback("tfr_open_shard_fn", _open_shard, failed, interrupted),
        callback("tfr_read_at_fn", _read_at, failed, interrupted),
        # No Python code, so that no Ctrl-C arrives in a call that does not fail.
        callback("tfr_free_fn", _kept.__delitem__, None, interrupted),
    )


def _open_shard(context: CData, shard: int, opened: CData, message: CData) -> int:
    if interrupted.args:
        return -errno.ECANCELED
    files: Any = _kept[context]
    path = files.paths[shard]
    try:
        # Without an index, the request that opens the file may read all of it.
        index, is_named = files.open_index(shard)
        if is_named:
            opened.given_index = index
        else:
            opened.index_file = index
        is_given = files.indexes is not None and files.indexes[shard] is not None
        is_scanned = index == ffi.NULL and not is_given
        file = files.open_file(path, is_scanned=is_scanned)
        opened.data = _source(file, file.size)
        if file._looks_compressed():
            opened.seek_file = _beside(f"{path}.seek", files.store)
        return 0
    except Exception as error:
        text = str(error).removeprefix(f"{path}: ").encode()[: lib.TFR_MESSAGE_SIZE - 1]
        ffi.memmove(message, text, len(text))
        return -_number(error)


def _beside(path: str, store: Any) -> CData:
    """A source of a file of which parts are read; NULL if there is none."""
    try:
        file = RemoteFile(path, store)
    except TfrFileNotFoundError:
        return ffi.NULL
    return _source(file, file.size)


def _source(data: RemoteFile | _Text, size: int) -> CData:
    _, read_at, free = _callbacks()
    out = ffi.new("tfr_source **")
    call(lib.tfr_source_new, read_at, _keep_for(data), size, out)
    call(lib.tfr_source_set_free, out[0], free)
    if isinstance(data, RemoteFile):
        call(lib.tfr_source_set_cost, out[0], *data._native_cost())
    return out[0]


def _read_at(context: CData, offset: int, buffer: CData, size: int) -> int:
    if interrupted.args:
        return -errno.ECANCELED
    data: Any = _kept[context]
    try:
        with memoryview(data.pread(size, offset)) as piece, piece.cast("B") as read:
            ffi.buffer(buffer, size)[: len(read)] = read
            return len(read)
    except Exception as error:
        if isinstance(data, RemoteFile):
            explain(data.path, str(error).removeprefix(f"{data.path}: "))
        return -_number(error)


def _number(error: Exception) -> int:
    return (isinstance(error, OSError) and error.errno) or errno.EIO
