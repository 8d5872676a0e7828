"""Where the files of a data set and their numbers of records come from."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ._arguments import path_list, refuse
from ._files import c_paths, decoded, native_shards
from ._index import Index
from ._library import CData, call, encode_path, ffi, lib, make
from ._manifest import ENDING, Manifest, lists_urls
from ._manifest_row import ManifestRow
from ._remote import is_url
from ._remote_shards import RemoteFiles, are_remote, find_remote_files
from ._typing import Path

__all__ = ["Origin", "files_of", "find_origin"]


class Origin(Protocol):
    """What a data set is opened from, here and in another process."""

    @property
    def is_lazy(self) -> bool:
        """Whether it opens no file before that is used."""

    def open(self, options: CData) -> CData:
        """Makes the native data set."""

    def counted(self, native: CData) -> Origin:
        """The origin of a copy, which opens no file before it is used."""


class _Found:
    """Files that were found, and are not pickled as such."""

    def __init__(
        self, shards: CData, paths: list[Path], given: Sequence[Index | Path | None] | None
    ) -> None:
        self._shards = shards
        # A list of paths may have manifests, whose files are opened when they are used.
        self.is_lazy = any(os.fsencode(path).endswith(b".json") for path in paths)
        count = lib.tfr_shards_len(shards)
        texts = [lib.tfr_shards_index_path(shards, shard) for shard in range(count)]
        self._index_paths = [decoded(text) if text else None for text in texts]
        self._given_paths: list[str | None] = [None] * count
        self._indexes: list[Index | None] | None = None
        if given is not None:
            self._indexes = [one if isinstance(one, Index) else None for one in given]
            for place, one in enumerate(given):
                if one is not None and not isinstance(one, Index):
                    self._index_paths[place] = os.fsdecode(one)
                    self._given_paths[place] = os.fsdecode(one)

    def open(self, options: CData) -> CData:
        *given, _keep = _natives(self._given_paths, self._indexes)
        return make("dataset", lib.tfr_dataset_from_shards, self._shards, *given, options)

    def counted(self, native: CData) -> Origin:
        paths = [decoded(lib.tfr_dataset_path(native, n)) for n in range(len(self._index_paths))]
        return _Files(paths, self._index_paths, self._indexes).counted(native)


def _natives(
    index_paths: list[str | None] | None, indexes: list[Index | None] | None
) -> tuple[CData, CData, list[Any]]:
    """The same for C, and what keeps it alive."""
    paths, keep = (ffi.NULL, []) if index_paths is None else c_paths(index_paths)
    natives = ffi.NULL
    if indexes is not None:
        pointers = [ffi.NULL if index is None else index._native for index in indexes]
        natives = ffi.new("tfr_index *[]", pointers)
    return paths, natives, keep


@dataclass(frozen=True)
class _Files:
    """Files with indexes or numbers of records that are known."""

    paths: list[str]
    index_paths: list[str | None] | None = None
    indexes: list[Index | None] | None = None
    counts: array[int] | None = None

    @property
    def is_lazy(self) -> bool:
        return self.counts is not None

    def open(self, options: CData) -> CData:
        paths, _keep = c_paths(self.paths)
        index_paths, indexes, _keep_too = _natives(self.index_paths, self.indexes)
        counts = ffi.NULL if self.counts is None else ffi.from_buffer("uint64_t[]", self.counts)
        given = paths, index_paths, indexes, counts, len(self.paths)
        return make("dataset", lib.tfr_dataset_open, *given, options)

    def counted(self, native: CData) -> Origin:
        first, count = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        counts = array("Q")
        for shard in range(len(self.paths)):
            call(lib.tfr_dataset_records_of, native, shard, first, count)
            counts.append(count[0])
        return replace(self, counts=counts)


@dataclass(frozen=True)
class _Rows:
    """A manifest in memory, and its rows as they were then."""

    native: CData
    rows: list[ManifestRow]
    is_lazy = True

    def open(self, options: CData) -> CData:
        return make("dataset", lib.tfr_dataset_from_manifest, self.native, options)

    def counted(self, native: CData) -> Origin:
        paths = [row.path for row in self.rows]
        return _Files(paths, [row.index_path for row in self.rows]).counted(native)


class _ManifestFile:
    """A manifest file, and what was read of it just now. Pickled is its path."""

    is_lazy = True

    def __init__(self, path: Path, native: CData | None = None) -> None:
        self._path, self._native = path, native

    def __reduce__(self) -> tuple[type[_ManifestFile], tuple[Path]]:
        return _ManifestFile, (self._path,)

    def open(self, options: CData) -> CData:
        manifest, self._native = self._native, None
        if manifest is None:
            manifest = _read(self._path)
        return make("dataset", lib.tfr_dataset_from_manifest, manifest, options)

    def counted(self, native: CData) -> Origin:
        return self


def _read(manifest: Path) -> CData:
    return make("manifest", lib.tfr_manifest_read, encode_path(manifest))


@dataclass(frozen=True)
class _Tfds:
    directory: Path
    split: str
    is_lazy = True

    def open(self, options: CData) -> CData:
        given = encode_path(self.directory), self.split.encode()
        # The options are those of a data set, and not meant for files that have to be counted.
        manifest = make("manifest", lib.tfr_manifest_from_tfds, *given, ffi.NULL)
        return make("dataset", lib.tfr_dataset_from_manifest, manifest, options)

    def counted(self, native: CData) -> Origin:
        return self


def _ensure_none(given: dict[str, bool], other: str, advice: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise refuse(f"{name} cannot be given with {other}, which names all files: {advice}")


def _listed_remote(manifest: Manifest) -> RemoteFiles:
    """The files of a manifest of URLs."""
    counts = array("Q", (row.records for row in manifest))
    versions = {row.path: (row.bytes, row.etag) for row in manifest}
    index_paths = {row.path: row.index_path for row in manifest}
    paths = [row.path for row in manifest]
    return RemoteFiles(paths, None, None, counts, versions, index_paths, are_named=True)


def find_origin(
    paths: Path | Iterable[Path] | Manifest,
    index: Sequence[Index | Path | None] | None,
    index_dir: Path | None,
    pattern: str | None,
    allow_missing: bool,
    split: str | None,
    store: Any,
) -> Origin:
    """What the arguments of `Dataset` mean.

    Raises:
        TfrFileNotFoundError: no file matches a pattern, or a file of a set is missing.
        TfrValueError: the arguments contradict each other.
        TypeError: `index` is not a list.
    """
    path = os.fspath(paths) if isinstance(paths, (str, bytes, os.PathLike)) else None
    given = {
        "index": index is not None,
        "index_dir": index_dir is not None,
        "pattern": pattern is not None,
        "allow_missing": allow_missing,
    }
    if store is not None and (split is not None or isinstance(paths, Manifest)):
        raise refuse(
            "store cannot be given with a Manifest or a split: pass the paths in the store"
        )
    if split is not None:
        if path is None:
            raise refuse("split needs one path: a directory with a dataset_info.json")
        _ensure_none(given, "split", "pass a pattern of the files' names instead of split")
        return _Tfds(path, split)
    if isinstance(paths, Manifest):
        advice = "write it to a file, and pass the path of that file"
        if allow_missing:
            advice = "call its refresh(allow_missing=True) before"
        _ensure_none(given, "a Manifest", advice)
        if lists_urls(paths._native):
            return _listed_remote(paths)
        return _Rows(paths._native, paths._rows)
    if path is not None and os.fsencode(path).endswith(ENDING) and store is None:
        _ensure_none({"pattern": given["pattern"]}, "a manifest", "omit it")
        if is_url(path):
            _ensure_none(given, "a manifest of URLs", "omit it")
            return _listed_remote(Manifest.read(path))
        if not any(given.values()):
            native = _read(path)
            if lists_urls(native):
                return _listed_remote(Manifest._of(native))
            return _ManifestFile(path, native)
    if isinstance(index, (Index, str, bytes, os.PathLike)):
        kind = type(index).__name__
        raise TypeError(f"index must be a list with an index for each file, not {kind}")
    if index is not None and index_dir is not None:
        raise refuse("index and index_dir cannot both be given: pass one of them")
    files = path_list(paths)
    if are_remote(files, store):
        return find_remote_files(files, store, index, index_dir, pattern, allow_missing)
    shards = native_shards(
        files,
        index_dir,
        pattern=pattern,
        allow_missing=allow_missing,
        allow_repeated=index is not None,
    )
    if index is None:
        return _Found(shards, files, None)
    count = lib.tfr_shards_len(shards)
    if len(index) != count:
        raise refuse(f"index must have {count} items, one for each file, not {len(index)}")
    if all(one is None for one in index):
        return _Found(shards, files, None)
    return _Found(shards, files, index)


def files_of(
    paths: Path | Iterable[Path],
    index_dir: Path | None,
    *,
    pattern: str | None,
    allow_missing: bool,
    store: Any,
) -> CData | RemoteFiles:
    """The native shards of local files; or the files of URLs, of paths in a store, or of a manifest
    of URLs."""
    given = path_list(paths)
    where: dict[str, Any] = {"pattern": pattern, "allow_missing": allow_missing}
    files = _remote_files(given, index_dir, store=store, **where)
    return native_shards(given, index_dir, **where) if files is None else files


def _remote_files(
    paths: Sequence[Path],
    index_dir: Path | None,
    *,
    pattern: str | None,
    allow_missing: bool,
    store: Any,
) -> RemoteFiles | None:
    """Those that are not local; None: they are local."""
    if len(paths) == 1 and os.fsencode(paths[0]).endswith(ENDING):
        origin = find_origin(paths[0], None, index_dir, pattern, allow_missing, None, store)
        return origin if isinstance(origin, RemoteFiles) else None
    if not are_remote(paths, store):
        return None
    how: dict[str, Any] = {"pattern": pattern, "allow_missing": allow_missing}
    return find_remote_files(paths, store, None, index_dir, **how, reads_indexes=False)
