"""Which files a data set has, and where their indexes are."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ._arguments import ensure_one_of, path_list, refuse
from ._library import CData, encode_path, ffi, lib, make
from ._source import Decompressed, File, Memory, Source
from ._typing import Only, Path

__all__ = [
    "ONLY",
    "c_paths",
    "decoded",
    "ensure_path_to_update",
    "find_index",
    "native_shards",
    "shards_of",
]

ONLY = {"missing": lib.TFR_ONLY_MISSING, "stale": lib.TFR_ONLY_STALE}


def ensure_path_to_update(only: Only, data: File | Memory | Source | Decompressed) -> None:
    """Raises TfrValueError if `only` is invalid, or if the data has no path."""
    ensure_one_of("only", only, ONLY)
    if not isinstance(data, File):
        raise refuse(f"only={only!r} needs the path of a file, not an open file or data")


def find_index(tfrecord_path: Path, index_dir: Path | None = None) -> str:
    """Finds the index of a TFRecord file by the file's name, and returns its path.

    For train.tfrecord, it is the first of these that exists: train.tfrecord.idx,
    train.tfrecord.tfindex, train.tfindex. The content of the index is not checked.

    Args:
        tfrecord_path: the file, which need not exist.
        index_dir: the directory to search, such as DLIO's "index/train". None searches beside the
            file.

    Raises:
        TfrFileNotFoundError: there is no index.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     with open(os.path.join(directory, "train.tfrecord.idx"), "w") as file:
        ...         _ = file.write("0 21\\n")
        ...     os.path.basename(find_index("data/train.tfrecord", directory))
        'train.tfrecord.idx'
    """
    directory = ffi.NULL if index_dir is None else encode_path(index_dir)
    found = make("text", lib.tfr_index_find, encode_path(tfrecord_path), directory)
    return os.fsdecode(ffi.string(found))


def native_shards(
    paths: Path | Iterable[Path],
    index_dir: Path | None = None,
    *,
    pattern: str | None = None,
    allow_missing: bool = False,
    allow_repeated: bool = False,
) -> CData:
    """The native shards that paths stand for.

    Args:
        paths: files, directories and patterns, as for `Dataset`.
        index_dir: a directory for the indexes, which mirrors the directories of the files.
        pattern: which names are data in a directory.
        allow_missing: whether sets may lack files.
        allow_repeated: whether a file may be given twice.

    Raises:
        TfrFileNotFoundError: no file matches a pattern, or a file of a set is missing.
        TfrValueError: there are no paths, a directory has no TFRecord file, or a file does not
            belong to its set or is given twice.
    """
    given, keep = c_paths(path_list(paths))
    glob = ffi.NULL if pattern is None else encode_path(pattern)
    directory = ffi.NULL if index_dir is None else encode_path(index_dir)
    flags = lib.TFR_FIND_ALLOW_MISSING if allow_missing else 0
    flags |= lib.TFR_FIND_ALLOW_REPEATED if allow_repeated else 0
    return make("shards", lib.tfr_shards_find, given, len(keep), glob, directory, flags)


def shards_of(native: CData) -> list[tuple[str, str | None]]:
    """The paths of native shards, with the places of their indexes in a directory of indexes."""

    def shard(number: int) -> tuple[str, str | None]:
        index = lib.tfr_shards_index_path(native, number)
        return decoded(lib.tfr_shards_path(native, number)), decoded(index) if index else None

    return [shard(number) for number in range(lib.tfr_shards_len(native))]


def decoded(path: CData) -> str:
    """A path of the library."""
    return os.fsdecode(ffi.string(path))


def c_paths(paths: Iterable[Path | None]) -> tuple[CData, list[CData]]:
    """Paths as a C array, and what keeps it valid. None is NULL."""
    texts = [
        ffi.NULL if path is None else ffi.from_buffer("char[]", encode_path(path) + b"\0")
        for path in paths
    ]
    return ffi.new("char *[]", texts), texts
