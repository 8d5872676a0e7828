"""Which files are meant, and where their indexes are."""

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

__all__ = ["ONLY", "ensure_each_once", "ensure_path_to_update", "files", "find_index"]

ONLY = {"missing": lib.TFR_ONLY_MISSING, "stale": lib.TFR_ONLY_STALE}


def ensure_path_to_update(only: Only, data: File | Memory | Source) -> None:
    """Raises TfrValueError for an `only` that is none, and where there is no file to look at."""
    ensure_one_of("only", only, ONLY)
    if not isinstance(data, File):
        raise refuse(f"only={only!r} needs the path of a file")


def find_index(tfrecord_path: Path, index_dir: Path | None = None) -> str:
    """The path of a TFRecord file's index, by the file's name.

    That is the first one that exists of NAME.idx, NAME.tfindex and STEM.tfindex, which for
    train.tfrecord is train.tfindex. Whether what is found is an index is not looked at.

    Args:
        tfrecord_path: the file, which need not exist.
        index_dir: the directory to look in, such as DLIO's "index/train"; beside the file if it is
            None.

    Raises:
        TfrFileNotFoundError: there is no index.

    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(os.path.join(folder, "train.tfrecord.idx"), "w") as file:
    ...         _ = file.write("0 21\\n")
    ...     os.path.basename(find_index("data/train.tfrecord", folder))
    'train.tfrecord.idx'
    """
    directory = ffi.NULL if index_dir is None else encode_path(index_dir)
    found = make("text", lib.tfr_index_find, encode_path(tfrecord_path), directory)
    return os.fsdecode(ffi.string(found))


def files(paths: Path | Iterable[Path]) -> list[Path]:
    """The files that paths and patterns name, without indexes beside their files.

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


def _matching(pattern: str) -> list[str]:
    found = sorted(set(glob.glob(pattern, recursive=True)))
    if not found:
        message = f"{pattern}: no file matches this pattern"
        raise TfrFileNotFoundError(message, "TFR_ERR_IO", pattern, errno=errno.ENOENT)
    return found


def _places_beside(path: str) -> set[str]:
    """Where the index of a file may be beside it: the rule of `tfr_index_find`."""
    places = {f"{path}.idx", f"{path}.tfindex"}
    stem, extension = os.path.splitext(path)
    return places if extension in (".idx", ".tfindex") else {*places, f"{stem}.tfindex"}


def ensure_each_once(paths: list[Path]) -> None:
    """Raises TfrValueError if two paths name one file: the same name in the same directory."""
    directories: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    for path in map(os.fsdecode, paths):
        directory, name = os.path.split(path)
        if directory not in directories:
            directories[directory] = os.path.realpath(directory)
        before = seen.get((directories[directory], name))
        seen[directories[directory], name] = path
        if before is not None:
            same = "is given twice" if before == path else f"is given twice, also as {before}"
            message = f"{path}: {same}: its records would be there twice; give each file once"
            raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", path)
