"""Which files a data set has, and where their indexes are."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ._arguments import ensure_one_of, refuse
from ._library import CData, encode_path, ffi, lib, make
from ._source import File, Memory, Source
from ._typing import Only, Path

__all__ = ["ONLY", "ensure_path_to_update", "find_index", "find_indexes", "find_shards"]

ONLY = {"missing": lib.TFR_ONLY_MISSING, "stale": lib.TFR_ONLY_STALE}


def ensure_path_to_update(only: Only, data: File | Memory | Source) -> None:
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


def find_shards(
    paths: Path | Iterable[Path], index_dir: Path | None = None, *, allow_repeated: bool = False
) -> list[tuple[str, str | None]]:
    """The files that paths stand for, with the places of their indexes in `index_dir`.

    Args:
        paths: files, directories and patterns, as for `Dataset`.
        index_dir: a directory for the indexes, which mirrors the directories of the files.
        allow_repeated: whether a file may be given twice.

    Raises:
        TfrFileNotFoundError: no file matches a pattern, or a file of a set is missing.
        TfrValueError: there are no paths, a directory has no TFRecord file, or a file does not
            belong to its set or is given twice.
    """
    shards = native_shards(paths, index_dir, allow_repeated=allow_repeated)

    def decoded(path: CData) -> str:
        return os.fsdecode(ffi.string(path))

    def shard(number: int) -> tuple[str, str | None]:
        index = lib.tfr_shards_index_path(shards, number)
        return decoded(lib.tfr_shards_path(shards, number)), decoded(index) if index else None

    return [shard(number) for number in range(lib.tfr_shards_len(shards))]


def native_shards(
    paths: Path | Iterable[Path], index_dir: Path | None = None, *, allow_repeated: bool = False
) -> CData:
    """The native shards that paths stand for; see `find_shards`."""
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    encoded = [encode_path(path) for path in paths]
    texts = [ffi.from_buffer("char[]", path + b"\0") for path in encoded]
    directory = ffi.NULL if index_dir is None else encode_path(index_dir)
    flags = lib.TFR_FIND_ALLOW_REPEATED if allow_repeated else 0
    given = ffi.new("char *[]", texts)
    return make("shards", lib.tfr_shards_find, given, len(texts), ffi.NULL, directory, flags)


def find_indexes(shards: list[tuple[str, str | None]]) -> list[str]:
    """The indexes of shards that were found with an `index_dir`."""
    return [find_index(path, os.path.dirname(index or "")) for path, index in shards]
