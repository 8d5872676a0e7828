"""Creating the indexes of many files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, Literal

from ._arguments import ensure_one_of, integer, path_list
from ._errors import TfrCancelled, TfrError
from ._executor import SentShards, Shard, by_executor, is_cancelled
from ._files import ONLY, c_paths, decoded, native_shards, shards_of
from ._library import CData, call, callback, exception_of, ffi, lib, take
from ._options import with_options
from ._remote_create import RemoteWork, create_on_threads, find_work
from ._remote_fetch import Fetch
from ._remote_shards import are_remote
from ._typing import Checksums, Path, Progress, ReadMode

__all__ = ["Created", "create_indexes"]


#: The settings of files at URLs.
_OF_REMOTE = ("dry_run", "checksums", "threads", "salvage", "allow_incomplete_tail", "sync")


@dataclass(frozen=True)
class Created:
    """What `create_indexes` did with a file.

    Attributes:
        path: the file.
        index_path: its index.
        records: the number of records in the index; None if the index was up to date and was left
            as it is, or if the file failed.
        bytes: the size of the file; 0 if no index was created.
        skipped_regions: how many damaged regions the index leaves out.
        error: why the file failed; None if it did not.
        planned: whether the index would be created, but for `dry_run`.
    """

    path: str
    index_path: str
    records: int | None
    bytes: int
    skipped_regions: int
    error: TfrError | None
    planned: bool = False


def create_indexes(
    paths: Path | Iterable[Path],
    index_dir: Path | None = None,
    *,
    pattern: str | None = None,
    allow_missing: bool = False,
    jobs: int = 0,
    executor: Executor | None = None,
    update: bool = False,
    dry_run: bool = False,
    on_error: Literal["collect", "raise"] = "collect",
    progress: bool | Callable[[int, int], object] | None = None,
    checksums: Checksums = "auto",
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    sync: bool = False,
    store: Any = None,
    mode: ReadMode = "auto",
    max_bytes: int | None = None,
) -> list[Created]:
    r"""Creates the index files of many TFRecord files, several at once.

    A file that fails does not stop the others. Each index appears complete or not at all, and
    replaces an older index, but no file that is not an index. After an interruption, the same call
    with `update=True` does the rest.

    Args:
        paths: files and patterns, as for `Dataset`.
        index_dir: a directory for the indexes, which is made if necessary. None writes each index
            beside its file, with ".idx" appended.
        pattern: as for `Dataset`.
        allow_missing: as for `Dataset`.
        jobs: files to work on at once. 0, the default, takes one for each processor, or more where
            work mostly waits for storage.
        executor: a `concurrent.futures` executor that does the work, in chunks of files: threads or
            processes on this machine, or workers on many, of Dask or MPI. A call of a worker takes
            `jobs` files at once, by default one. `progress` is called after each chunk. If a worker
            is killed, its files are done again. `Created.error` of a file whose worker is killed
            twice says so.
        update: leave indexes as they are that are up to date, as `create_index` with
            `only="stale"` does.
        dry_run: change nothing, and return what would be done: see `Created.planned`.
        on_error: "collect" returns the errors of files in `Created.error`. "raise" raises the first
            one, and ends the work.
        progress: called as `progress(files_done, files_total)`. A true result cancels the call; an
            exception cancels it too, and the call raises that exception. True shows a bar, if tqdm
            is installed.
        checksums: as for `create_index`.
        threads: threads for a large file, when other files need none. 0 chooses; it is 1 with an
            executor.
        salvage: skip damaged regions, as `create_index` does. `Created` counts them.
        allow_incomplete_tail: as for `create_index`.
        sync: as for `create_index`.
        store: as for `Dataset`: `paths` and `index_dir` are then paths in it. URLs need none. Of
            files at URLs or in a store, `jobs` of 0 works on 64 at the same time.
        mode: as for `create_index`.
        max_bytes: as for `create_index`, of each file: one that needs more fails.

    Returns:
        A `Created` for each file, in order.

    Raises:
        TfrFileNotFoundError: no file matches a pattern.
        TfrValueError: an argument is invalid, or a file is given twice.
        TfrCancelled: `progress` returned a true value.
        TfrError: the first error of a file, with `on_error="raise"`.
        BrokenExecutor: the executor has failed, and not because of a file.

    Examples:
        >>> import pathlib, tempfile
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for number in range(3):
        ...         path = pathlib.Path(directory, f"train-{number}.tfrecord")
        ...         _ = path.write_bytes(number * record)
        ...     created = create_indexes(f"{directory}/*.tfrecord")
        ...     again = create_indexes(f"{directory}/*.tfrecord", update=True)
        >>> [file.records for file in created]
        [0, 1, 2]
        >>> [file.records for file in again]
        [None, None, None]
    """
    ensure_one_of("on_error", on_error, ("collect", "raise"))
    settings: dict[str, Any] = {
        "jobs": integer("jobs", jobs, bits=32),
        "only": ONLY["stale"] if update else 0,
        "dry_run": dry_run,
        "checksums": checksums,
        "threads": threads,
        "salvage": salvage,
        "allow_incomplete_tail": allow_incomplete_tail,
        "sync": sync,
    }
    given = path_list(paths)
    payloads = "checksums='full'" if checksums == "full" else None
    fetch = Fetch.of(mode, max_bytes, reads_payloads=payloads, threads=threads)
    if are_remote(given, store):
        named = [os.fsdecode(path) for path in given]
        directory = None if index_dir is None else os.fsdecode(index_dir)
        work = find_work(named, store, directory, pattern, allow_missing, update)
        settings = {
            "update": update,
            "fetch": fetch,
            **{name: settings[name] for name in _OF_REMOTE},
        }
        return _create_remote(work, store, settings, jobs, executor, on_error, progress)
    fetch.ensure_default()
    native = native_shards(given, index_dir, pattern=pattern, allow_missing=allow_missing)
    shards = shards_of(native)
    with _Shown(progress, len(shards)) as show:
        collected: list[Created] = []

        def add(created: Created) -> object:
            collected.append(created)
            if created.error is not None and on_error == "raise":
                raise created.error
            return show(len(collected))

        if executor is None:
            _create(shards, settings, add)
        else:
            _create_by(executor, shards, settings, add)
    return collected


def _create_remote(
    work: list[RemoteWork],
    store: Any,
    settings: dict[str, Any],
    jobs: int,
    executor: Executor | None,
    on_error: str,
    progress: bool | Callable[[int, int], object] | None,
) -> list[Created]:
    """Creates the indexes of files at URLs, or in a store."""
    collected: list[Created] = []
    if executor is None:
        results: Any = create_on_threads(work, store, settings, jobs)
    else:
        how = {**settings, "jobs": jobs, "store": store}
        sent: Any = work
        results = by_executor(executor, _create_some_remote, sent, how, _lost_remote)
    with _Shown(progress, len(work)) as show, contextlib.closing(results):
        for one, done in zip(work, results, strict=True):
            records, size, skipped, error, planned = done
            created = Created(one.path, one.index_path, records, size, skipped, error, planned)
            collected.append(created)
            if error is not None and on_error == "raise":
                raise error
            if show(len(collected)):
                raise TfrCancelled("cancelled by progress", "TFR_ERR_CANCELLED")
    return collected


def _create_some_remote(work: Any, settings: dict[str, Any], call: str) -> list[Any]:
    """Creates the indexes of some files at URLs, in a worker."""
    how = dict(settings)
    store, jobs = how.pop("store"), how.pop("jobs")
    return list(create_on_threads(work, store, how, jobs, lambda: is_cancelled(call)))


def _lost_remote(_shard: Shard, error: TfrError) -> Any:
    return None, 0, 0, error, False


def _create(
    shards: Sequence[Shard],
    settings: dict[str, Any],
    add: Callable[[Created], object],
    progress: Progress | None = None,
) -> None:
    """Creates the indexes in this process. A true result of `add` or `progress` cancels."""
    paths, _keep_paths = c_paths(path for path, _ in shards)
    indexes, _keep_indexes = c_paths(index for _, index in shards)
    settings = dict(settings)
    how = settings.pop("jobs"), settings.pop("only"), bool(settings.pop("dry_run"))
    kept = BaseException()

    def tell(_context: CData, created: CData) -> bool:
        return bool(add(_made_of(created)))

    native = callback("tfr_created_fn", tell, 1, kept)
    given = (paths, indexes, len(shards), *how)

    def create(options: CData) -> None:
        call(lib.tfr_create_indexes, *given, options, native, ffi.NULL, ffi.NULL)

    try:
        # Damage is counted for each file, so that no warning sums it up.
        with_options(create, progress=progress, on_skipped=lambda _skipped: None, **settings)
    except TfrCancelled:
        if not kept.args:
            raise
    if kept.args:
        raise take(kept)


def _made_of(created: CData) -> Created:
    failed = created.error != ffi.NULL
    known = created.records != lib.TFR_UNKNOWN
    return Created(
        path=decoded(created.tfrecord_path),
        index_path=decoded(created.index_path),
        records=int(created.records) if known else None,
        bytes=int(created.bytes),
        skipped_regions=int(created.skipped_regions),
        error=exception_of(created.error) if failed else None,
        planned=bool(created.planned),
    )


def _create_some(shards: list[Shard], settings: dict[str, Any], call: str) -> list[Created]:
    """Creates the indexes of some files, in a worker."""
    created: list[Created] = []
    _create(shards, settings, created.append, lambda *_: is_cancelled(call))
    return created


def _create_by(
    executor: Executor,
    shards: list[Shard],
    settings: dict[str, Any],
    add: Callable[[Created], object],
) -> None:
    sent = SentShards(shards)
    # Each worker works on one file at once, since there are as many workers as there is room for.
    settings = settings | {name: settings[name] or 1 for name in ("jobs", "threads")}
    results = by_executor(executor, _create_some, sent.shards, settings, _lost)
    with contextlib.closing(results):
        for created in results:
            if created.error is not None:
                sent.name_as_given(created.error)
            path, index_path = sent.given(created.path), sent.given(created.index_path)
            if add(replace(created, path=path, index_path=index_path)):
                raise TfrCancelled("cancelled by progress", "TFR_ERR_CANCELLED")


def _lost(shard: Shard, error: TfrError) -> Created:
    path, index_path = shard
    return Created(path, index_path or f"{path}.idx", None, 0, 0, error)


class _Shown:
    """Shows progress: by the caller's function, or by a bar."""

    def __init__(self, progress: bool | Callable[[int, int], object] | None, total: int) -> None:
        self._progress, self._total = progress, total
        self._bar: Any = None
        if progress is True:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total, unit="file")
        elif progress not in (None, False) and not callable(progress):
            kind = type(progress).__name__
            raise TypeError(f"progress must be True or callable, such as a function, not {kind}")

    def __enter__(self) -> Callable[[int], object]:
        return self._show

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self, done: int) -> object:
        if self._bar is not None:
            self._bar.update(1)
        elif callable(self._progress):
            return self._progress(done, self._total)
        return None
