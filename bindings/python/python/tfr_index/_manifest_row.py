"""`ManifestRow`: what a `Manifest` says of one shard."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ManifestRow"]


class ManifestRow(NamedTuple):
    """What a `Manifest` says of one shard.

    Examples:
        >>> row = ManifestRow("train-0.tfrecord", 1234, 10, None, None)
        >>> row.path, row.records
        ('train-0.tfrecord', 10)
    """

    path: str
    """The TFRecord file."""
    bytes: int
    """Its size."""
    records: int
    """The number of its records."""
    mtime_ns: int | None
    """When it was last modified, in nanoseconds since 1970. None: unknown."""
    index_path: str | None
    """Its index, which the number of records was read from. None: it had none."""
    etag: str | None = None
    """What names the version of an object in a store: its entity tag. None for local files."""
