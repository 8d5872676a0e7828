"""Indexes at URLs: created, found and read."""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import cast

from . import _remote
from ._arguments import ensure_one_of
from ._errors import TfrError, TfrFileNotFoundError, TfrStale, TfrWarning, warn
from ._files import ONLY
from ._index import Index
from ._source import Source
from ._typing import Data, Only, Path

__all__ = ["create_remote_index", "find_remote_index", "read_remote_index"]

#: More bytes than the last line of an index has.
_LAST_LINE = 64


def create_remote_index(
    data: Data, index_path: Path | None, only: Only | None, create: Callable[[str], int | None]
) -> int | None:
    """Makes an index with `create` in a local file, and writes it to a URL with one request: the
    path of the index or, if that is None, the URL of the data and ".idx".

    With `only="missing"`, an index that another process wrote meanwhile stays.
    """
    url = cast(str, data) + ".idx" if index_path is None else cast(str, index_path)
    if only is not None:
        ensure_one_of("only", only, ONLY)
        if only == "missing" and _remote.modified(url) is not None:
            return None
        if only == "stale" and not _is_stale(data, url):
            return None
    with tempfile.TemporaryDirectory(prefix="tfr-index-") as directory:
        path = os.path.join(directory, "index.idx")
        count = create(path)
        is_written = _remote.write(url, pathlib.Path(path), only_new=only == "missing")
    return count if is_written else None


def _is_stale(data: Data, url: str) -> bool:
    """Whether an index is missing, is older than its data, or does not end where the data ends."""
    index = _remote.modified(url)
    if index is None or not _remote.is_url(data):
        return True
    file = _remote.modified(cast(str, data))
    if file is None or index[0] < file[0]:
        return True
    lines = _remote.read(url, max(0, index[1] - _LAST_LINE)).split(b"\n")
    fields = lines[-2].split() if len(lines) > 1 else []
    return len(fields) != 2 or sum(map(int, fields)) != file[1]


def read_remote_index(url: str) -> Index:
    """Reads an index at a URL."""
    content = _remote.read(url)
    try:
        return Index.from_text(content)
    except TfrError as error:
        raise type(error)(
            f"{url}: {error}", error.status, url, error.record, error.offset
        ) from None


def find_remote_index(source: Source) -> Index | None:
    """The index beside a file at a URL, if it is one of this file and accounts for every record.

    If there is one that is not, a `TfrWarning` says why it is not used.
    """
    file = source.data
    if not isinstance(file, _remote.RemoteFile) or not _remote.is_url(file.path):
        return None
    url = f"{file.path}.idx"
    try:
        index = read_remote_index(url)
        if index.check(file).partial:
            message = f"{url}: the index leaves out valid records"
            raise TfrStale(message, "TFR_ERR_STALE", url)
        return index
    except TfrFileNotFoundError:
        return None
    except OSError:
        raise
    except TfrError as error:
        warn(TfrWarning(error, f"{error}; this index is not used, the data is scanned"))
        return None
