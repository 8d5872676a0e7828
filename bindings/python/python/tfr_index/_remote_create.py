"""Creating the indexes of many files in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any, TypeAlias

from . import _remote_set
from ._create import create_index
from ._errors import TfrError
from ._remote import RemoteFile
from ._remote_index import create_remote_index, is_up_to_date
from ._remote_shards import AT_ONCE, index_urls
from ._typing import Path

__all__ = ["RemoteWork", "create_on_threads", "create_one", "find_work"]

#: A file, its index, and whether that is known not to be there.
RemoteWork: TypeAlias = tuple[str, str, bool]
#: What became of a file: the records, its bytes, the skipped regions, what is wrong,
#: and whether work is planned.
Done: TypeAlias = tuple[int | None, int, int, TfrError | None, bool]


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
    work: RemoteWork, store: Any, settings: dict[str, Any], has_ended: Callable[[], bool]
) -> Done:
    """Creates the index of a file, unless it is up to date and `settings["update"]` is true, or the
    call has ended early."""
    path, index, is_missing = work
    how = dict(settings)
    update, dry_run = how.pop("update"), how.pop("dry_run")
    regions: list[object] = []
    try:
        if update and not is_missing and is_up_to_date(path, index, store):
            return None, 0, 0, None, False
        if dry_run:
            return None, 0, 0, None, True
        file = RemoteFile._with_start(path, store)

        def create(local: Path) -> int:
            def progress(*_at: int) -> bool:
                return has_ended()

            return create_index(file, local, on_skipped=regions.append, progress=progress, **how)

        count = create_remote_index(index, create, store=store)
        return count, file.size, len(regions), None, False
    except TfrError as error:
        if error.path is None:
            error = type(error)(f"{path}: {error}", error.status, path, error.record, error.offset)
        return None, 0, 0, error, False


def create_on_threads(
    work: Sequence[RemoteWork],
    store: Any,
    settings: dict[str, Any],
    jobs: int,
    has_ended: Callable[[], bool] = lambda: False,
) -> Iterator[Done]:
    """Creates indexes, many at the same time, and yields what became of each file, in order.

    Close the iterator to leave out what is not done.
    """
    is_closed = Event()

    def create(one: RemoteWork) -> Done:
        return create_one(one, store, settings, lambda: is_closed.is_set() or has_ended())

    with ThreadPoolExecutor(max(1, min(jobs or AT_ONCE, len(work)))) as threads:
        try:
            yield from threads.map(create, work)
        except BaseException:
            is_closed.set()
            threads.shutdown(cancel_futures=True)
            raise
