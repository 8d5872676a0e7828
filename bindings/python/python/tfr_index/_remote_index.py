"""Indexes in a store: created, found and read."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import _remote
from ._errors import (
    TfrError,
    TfrFileNotFoundError,
    TfrOSError,
    TfrStale,
    TfrValueError,
    TfrWarning,
    warn,
    with_path,
)
from ._index import Index
from ._remote import Stamp
from ._source import Decompressed, GzipSource, Source
from ._typing import Data

__all__ = [
    "create_remote_index",
    "ensure_place_beside",
    "fitting_index",
    "index_beside",
    "is_up_to_date",
    "read_remote_index",
    "selects_records",
]

#: More bytes than the last line of an index has.
_LAST_LINE = 64


def ensure_place_beside(data: str) -> None:
    """Raises TfrValueError for an event file of TensorBoard: no index is created beside it."""
    name = data.rpartition("/")[2]
    if "tfevents" in name:
        message = (
            f"{data}: no index is created beside a TensorBoard event file: TensorBoard would take "
            f"{name}.idx for a newer event file and ignore later writes to this one"
        )
        raise TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT", data)


def create_remote_index(
    url: str, create: Callable[[str], int], *, only_new: bool = False, store: Any = None
) -> int | None:
    """Makes an index with `create` in a local file, and writes it to a URL with one request.

    With `only_new`, an index that is there stays, and the result is None.
    """
    with tempfile.TemporaryDirectory(prefix="tfr-index-") as directory:
        path = os.path.join(directory, "index.idx")
        count = create(path)
        is_written = _remote.write(url, pathlib.Path(path), only_new=only_new, store=store)
    return count if is_written else None


def is_up_to_date(
    data: str,
    index: str,
    store: Any = None,
    known: tuple[Stamp | None, Stamp | None] = (None, None),
) -> bool:
    """Whether an index is not older than its data, and ends where the data ends. It may be local,
    if there is no store. `known` is what a listing says of both."""
    sizes = _sizes_if_not_older(data, index, store, known)
    if sizes is None:
        return False
    file_size, index_size = sizes
    if index_size == 0:
        return file_size == 0
    try:
        end = _bytes_from(max(0, index_size - _LAST_LINE), index, store)
    except TfrOSError:
        if known[1] is None:
            raise
        return is_up_to_date(data, index, store)  # another process has replaced it since
    lines = end.split(b"\n")
    fields = lines[-2].split() if len(lines) > 1 else []
    is_entry = len(fields) == 2 and all(field.isdigit() for field in fields)
    if is_entry and sum(map(int, fields)) == file_size:
        return True
    # The offsets of a compressed file are those of the decompressed data.
    return _remote.RemoteFile._with_start(data, store, _remote.START)._looks_compressed()


def selects_records(
    data: str,
    index: str,
    store: Any = None,
    known: tuple[Stamp | None, Stamp | None] = (None, None),
) -> bool:
    """Whether an index that is not older than its data has some of its records, with others between
    them. Those that it has from the start on may be all that the file had."""
    if _sizes_if_not_older(data, index, store, known) is None:
        return False
    try:
        selection = _read(index, _bytes_from(0, index, store))
        if not _has_gaps(selection):
            return False
        opened = _remote.RemoteFile._with_start(data, store, _remote.START)
        selection.check(opened, allow_partial=True)
    except TfrOSError:
        raise
    except TfrError:
        return False
    return True


def _is_local(index: str, store: Any) -> bool:
    return store is None and not _remote.is_url(index)


def _sizes_if_not_older(
    data: str, index: str, store: Any, known: tuple[Stamp | None, Stamp | None]
) -> tuple[int, int] | None:
    """The sizes of data and index; None if the index is older, or one of them does not exist."""
    is_local = _is_local(index, store)
    written = known[1] or (_local_modified(index) if is_local else _remote.modified(index, store))
    file = written and (known[0] or _remote.modified(data, store))
    if not written or not file or not written[0] or not file[0] or written[0] < file[0]:
        return None
    return file[1], written[1]


def _bytes_from(start: int, index: str, store: Any) -> bytes:
    if _is_local(index, store):
        return pathlib.Path(index).read_bytes()[start:]
    return bytes(_remote.read(index, start, store))


def _has_gaps(index: Index) -> bool:
    end = 0
    for offset, size in index:
        if offset != end:
            return True
        end = offset + size
    return False


def _local_modified(path: str) -> tuple[datetime, int] | None:
    """When a local file was written last, and its size; None if there is no such file."""
    with contextlib.suppress(FileNotFoundError):
        found = os.stat(path)
        return datetime.fromtimestamp(found.st_mtime, UTC), found.st_size
    return None


def read_remote_index(url: str, store: Any = None) -> Index:
    """Reads an index at a URL, or in a store."""
    return _read(url, _remote.read(url, store=store))


def _read(url: str, content: bytes) -> Index:
    try:
        return Index.from_text(content)
    except TfrError as error:
        raise with_path(error, url) from None


def index_beside(data: Data) -> tuple[str, bytes] | None:
    """The index beside a file at a URL, unread: its URL and its content. None: there is none."""
    path = data.path if isinstance(data, _remote.RemoteFile) else data
    if not isinstance(path, str) or not _remote.is_url(path):
        return None
    try:
        return f"{path}.idx", _remote.read(f"{path}.idx")
    except TfrFileNotFoundError:
        return None


def fitting_index(beside: tuple[str, bytes], source: Source | Decompressed) -> Index | None:
    """The index beside a file, if it is one of this file and accounts for every record.

    If it is not, a `TfrWarning` says why it is not used.
    """
    url, content = beside
    try:
        index = _read(url, content)
        if index.check(GzipSource._of(source)).partial:
            message = f"{url}: the index leaves out valid records"
            raise TfrStale(message, "TFR_ERR_STALE", url)
        return index
    except OSError:
        raise
    except TfrError as error:
        error = with_path(error, url)
        warn(TfrWarning(error, f"{error}; this index is not used, the data is scanned"))
        return None
