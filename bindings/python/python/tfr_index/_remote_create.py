"""Creating the indexes of many files in a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, NamedTuple, TypeAlias, cast

from . import _remote_set
from ._create import create_index
from ._errors import Skipped, TfrError, with_path
from ._remote import WHOLE, Stamp, is_url
from ._remote_index import (
    create_remote_index,
    ensure_place_beside,
    is_up_to_date,
    selects_records,
)
from ._remote_set import Found, Listed, list_files
from ._remote_shards import AT_ONCE, index_urls
from ._typing import Data, Path

__all__ = ["Done", "RemoteWork", "create_on_threads", "create_one", "find_work", "work_on"]


class RemoteWork(NamedTuple):
    """A file, and its index.

    Attributes:
        path: the file.
        index_path: its index.
        is_missing: whether it is known that there is no index.
        file_stamp: when the file was written, and its size, if that is known.
        index_stamp: the same of the index.
    """

    path: str
    index_path: str
    is_missing: bool
    file_stamp: Stamp | None
    index_stamp: Stamp | None


#: What became of a file: the records, its bytes, the skipped regions, what is wrong,
#: and whether work is planned.
Done: TypeAlias = tuple[int | None, int, int, TfrError | None, bool]
#: Called with a file and a region of it that is skipped, on any thread.
TellSkipped: TypeAlias = Callable[[str, Skipped], None]


def find_work(
    paths: Sequence[str],
    store: Any,
    index_dir: str | None,
    pattern: str | None,
    allow_missing: bool,
    update: bool,
) -> list[RemoteWork]:
    """The files that paths stand for, and their indexes: if these will be updated, also what
    listings say of both."""
    found = _remote_set.find(paths, store, pattern, allow_missing)
    if index_dir is None:
        return [
            work_on(file, f"{file.path}.idx", file.beside, is_missing=file.lacks_index)
            for file in found
        ]
    indexes = index_urls(found, index_dir)
    are_listed = all(file.listed is not None for file in found)
    is_there = store is not None or is_url(index_dir)
    there = _list(index_dir, store) if update and are_listed and is_there else None
    known = there or {}
    return [
        work_on(
            file,
            index,
            known.get(index),
            is_missing=there is not None and index not in there,
        )
        for file, index in zip(found, indexes, strict=True)
    ]


def work_on(
    file: Found, index_path: str, index: Listed | None, *, is_missing: bool = False
) -> RemoteWork:
    """The work on a file, with what a listing says of its index, or that this is missing."""
    stamps = file.listed and file.listed.stamp, index and index.stamp
    return RemoteWork(file.path, index_path, is_missing, *stamps)


def _list(directory: str, store: Any) -> dict[str, Listed] | None:
    """The files in a directory; None if it cannot be listed, as those of web servers."""
    try:
        return {file.path: file for file in list_files(directory.rstrip("/") + "/", store)}
    except TfrError:
        return None


def create_one(
    work: RemoteWork,
    store: Any,
    settings: dict[str, Any],
    has_ended: Callable[[], bool],
    tell_skipped: TellSkipped | None = None,
) -> Done:
    """Creates the index of a file, unless it is up to date and `settings["update"]` is true, or the
    call has ended early."""
    path, index = work.path, work.index_path
    how = dict(settings)
    update, dry_run, fetch = how.pop("update"), how.pop("dry_run"), how.pop("fetch")
    known = work.file_stamp, work.index_stamp
    regions = 0

    def on_skipped(skipped: Skipped) -> None:
        nonlocal regions
        regions += not skipped.incomplete_tail
        if tell_skipped is not None:
            tell_skipped(path, skipped)

    try:
        if index == f"{path}.idx":
            ensure_place_beside(path)
        if update and not work.is_missing:
            may_select = index != f"{path}.idx" and not how["salvage"]
            if is_up_to_date(path, index, store, known) or (
                may_select and selects_records(path, index, store, known)
            ):
                return None, 0, 0, None, False
        if dry_run:
            return None, 0, 0, None, True
        file = fetch.open(path, store, start=WHOLE)

        def create(local: Path) -> int:
            def progress(*_at: int) -> bool:
                return has_ended()

            data = cast(Data, file)
            return create_index(data, local, on_skipped=on_skipped, progress=progress, **how)

        if store is None and not is_url(index):
            os.makedirs(os.path.dirname(index) or ".", exist_ok=True)
            count: int | None = create(index)
        else:
            count = create_remote_index(index, create, store=store)
        return count, file.size, regions, None, False
    except TfrError as error:
        return None, 0, 0, with_path(error, path), False


def create_on_threads(
    work: Sequence[RemoteWork],
    store: Any,
    settings: dict[str, Any],
    jobs: int,
    has_ended: Callable[[], bool] = lambda: False,
    tell_skipped: TellSkipped | None = None,
) -> Generator[Done, None, None]:
    """Creates indexes, many at the same time, and yields what became of each file, in order.

    Close the iterator to leave out what is not done.
    """
    is_closed = Event()

    def create(one: RemoteWork) -> Done:
        return create_one(
            one, store, settings, lambda: is_closed.is_set() or has_ended(), tell_skipped
        )

    with ThreadPoolExecutor(max(1, min(jobs or AT_ONCE, len(work)))) as threads:
        try:
            yield from threads.map(create, work)
        except BaseException:
            is_closed.set()
            threads.shutdown(cancel_futures=True)
            raise
