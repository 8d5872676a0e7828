"""Which files a data set has, and where their indexes are."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable

from ._arguments import ensure_one_of, refuse
from ._errors import TfrFileNotFoundError, TfrValueError
from ._library import encode_path, ffi, lib, make
from ._source import File, Memory, Source
from ._typing import Only, Path

__all__ = [
    "ONLY",
    "ensure_each_once",
    "ensure_path_to_update",
    "files",
    "find_index",
    "find_shards",
]

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


def files(paths: Path | Iterable[Path]) -> list[Path]:
    """The files that paths and patterns name, without those that are indexes of the others.

    Raises:
        TfrFileNotFoundError: no file matches a pattern.
        TfrValueError: there are no paths.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        paths = [paths]
    found: list[Path] = []
    for path in paths:
        name = os.fsdecode(path)
        is_pattern = glob.escape(name) != name and not os.path.exists(name)
        found += _matching(name) if is_pattern else [path]
    if not found:
        raise refuse("paths must name at least one file, but is empty")
    indexes = {index for path in found for index in _places_beside(os.fsdecode(path))}
    return [path for path in found if os.fsdecode(path) not in indexes]


def find_shards(
    paths: Path | Iterable[Path], index_dir: Path | None = None
) -> list[tuple[str, str | None]]:
    """The files that paths and patterns name, with the places of their indexes in `index_dir`.

    Raises:
        TfrFileNotFoundError: no file matches a pattern.
        TfrValueError: there are no paths, a file is given twice, or two would have the same index.
    """
    found = files(paths)
    ensure_each_once(found)
    names = [os.fsdecode(path) for path in found]
    if index_dir is None:
        return [(name, None) for name in names]
    directory = os.fsdecode(index_dir)
    places = [os.path.join(directory, f"{os.path.basename(name)}.idx") for name in names]
    if len(set(places)) < len(places):
        raise refuse(f"index_dir: two of the files would have the same index in {directory}")
    return list(zip(names, places, strict=True))


def _matching(pattern: str) -> list[str]:
    found = sorted(set(glob.glob(pattern, recursive=True)))
    if not found:
        message = f"{pattern}: no file matches this pattern"
        raise TfrFileNotFoundError(message, "TFR_ERR_IO", pattern, errno=errno.ENOENT)
    return found


def _places_beside(path: str) -> set[str]:
    """The possible paths of a file's index beside it: the rule of `tfr_index_find`."""
    places = {f"{path}.idx", f"{path}.tfindex"}
    stem, extension = os.path.splitext(path)
    return places if extension in (".idx", ".tfindex") else {*places, f"{stem}.tfindex"}


def ensure_each_once(paths: list[Path]) -> None:
    """Raises TfrValueError if two paths name the same file: same name, same directory."""
    directories: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for path in map(os.fsdecode, paths):
        directory, name = os.path.split(path)
        if directory not in directories:
            directories[directory] = os.path.realpath(directory)
        before = seen.get((directories[directory], name))
        seen[directories[directory], name] = path
        if before is not None:
            also = "" if before == path else f" (also as {before})"
            message = (
                f"{path}: the file is listed twice{also}, so its records would appear twice: "
                "list each file once, or pass index="
            )
            raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", path)
