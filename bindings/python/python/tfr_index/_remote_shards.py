"""Data sets of files in stores: what they are opened from, and how the library opens a file."""

from __future__ import annotations

import errno
import itertools
import os
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from . import _remote, _remote_set
from ._arguments import refuse
from ._errors import TfrFileNotFoundError, TfrOSError, explain
from ._files import c_paths
from ._index import Index
from ._library import CData, call, callback, ffi, interrupted, keeping, lib, make
from ._remote import RemoteFile
from ._remote_index import read_remote_index
from ._typing import Buffer, Path

__all__ = ["AT_ONCE", "RemoteFiles", "are_remote", "find_remote_files", "index_urls", "on_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

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


def index_urls(paths: Sequence[str], index_dir: str) -> list[str]:
    """Where the indexes of files are in a directory that mirrors the directories of the files."""
    directories = [path.rpartition("/")[0].split("/") for path in paths]
    first, last = min(directories), max(directories)
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return ["/".join([index_dir.rstrip("/"), *path.split("/")[common:]]) + ".idx" for path in paths]


def find_remote_files(
    paths: Sequence[Path],
    store: Any,
    index: Sequence[Index | Path | None] | None,
    index_dir: Path | None,
    pattern: str | None,
    allow_missing: bool,
) -> RemoteFiles:
    """What the arguments of `Dataset` mean."""
    found = _remote_set.find([os.fsdecode(path) for path in paths], store, pattern, allow_missing)
    names = [file.path for file in found]
    indexes: list[Index | None] | None = None
    if index_dir is not None:
        index = index_urls(names, os.fsdecode(index_dir))
    if index is not None:
        if len(index) != len(names):
            raise refuse(f"index must have {len(names)} items, one for each file, not {len(index)}")
        indexes = on_threads(lambda one: _index_of(one, store), index)
    versions = {file.path: file.etag for file in found if file.etag is not None}
    unindexed = frozenset(file.path for file in found if file.has_index is False)
    return RemoteFiles(names, store, indexes, None, versions, unindexed)


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
        versions: what the files must be, by their paths, as far as it is known.
        unindexed: files that have no index beside them.
        opened: what was opened last, by path.
        indexed: those that had an index beside them then.
    """

    paths: list[str]
    store: Any = None
    indexes: list[Index | None] | None = None
    counts: array[int] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    unindexed: frozenset[str] = frozenset()
    opened: dict[str, RemoteFile] = field(default_factory=dict, compare=False)
    indexed: set[str] = field(default_factory=set, compare=False)

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
        opener = _Opener(self)
        given = paths, indexes, counts, len(self.paths), opener.open, ffi.NULL, ffi.NULL
        return keeping(make("dataset", lib.tfr_dataset_from_opener, *given, options), opener)

    def only(self, paths: list[str]) -> RemoteFiles:
        """The same of some of the files."""
        return RemoteFiles(paths, self.store, unindexed=self.unindexed)

    def counted(self, native: CData) -> RemoteFiles:
        first, count = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        counts = array("Q")
        for shard in range(len(self.paths)):
            call(lib.tfr_dataset_records_of, native, shard, first, count)
            counts.append(count[0])
        return replace(self, counts=counts, opened={}, indexed=set())


@dataclass(frozen=True)
class _Text:
    """The bytes of a small file."""

    content: bytes

    def pread(self, size: int, offset: int) -> Buffer:
        return memoryview(self.content)[offset : offset + size]


class _Opener:
    """Opens files for the library, which calls it on its threads.

    What it opens stays in `_open` until the library frees it. A Ctrl-C that arrives meanwhile
    makes the library's call fail, which then raises it.
    """

    def __init__(self, files: RemoteFiles) -> None:
        self._files = files
        self._open: dict[int, RemoteFile | _Text] = {}
        self._keys = itertools.count(1)
        failed = -errno.ECANCELED
        self.open = callback("tfr_open_shard_fn", self._open_shard, failed, interrupted)
        self._read = callback("tfr_read_at_fn", self._read_at, failed, interrupted)
        self._free = callback("tfr_free_fn", self._forget, None, interrupted)

    def _open_shard(self, _context: CData, shard: int, opened: CData, message: CData) -> int:
        path, store = self._files.paths[shard], self._files.store
        if interrupted.args:
            return -errno.ECANCELED
        try:
            file = RemoteFile._with_start(path, store, _remote.START)
            self._ensure_version(path, file)
            opened.data = self._source(file, file.size)
            if path not in self._files.unindexed and not self._has_index(shard):
                opened.index_file = self._text(f"{path}.idx", store)
                if opened.index_file:
                    self._files.indexed.add(path)
            if file._looks_compressed():
                opened.seek_file = self._beside(f"{path}.seek", store)
            return 0
        except Exception as error:
            text = str(error).removeprefix(f"{path}: ").encode()[: lib.TFR_MESSAGE_SIZE - 1]
            ffi.memmove(message, text, len(text))
            return -_number(error)

    def _has_index(self, shard: int) -> bool:
        indexes = self._files.indexes
        return indexes is not None and indexes[shard] is not None

    def _ensure_version(self, path: str, file: RemoteFile) -> None:
        """Raises TfrOSError if the file is not the one that was listed, or was opened before."""
        expected = self._files.versions.setdefault(path, file.etag or "")
        if expected and expected != file.etag:
            message = f"{path}: the file was replaced since the data set was opened: open it again"
            raise TfrOSError(message, path=path, errno=errno.ESTALE)
        self._files.opened[path] = file

    def _text(self, path: str, store: Any) -> CData:
        """A source of an index, all of which is read; NULL if there is none."""
        try:
            content = _remote.read(path, store=store)
        except TfrFileNotFoundError:
            return ffi.NULL
        return self._source(_Text(content), len(content))

    def _beside(self, path: str, store: Any) -> CData:
        """A source of a file of which parts are read; NULL if there is none."""
        try:
            file = RemoteFile(path, store)
        except TfrFileNotFoundError:
            return ffi.NULL
        return self._source(file, file.size)

    def _source(self, data: RemoteFile | _Text, size: int) -> CData:
        key = next(self._keys)
        self._open[key] = data
        out = ffi.new("tfr_source **")
        call(lib.tfr_source_new, self._read, ffi.cast("void *", key), size, out)
        call(lib.tfr_source_set_free, out[0], self._free)
        if isinstance(data, RemoteFile):
            call(lib.tfr_source_set_cost, out[0], *data._native_cost())
        return out[0]

    def _read_at(self, context: CData, offset: int, buffer: CData, size: int) -> int:
        if interrupted.args:
            return -errno.ECANCELED
        data = self._open[int(ffi.cast("uintptr_t", context))]
        try:
            with memoryview(data.pread(size, offset)) as piece, piece.cast("B") as read:
                ffi.buffer(buffer, size)[: len(read)] = read
                return len(read)
        except Exception as error:
            if isinstance(data, RemoteFile):
                explain(data.path, str(error).removeprefix(f"{data.path}: "))
            return -_number(error)

    def _forget(self, context: CData) -> None:
        self._open.pop(int(ffi.cast("uintptr_t", context)), None)


def _number(error: Exception) -> int:
    return (isinstance(error, OSError) and error.errno) or errno.EIO
