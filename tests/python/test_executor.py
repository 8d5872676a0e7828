"""`executor=`: threads and processes do the work, also if workers are killed.

tests/integration/test_clusters.py has Dask and MPI.
"""

from __future__ import annotations

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from tfr_index import Manifest, TfrCancelled, TfrError, TfrFileNotFoundError, create_indexes
from tfr_index import _create_indexes as module
from tfrecords import sparse_tfrecord, tfrecord

KINDS = [ThreadPoolExecutor, ProcessPoolExecutor]
FILES = 40


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Files of 0, 1, 2… records; the fourth is damaged."""
    paths = [tmp_path / f"train-{number:02}.tfrecord" for number in range(FILES)]
    for number, path in enumerate(paths):
        path.write_bytes(tfrecord([b"x" * number] * number))
    paths[3].write_bytes(b"damaged, and no TFRecord file")
    return [os.fspath(path) for path in paths]


def good(paths: list[str]) -> list[str]:
    return paths[:3] + paths[4:]


@pytest.mark.parametrize("kind", KINDS)
def test_an_executor_does_the_same_work(paths: list[str], kind: Callable[[int], Executor]) -> None:
    here = create_indexes(paths)
    steps: list[tuple[int, int]] = []
    with kind(2) as executor:
        created = create_indexes(
            paths, executor=executor, progress=lambda done, total: steps.append((done, total))
        )
        updated = create_indexes(paths, executor=executor, update=True)
        planned = create_indexes(paths, executor=executor, dry_run=True)
        few = create_indexes(paths[:1], executor=executor)
    assert [repr(file) for file in created] == [repr(file) for file in here]
    assert steps == [(number, FILES) for number in range(1, FILES + 1)]
    assert [file.records for file in updated] == [None] * FILES
    assert [file.error is None for file in updated] == [number != 3 for number in range(FILES)]
    assert all(file.planned for file in planned)
    assert [file.records for file in few] == [0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_whole(paths: list[str], kind: Callable[[int], Executor]) -> None:
    [here] = [file.error for file in create_indexes(paths) if file.error]
    with kind(2) as executor:
        [error] = [file.error for file in create_indexes(paths, executor=executor) if file.error]
        assert type(error) is type(here) and error.args == here.args
        assert (error.path, error.status, error.record) == (paths[3], "TFR_ERR_NOT_TFRECORD", 0)
        with pytest.raises(TfrError, match=r"train-03\.tfrecord"):
            create_indexes(paths, executor=executor, on_error="raise")
        with pytest.raises(TfrError, match=r"train-03\.tfrecord") as caught:
            Manifest.build([*paths, "none"], executor=executor)  # the first one, in order
        assert caught.value.args == here.args
        with pytest.raises(TfrFileNotFoundError):
            Manifest.build([*good(paths), "none"], executor=executor)
        with pytest.raises(ValueError, match="checksums"):
            create_indexes(paths, executor=executor, checksums="all")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_manifest_is_built(paths: list[str], kind: Callable[[int], Executor]) -> None:
    paths = good(paths)
    create_indexes(paths[::2])
    steps: list[tuple[int, int, int]] = []
    with kind(2) as executor:
        built = Manifest.build(paths, executor=executor, progress=lambda *at: steps.append(at))
    assert built == Manifest.build(paths)
    size = sum(os.path.getsize(path) for path in paths)
    assert len(steps) == len(paths) and steps[-1] == (size, size, built.total_records)
    assert [step[2] for step in steps] == sorted(step[2] for step in steps)


def test_workers_may_be_in_another_directory(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProcessPoolExecutor(2, initializer=os.chdir, initargs=("/",)) as executor:
        monkeypatch.chdir(Path(paths[0]).parent)
        names = [os.path.basename(path) for path in paths]
        for place in (None, "indexes"):
            here = create_indexes(names, place)
            there = create_indexes(names, place, executor=executor)
            assert [repr(file) for file in there] == [repr(file) for file in here]
            built = Manifest.build(good(names), index_dir=place, executor=executor)
            assert built == Manifest.build(good(names), index_dir=place)
            with pytest.raises(TfrError, match=r"^train-03\.tfrecord: ") as caught:
                Manifest.build(names, executor=executor)
            assert caught.value.path == names[3]


@pytest.mark.parametrize("kind", KINDS)
def test_progress_cancels_or_raises(paths: list[str], kind: Callable[[int], Executor]) -> None:
    def fail(done: int, *_: int) -> None:
        raise LookupError(done)

    with kind(2) as executor:
        with pytest.raises(TfrCancelled):
            create_indexes(paths, executor=executor, progress=lambda done, _total: done == 2)
        with pytest.raises(LookupError, match="1"):
            create_indexes(paths, executor=executor, progress=fail)
        with pytest.raises(TfrCancelled):
            Manifest.build(good(paths), executor=executor, progress=lambda *_: True)
        with pytest.raises(LookupError):
            Manifest.build(good(paths), executor=executor, progress=fail)
        with pytest.raises(TypeError, match="progress"):
            Manifest.build(paths, executor=executor, progress=7)  # type: ignore[arg-type]


class Counting(ThreadPoolExecutor):
    """Counts its tasks, and those that it has at a time."""

    tasks = most = 0
    _at_once = 0

    def submit(self, *arguments: object, **named: object) -> Future:  # type: ignore[override]
        self.tasks += 1
        self._at_once += 1
        self.most = max(self.most, self._at_once)
        future = super().submit(*arguments, **named)  # type: ignore[arg-type]
        future.add_done_callback(self._end)
        return future

    def _end(self, _future: Future) -> None:
        self._at_once -= 1


def test_files_go_in_chunks_few_at_a_time(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:03}" for number in range(800)]
    for path in paths:
        path.touch()
    with Counting(2) as executor:
        created = create_indexes(paths, executor=executor)
    assert [file.path for file in created] == [os.fspath(path) for path in paths]
    assert executor.tasks == 13 and executor.most <= 8


# Workers that are killed. A worker looks for these marks before it does its work.


def _kill_for(shards, settings, call):
    for path, _ in shards:
        for mark in (f"{path}.once", f"{path}.always"):
            if os.path.exists(mark):
                if mark.endswith("once"):
                    os.unlink(mark)
                os.kill(os.getpid(), signal.SIGKILL)
    return _create_some(shards, settings, call)


_create_some = module._create_some


@pytest.fixture
def workers_may_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_create_some", _kill_for)


@pytest.mark.usefixtures("workers_may_be_killed")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_work_of_killed_workers_is_done_again(paths: list[str], method: str) -> None:
    for number in (0, 17, 39):
        Path(f"{paths[number]}.once").touch()
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as executor:
        created = create_indexes(paths, executor=executor)
        assert [file.records for file in created if not file.error] == [
            number for number in range(FILES) if number != 3
        ]
        # The pool stays broken, but another call does its work all the same.
        again = create_indexes(paths, executor=executor)
    assert [repr(file) for file in again] == [repr(file) for file in created]


@pytest.mark.usefixtures("workers_may_be_killed")
@pytest.mark.parametrize("files", [FILES, 5])
def test_a_file_whose_worker_is_killed_twice_is_named(paths: list[str], files: int) -> None:
    paths = paths[:files]
    killers = {number for number in (1, 4, 30, 31) if number < files}
    for number in killers:
        Path(f"{paths[number]}.always").touch()
    with ProcessPoolExecutor(2) as executor:
        created = create_indexes(paths, executor=executor)
    assert [file.path for file in created] == paths
    for number, file in enumerate(created):
        if number in killers:
            assert file.error and file.error.path == paths[number]
            assert str(file.error).startswith(f"{paths[number]}: the worker ended twice")
            assert (file.records, file.index_path) == (None, f"{paths[number]}.idx")
        elif number != 3:
            assert (file.records, file.error) == (number, None)
    with ProcessPoolExecutor(2) as executor, pytest.raises(TfrError, match=r"01.*ended twice"):
        create_indexes(paths, executor=executor, on_error="raise")


def _fail() -> None:
    raise RuntimeError("the initializer failed")


def test_no_file_is_blamed_for_an_executor_that_fails(paths: list[str]) -> None:
    with ProcessPoolExecutor(2, initializer=_fail) as pool, pytest.raises(BrokenProcessPool):
        create_indexes(paths, executor=pool)
    with ThreadPoolExecutor(2, initializer=_fail) as threads, pytest.raises(BrokenExecutor):
        create_indexes(paths, executor=threads)
    with ThreadPoolExecutor(2) as ended:
        pass
    with pytest.raises(RuntimeError, match="shutdown"):
        create_indexes(paths, executor=ended)


SLOW = """
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from tfr_index import create_indexes

