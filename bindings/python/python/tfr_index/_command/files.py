"""Which files the operands of a command are."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NamedTuple

from .. import _remote_set
from .._errors import TfrFileNotFoundError, TfrMismatch, TfrOSError
from .._manifest import Manifest
from .._manifest_row import ManifestRow
from .._remote import is_url
from .._remote_shards import index_urls, is_same
from . import output

__all__ = [
    "Listed",
    "Member",
    "Members",
    "ensure_remote_indexes",
    "ensure_urls",
    "find",
    "listed_paths",
    "listed_text",
    "operands",
    "with_index_dir",
    "with_indexes",
]


class Listed(NamedTuple):
    """What a manifest says of a file."""

    row: ManifestRow
    list_name: str

    def ensure_same(self, path: str, size: int, etag: str | None) -> None:
        """Raises TfrMismatch if the file is not what the manifest says."""
        row, name = self.row, self.list_name
        if size != row.bytes:
            message = (
                f"{path}: has {size} bytes, but {name} says {row.bytes}: the file was cut or "
                "replaced"
            )
        elif not is_same((row.bytes, row.etag), size, etag):
            message = (
                f"{path}: was replaced after {name} was written; if that was intended, refresh "
                f"{name}"
            )
        else:
            return
        raise TfrMismatch(message, "TFR_ERR_MISMATCH", path)

    def ensure_count(self, path: str, records: int) -> None:
        """Raises TfrMismatch if the file has another number of records."""
        if records != self.row.records:
            message = (
                f"{path}: has {records} records, but {self.list_name} says {self.row.records}: the "
                "file was cut or replaced"
            )
            raise TfrMismatch(message, "TFR_ERR_MISMATCH", path)

    def explain(self, error: TfrOSError) -> TfrOSError:
        """The error of a file that is missing."""
        message = f"{error}; {self.list_name} lists this shard"
        return type(error)(message, error.status, error.path, *error.args[3:])


class Member(NamedTuple):
    """A file of the set.

    Attributes:
        path: the file.
        index_path: where its index is, if that is named; None: beside it, if it is anywhere.
        lacks_index: whether a listing has no index beside it.
        listed: what a manifest says of it.
        is_given: whether `index_path` is one that the user gives for this file.
        found: how it was found; None: it was given, or is one of a manifest.
    """

    path: str
    index_path: str | None = None
    lacks_index: bool = False
    listed: Listed | None = None
    is_given: bool = False
    found: _remote_set.Found | None = None

    def as_found(self) -> _remote_set.Found:
        return self.found or _remote_set.Found(self.path, self.path.rpartition("/")[0])


class Members(NamedTuple):
    """The files of a set, and whether some are missing, which was printed."""

    files: list[Member]
    lacks_some: bool

    @property
    def paths(self) -> list[str]:
        return [member.path for member in self.files]

    def listed_records(self) -> int | None:
        """The number of records that manifests say of all files, if they do of each."""
        rows = [member.listed.row for member in self.files if member.listed]
        return sum(row.records for row in rows) if len(rows) == len(self.files) else None

    def list_name(self) -> str | None:
        return next((one.listed.list_name for one in self.files if one.listed), None)


def operands(options: argparse.Namespace) -> list[str]:
    """The paths of the command line, and those of a list."""
    return [*options.paths, *listed_paths(options)]


def listed_paths(options: argparse.Namespace) -> list[str]:
    """The paths of --files-from."""
    if options.files_from is None:
        return []
    if options.files_from == "-":
        text = sys.stdin.buffer.read()
    else:
        with open(options.files_from, "rb") as file:
            text = file.read()
    if options.null:
        lines = text.split(b"\0")
    else:
        lines = [line.removesuffix(b"\r") for line in text.split(b"\n")]
    return [os.fsdecode(line) for line in lines if line]


def find(
    options: argparse.Namespace,
    given: list[str],
    *,
    allow_repeated: bool = False,
    tells_missing: bool = False,
) -> Members:
    """The files that operands stand for.

    Args:
        options: those of the command line.
        given: the operands.
        allow_repeated: whether a file may be given twice.
        tells_missing: whether a set that lacks files is printed, and the others are used.

    Raises:
        Usage: a path is that of a local file, or not the URL of a store.
        TfrError: as for `Dataset`.
    """
    lacks_some = False
    files: list[Member] = []
    for path in given:
        if path.endswith(".json"):
            files += _listed_in(path)
            continue
        _ensure_url(path)

        try:
            found = _search(path, options, allow_missing=False, allow_repeated=allow_repeated)
        except TfrFileNotFoundError as error:
            if not options.allow_missing and not tells_missing:
                raise
            found = _search(path, options, allow_missing=True, allow_repeated=allow_repeated)
            level = "note" if options.allow_missing else "error"
            output.note(f"{level}: {output.words(str(error))}")
            lacks_some = True
        files += [Member(one.path, None, one.lacks_index, found=one) for one in found]
    seen: set[str] = set()
    for file in files:
        if file.path in seen and not allow_repeated:
            message = "is given twice, so its records would count twice; give it once"
            raise output.Failure(f"{file.path}: {message}")
        seen.add(file.path)
    return Members(files, lacks_some and not options.allow_missing)


def _search(
    path: str, options: argparse.Namespace, *, allow_missing: bool, allow_repeated: bool
) -> list[_remote_set.Found]:
    return _remote_set.find(
        [path], None, options.pattern, allow_missing, allow_repeated=allow_repeated
    )


def _listed_in(path: str) -> list[Member]:
    """The files of a manifest."""
    rows = list(Manifest.read(path))
    local = next((row.path for row in rows if not is_url(row.path)), None)
    if local is not None:
        raise output.Usage(_mixed(f"{path} lists {local}, which"))
    name = os.path.basename(path)
    return [Member(row.path, row.index_path, False, Listed(row, name)) for row in rows]


def ensure_remote_indexes(options: argparse.Namespace) -> None:
    """Raises Usage if the directory of indexes is not at a URL."""
    if options.index is not None and not is_url(options.index):
        raise output.Usage(f"{options.index}: the indexes must be at URLs, as the files are")


def ensure_urls(given: list[str]) -> None:
    """Raises Usage if a path is not a URL."""
    for path in given:
        _ensure_url(path)


def _ensure_url(path: str) -> None:
    if is_url(path):
        return
    if path.lower().startswith("file://") and not os.path.exists(path):
        raise output.Usage(f"{path}: is the URL of a local file: give its path")
    if "://" in path and not os.path.exists(path):
        schemes = "s3://, gs://, az://, https:// and http://"
        raise output.Usage(f"{path}: this kind of URL cannot be read: use {schemes}")
    raise output.Usage(_mixed(path))


def _mixed(what: str) -> str:
    return f"{what} is a local file, and others are at URLs: use a command for each"


def with_indexes(members: Members, indexes: list[str]) -> Members:
    """The files, with the indexes that the user gives for them."""
    if len(indexes) != len(members.files):
        raise output.Usage(
            f"--index needs one index for each FILE: {len(members.files)}, not {len(indexes)}; end "
            "a directory of indexes with /"
        )
    pairs = zip(members.files, indexes, strict=True)
    files = [file._replace(index_path=index, is_given=True) for file, index in pairs]
    return members._replace(files=files)


def with_index_dir(members: Members, directory: str | None) -> Members:
    """The files, with their indexes in a directory, if one is given."""
    if directory is None:
        return members
    indexes = index_urls([member.as_found() for member in members.files], directory)
    pairs = zip(members.files, indexes, strict=True)
    return members._replace(files=[file._replace(index_path=index) for file, index in pairs])


def listed_text(members: Members, records: int | None) -> str:
    """What to add to a total line if a manifest says another number of records."""
    listed = members.listed_records()
    if listed is None or listed == records or members.list_name() is None:
        return ""
    return f"; {members.list_name()} lists {listed} records"
