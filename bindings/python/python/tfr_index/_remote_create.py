"""Creating the indexes of many files in a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeAlias

from . import _remote_set
from ._create import create_index
from ._errors import Skipped, TfrError, with_path
from ._remote import RemoteFile, is_url
from ._remote_index import create_remote_index, ensure_place_beside, is_up_to_date
from ._remote_shards import AT_ONCE, index_urls
from ._typing import Path

__all__ = ["Done", "RemoteWork", "create_on_threads", "create_one", "find_work"]

#: A file, its index, and whether that is known not to be there.
RemoteWork: TypeAlias = tuple[str, str, bool]
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
) -> list[RemoteWork]:
    """The files that paths stand for, and their indexes."""
    found = _remote_set.find(paths, store, pattern, allow_missing)
    names = [file.path for file in found]
    if index_dir is not None:
        indexes = index_urls(names, index_dir)
        return [(name, index, False) for name, index in zip(names, indexes, strict=True)]
    return [(file.path, f"{file.path}.idx", file.has_index is False) for file in found]


def create_one(
    work: RemoteWork,
    store: Any,
    settings: dict[str, Any],
    has_ended: Callable[[], bool],
    tell_skipped: TellSkipped | None = None,
) -> Done:
    """Creates the index of a file, unless it is up to date and `settings["update"]` is true, or the
    call has ended early."""
    path, index, is_missing = work
    how = dict(settings)
    update, dry_run = how.pop("update"), how.pop("dry_run")
    regions = 0

    def on_skipped(skipped: Skipped) -> None:
        nonlocal regions
        regions += not skipped.incomplete_tail
        if tell_skipped is not None:
            tell_skipped(path, skipped)

    try:
        if index == f"{path}.idx":
            ensure_place_beside(path)
        if update and not is_missing and is_up_to_date(path, index, store):
            return None, 0, 0, None, False
        if dry_run:
            return None, 0, 0, None, True
        file = RemoteFile._with_start(path, store)

        def create(local: Path) -> int:
            def progress(*_at: int) -> bool:
                return has_ended()

            return create_index(file, local, on_skipped=on_skipped, progress=progress, **how)

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
