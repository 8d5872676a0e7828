"""Work on many files by an executor: threads, processes, or the workers of a cluster."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from ._errors import TfrError

__all__ = ["SentShards", "Shard", "by_executor", "is_cancelled"]

#: A TFRecord file and its index; None is the index beside it.
Shard: TypeAlias = tuple[str, str | None]

Result = TypeVar("Result")
Work: TypeAlias = Callable[[list[Shard], dict[str, Any], str], list[Any]]

#: Chunks of files for each worker: enough that all end at about the same time, and few, since Dask
#: takes 4 ms of processor time for each.
_CHUNKS = 4
#: With more files, a chunk that must be done again, and the wait for the last ones, would be long.
_FILES_PER_CHUNK = 64
#: Chunks that an executor has at a time, for each worker. If a pool of processes breaks, one of
#: their files is the reason.
_AHEAD = 4
#: After this many tries, files are done alone.
_ALONE = 2
#: How many workers an executor counts as that does not say how many it has.
_WORKERS = 64

#: The calls of this process that have ended early. Its threads may still work for them.
_ended: set[str] = set()


@dataclass(frozen=True)
class _Chunk:
    """The work on some files. Only this is pickled, and its results."""

    work: Work
    #: The number of the first file.
    first: int
    shards: list[Shard]
    settings: dict[str, Any]
    #: Differs for each call: Dask may answer an equal task with the result of an earlier one.
    call: str

    def files(self) -> list[_Chunk]:
        """A chunk for each file."""
        numbered = enumerate(self.shards, self.first)
        return [
            _Chunk(self.work, number, [shard], self.settings, self.call)
            for number, shard in numbered
        ]


def _do(chunk: _Chunk) -> list[Any]:
    return chunk.work(chunk.shards, chunk.settings, chunk.call)


def _nothing() -> None:
    pass


def is_cancelled(call: str) -> bool:
    """Whether a call has ended early, so that its work must end. Other processes do not know."""
    return call in _ended


class SentShards:
    """The shards as workers get them: with absolute paths, since they may have other directories.

    Results and errors have the paths that the caller gave, as without an executor.
    """

    def __init__(self, shards: list[Shard]) -> None:
        self._given: dict[str, str] = {}
        self.shards = [(self._send(path), index and self._send(index)) for path, index in shards]

    def _send(self, path: str) -> str:
        if os.path.isabs(path):
            return path
        sent = os.path.join(os.getcwd(), path)
        self._given[sent] = path
        self._given[f"{sent}.idx"] = f"{path}.idx"
        return sent

    def given(self, path: str) -> str:
        """The path that the caller gave."""
        return self._given.get(path, path)

    def name_as_given(self, error: TfrError) -> None:
        """Changes an error: it names the path that the caller gave."""
        path = error.path
        if path in self._given:
            message, status, _, *others = error.args
            given = self._given[path]
            type(error).__init__(error, message.replace(path, given), status, given, *others)


def by_executor(
    executor: Executor,
    work: Work,
    shards: list[Shard],
    settings: dict[str, Any],
    lost: Callable[[Shard, TfrError], Result],
) -> Generator[Result, None, None]:
    """Calls `work` with chunks of the shards, and yields the result of each shard, in order.

    Close the iterator to cancel what is left.

    The work of a worker that is killed is done again. A pool of processes that breaks is replaced
    by a new one of the same kind.

    Args:
        executor: does the work.
        work: a function that can be pickled. It takes shards, `settings` and the name of the call
            for `is_cancelled`, and returns a result for each shard.
        shards: the files.
        settings: what `work` takes besides.
        lost: what the result is for a file whose worker was killed twice.

    Raises:
        BrokenExecutor: the executor has failed, and not because of a file.
        Exception: whatever `work` raised.
    """
    call = uuid.uuid4().hex
    workers = _workers(executor)
    size = max(1, min(_FILES_PER_CHUNK, len(shards) // (_CHUNKS * workers)))
    chunks = [
        _Chunk(work, first, shards[first : first + size], settings, call)
        for first in range(0, len(shards), size)
    ]
    spread = _Spread(executor, workers * _AHEAD, lost)
    waiting: dict[int, list[Result]] = {}
    next_file = 0
    try:
        for first, results in spread.do(chunks):
            waiting[first] = results
            while next_file in waiting:
                results = waiting.pop(next_file)
                next_file += len(results)
                yield from results
    except BaseException:
        _ended.add(call)
        raise
    finally:
        spread.close()


def _workers(executor: Any) -> int:
    """How many calls the executor does at once."""
    workers = getattr(executor, "_max_workers", None)  # threads, processes, MPI
    if workers is None:
        threads = getattr(getattr(executor, "_client", None), "nthreads", None)
        workers = sum(threads().values()) if threads else None  # Dask
    return workers or _WORKERS


class _Spread:
    """The chunks of one call, and the executor that does them now."""

    def __init__(
        self, executor: Executor, ahead: int, lost: Callable[[Shard, TfrError], Any]
    ) -> None:
        self._executor = executor
        self._ahead = ahead
        self._lost = lost
        self._own: ProcessPoolExecutor | None = None

    def do(self, chunks: Iterable[_Chunk], tries: int = 0) -> Iterator[tuple[int, list[Any]]]:
        """Yields the results of each chunk with the number of its first file, in any order.

        If chunks are lost, their files are done again one by one, several at once. If some are lost
        again, they are done alone, twice: then it is clear which file it was.
        """
        left = deque(chunks)
        while left:
            lost: list[tuple[_Chunk, BaseException]] = []
            for chunk, outcome in self._round(left, self._ahead if tries < _ALONE else 1):
                if isinstance(outcome, BaseException):
                    lost.append((chunk, outcome))
                else:
                    yield chunk.first, outcome
            if tries > _ALONE:
                for chunk, error in lost:
                    [shard] = chunk.shards
                    yield chunk.first, [self._lost(shard, _lost_by(shard, error))]
            elif lost:
                files = [file for chunk, _ in lost for file in chunk.files()]
                are_single = len(files) == len(lost)
                yield from self.do(files, max(tries + 1, _ALONE) if are_single else 1)

    def _round(
        self, left: deque[_Chunk], ahead: int
    ) -> Iterator[tuple[_Chunk, list[Any] | BaseException]]:
        """Does the chunks until all are done or the executor breaks.

        Yields each chunk with its results, or with the exception of an executor that lost it.
        """
        running: dict[Future[list[Any]], _Chunk] = {}
        broken: BrokenExecutor | None = None
        try:
            while running or (left and broken is None):
                while left and broken is None and len(running) < ahead:
                    try:
                        running[self._executor.submit(_do, left[0])] = left[0]
                        left.popleft()
                    except BrokenExecutor as error:
                        broken = error
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    chunk = running.pop(future)
                    try:
                        outcome: list[Any] | BaseException = future.result()
                    except BrokenExecutor as error:
                        outcome = broken = error
                    except Exception as error:
                        if type(error).__name__ != "KilledWorker":  # Dask's
                            raise
                        outcome = error
                    yield chunk, outcome
        finally:
            for future in running:
                future.cancel()
        if broken is not None:
            self._replace(broken)

    def _replace(self, broken: BrokenExecutor) -> None:
        """Replaces a broken pool by a new one of the same kind."""
        if not isinstance(self._executor, ProcessPoolExecutor):
            raise broken
        old: Any = self._executor
        self.close()
        self._own = ProcessPoolExecutor(
            old._max_workers,
            old._mp_context,
            old._initializer,
            old._initargs,
            max_tasks_per_child=old._max_tasks_per_child,
        )
        self._executor = self._own
        # A pool that cannot even do this does not break because of a file: let it raise.
        self._own.submit(_nothing).result()

    def close(self) -> None:
        if self._own is not None:
            self._own.shutdown(cancel_futures=True)
            self._own = None


def _lost_by(shard: Shard, error: BaseException) -> TfrError:
    message = (
        f"{shard[0]}: the worker ended twice during the work on this file, as if killed or out of "
        f"memory ({type(error).__name__}); without an executor, this process would do it"
    )
    return TfrError(message, path=shard[0])
