"""Manifests of files at URLs: the rows of `Manifest.build` and `Manifest.refresh`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from ._errors import TfrFileNotFoundError
from ._manifest_row import ManifestRow
from ._options import with_options
from ._remote import about, modified
from ._remote_shards import RemoteFiles, Version, is_same, on_threads
from ._typing import Checksums, Progress

__all__ = ["present", "rows_of", "size_of_all", "unchanged"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows_of(
    files: RemoteFiles, checksums: Checksums, threads: int, progress: Progress | None = None
) -> list[ManifestRow]:
    """Opens the files, many at the same time, and counts their records."""
    if not files.paths:
        return []
    native = with_options(files.open, checksums=checksums, threads=threads, progress=progress)
    counts: Iterable[int] = files.counted(native).counts or ()
    rows = []
    for path, count in zip(files.paths, counts, strict=True):
        file = files.opened[path]
        index = files.index_of(path)
        is_used = index in files.index_sizes or files.indexes is not None
        index = index if is_used else None
        rows.append(
            ManifestRow(path, file.size, count, _nanoseconds(file.modified), index, file.etag)
        )
    return rows


def present(rows: Sequence[ManifestRow], *, allow_missing: bool) -> RemoteFiles:
    """Files of a manifest, their versions, and the indexes that it names. Files that do not exist
    are left out if they may be.

    Raises:
        TfrFileNotFoundError: a file does not exist.
    """

    def version(path: str) -> Version | None:
        try:
            return about(path)[:2]
        except TfrFileNotFoundError:
            if allow_missing:
                return None
            raise

    paths = [row.path for row in rows]
    found = zip(paths, on_threads(version, paths), strict=True)
    versions = {path: version for path, version in found if version is not None}
    indexes: dict[str, str | None] = {row.path: row.index_path for row in rows if row.index_path}
    return RemoteFiles(list(versions), versions=versions, index_paths=indexes, are_named=True)


def size_of_all(files: RemoteFiles) -> int:
    """The bytes of all files. Those that were not listed are asked for; a file that is missing is
    an error of the worker that gets it."""

    def size(path: str) -> int:
        if path in files.versions:
            return files.versions[path][0]
        stamp = modified(path)
        return 0 if stamp is None else stamp[1]

    return sum(on_threads(size, files.paths))


def unchanged(
    rows: Iterable[ManifestRow], files: RemoteFiles
) -> tuple[dict[str, ManifestRow], list[str]]:
    """The rows, by their paths, of files that are still the version that the row says; and which of
    these have an index now that had none."""
    known = {row.path: row for row in rows if row.etag is not None}

    def same(path: str) -> ManifestRow | None:
        row = known.get(path)
        if row is None:
            return None
        size, etag = files.versions.get(path) or about(path)[:2]
        return row if is_same((row.bytes, row.etag), size, etag) else None

    def indexed(path: str) -> str | None:
        index = files.index_of(path)
        return index if index and modified(index) else None

    found = {row.path: row for row in on_threads(same, files.paths) if row is not None}
    bare = [path for path, row in found.items() if row.index_path is None]
    indexes = zip(bare, on_threads(indexed, bare), strict=True)
    now = {path: index for path, index in indexes if index is not None}
    found |= {path: found[path]._replace(index_path=index) for path, index in now.items()}
    return found, list(now)


def _nanoseconds(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // (_EPOCH.resolution) * 1000
