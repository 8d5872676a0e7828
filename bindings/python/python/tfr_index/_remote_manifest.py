"""Manifests of files at URLs: the rows of `Manifest.build` and `Manifest.refresh`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ._options import with_options
from ._remote import about
from ._remote_shards import RemoteFiles, on_threads
from ._typing import Checksums

__all__ = ["Row", "rows_of", "unchanged"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """A row of a manifest, with the fields of `ManifestRow`."""

    path: str
    bytes: int
    records: int
    mtime_ns: int | None
    index_path: str | None
    etag: str | None


def rows_of(files: RemoteFiles, checksums: Checksums, threads: int) -> list[Row]:
    """Opens the files, many at the same time, and counts their records."""
    if not files.paths:
        return []
    native = with_options(files.open, checksums=checksums, threads=threads, progress=None)
    counts: Iterable[int] = files.counted(native).counts or ()
    rows = []
    for path, count in zip(files.paths, counts, strict=True):
        file = files.opened[path]
        index = f"{path}.idx" if path in files.indexed else None
        rows.append(Row(path, file.size, count, _nanoseconds(file.modified), index, file.etag))
    return rows


def unchanged(rows: Iterable[Row], paths: Sequence[str]) -> dict[str, Row]:
    """The rows, by their paths, of files that are still the version that the row says."""
    known = {row.path: row for row in rows if row.etag is not None}
    old = [path for path in paths if path in known]
    versions = (etag for _, etag, _ in on_threads(about, old))
    return {
        path: known[path]
        for path, etag in zip(old, versions, strict=True)
        if etag == known[path].etag
    }


def _nanoseconds(time: datetime | None) -> int | None:
    return None if time is None else (time - _EPOCH) // (_EPOCH.resolution) * 1000