kind, *paths = sys.argv[1:]
with {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[kind](2) as executor:
    executor.submit(print, "begun", flush=True).result()
    create_indexes(paths, executor=executor, checksums="full")
"""


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_ctrl_c_ends_the_work(tmp_path: Path, kind: str) -> None:
    """Each file has one record that takes minutes to check, but no disk space."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        sparse_tfrecord(path, 1 << 38)
    command = [sys.executable, "-c", SLOW, kind, *paths]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as child:  # type: ignore
        child.stdout.readline()
        time.sleep(0.5)  # the files take much longer
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        _, stderr = child.communicate()
    assert b"KeyboardInterrupt" in stderr
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_results_are_small(paths: list[str]) -> None:
    """Nothing is pickled but paths, options and what was done."""
    sizes: list[int] = []

    class Pickling(ThreadPoolExecutor):
        def submit(self, *arguments, **named):  # type: ignore[no-untyped-def]
            sizes.append(len(pickle.dumps(arguments)))
            future = super().submit(*pickle.loads(pickle.dumps(arguments)), **named)
            sizes.append(len(pickle.dumps(future.result())))
            return future

    with Pickling(2) as executor:
        create_indexes(paths, executor=executor)
        Manifest.build(good(paths), executor=executor)
    assert max(sizes) < 3000
