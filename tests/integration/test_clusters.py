"""`executor=` with the executors of Dask and MPI, by the examples in `examples/clusters` too."""

from __future__ import annotations

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clusters")

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
import tfr_index
from dask.distributed import Client, LocalCluster
from environment import ROOT
from tfr_index import Created, Manifest, TfrError, TfrFileNotFoundError, create_indexes
from tfr_index import _create_indexes as module
from tfrecords import tfrecord

pytestmark = pytest.mark.filterwarnings("default")  # Dask leaves sockets to the collector
EXAMPLES = ROOT / "examples" / "clusters"
FILES = 40


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Files of 0, 1, 2… records; the fourth is damaged."""
    data = tmp_path / "data"
    data.mkdir()
    paths = [data / f"train-{number:02}.tfrecord" for number in range(FILES)]
    for number, path in enumerate(paths):
        path.write_bytes(tfrecord([b"x" * number] * number))
    paths[3].write_bytes(b"damaged, and no TFRecord file")
    return [os.fspath(path) for path in paths]


def good(paths: list[str]) -> list[str]:
    return paths[:3] + paths[4:]


def remove_indexes(paths: list[str]) -> None:
    for path in paths:
        Path(f"{path}.idx").unlink(missing_ok=True)


def ensure_equal(found: list[Created], expected: list[Created]) -> None:
    assert [repr(file) for file in found] == [repr(file) for file in expected]
    for one, other in zip(found, expected, strict=True):
        assert not one.error or one.error.args == other.error.args  # type: ignore[union-attr]


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of two workers. A worker that dies is not tried again by Dask itself."""
    settings = {"distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("options", [{"pure": False}, {}])
def test_dask_does_the_same_work(paths: list[str], client: Client, options: dict) -> None:
    here = create_indexes(paths)
    executor = client.get_executor(**options)
    for _ in range(2):  # Dask does not answer with the earlier result
        remove_indexes(paths)
        ensure_equal(create_indexes(paths, executor=executor), here)
        assert all(os.path.exists(f"{path}.idx") for path in good(paths))
    built = Manifest.build(good(paths), executor=executor)
    assert built == Manifest.build(good(paths))
    with pytest.raises(TfrError, match=r"train-03\.tfrecord") as caught:
        Manifest.build([*paths, "none"], executor=executor)
    assert caught.value.args == here[3].error.args  # type: ignore[union-attr]


def test_errors_pass_through_dask_whole(client: Client) -> None:
    with pytest.raises(TfrFileNotFoundError) as caught:
        client.submit(tfr_index.create_index, "none.tfrecord").result()
    error = caught.value
    assert (error.path, error.status, error.record) == ("none.tfrecord", "TFR_ERR_IO", None)
    assert (error.errno, error.filename) == (2, "none.tfrecord")
    assert str(error) == "none.tfrecord: cannot open: No such file or directory (os error 2)"


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


def test_workers_of_dask_may_be_killed(
    paths: list[str], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = create_indexes(paths)
    remove_indexes(paths)
    monkeypatch.setattr(module, "_create_some", _kill_for)
    for number in (0, 20):
        Path(f"{paths[number]}.once").touch()
    killer = paths[30]
    Path(f"{killer}.always").touch()
    created = create_indexes(paths, executor=client.get_executor(pure=False))
    ensure_equal(good(created[:30] + created[31:]), good(here[:30] + here[31:]))
    error = created[30].error
    assert error and error.path == killer and str(error).startswith(f"{killer}: the worker ended")


def test_a_worker_of_dask_that_is_killed_from_outside_loses_nothing(paths: list[str]) -> None:
    here = create_indexes(paths)
    remove_indexes(paths)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        workers = list(client.run(os.getpid).values())

        def kill(done: int, _total: int) -> None:
            if done == 5:
                os.kill(workers[0], signal.SIGKILL)

        executor = client.get_executor(pure=False)
        ensure_equal(create_indexes(paths, executor=executor, progress=kill), here)


def python(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mpi(*arguments: object) -> subprocess.CompletedProcess[str]:
    launch = [Path(sys.executable).with_name("mpiexec"), "-n", "3"]
    command = [*launch, sys.executable, "-m", "mpi4py.futures", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


IN_MPI = """
import sys
import tfr_index
from mpi4py.futures import MPIPoolExecutor

if __name__ == "__main__":
    paths = sys.argv[1:]
    here = tfr_index.create_indexes(paths)
    with MPIPoolExecutor() as executor:
        assert executor.num_workers == 2
        created = tfr_index.create_indexes(paths, executor=executor)
        assert repr(created) == repr(here)
        assert created[3].error.args == here[3].error.args
        good = paths[:3] + paths[4:]
        built = tfr_index.Manifest.build(good, executor=executor)
        assert built == tfr_index.Manifest.build(good)
        try:
            executor.submit(tfr_index.create_index, "none").result()
        except FileNotFoundError as error:
            assert (error.path, error.status, error.errno) == ("none", "TFR_ERR_IO", 2)
        else:
            raise AssertionError
    print("the same")
"""


def test_mpi_does_the_same_work(paths: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(IN_MPI)
    done = mpi(script, *paths)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the same\n", "")


@pytest.mark.parametrize(("run", "example"), [(python, "dask_indexes.py"), (mpi, "mpi_indexes.py")])
def test_the_examples(paths: list[str], tmp_path: Path, run, example: str) -> None:
    data, manifest = tmp_path / "data", tmp_path / "data" / "train.manifest.json"
    done = run(EXAMPLES / example, data, manifest)
    assert (done.returncode, done.stdout) == (1, "40 files, 1 failed\n")
    assert f"{paths[3]}: " in done.stderr and not manifest.exists()
    os.unlink(paths[3])
    done = run(EXAMPLES / example, data, manifest)
    assert (done.returncode, done.stdout, done.stderr) == (0, "39 files, 0 failed\n", "")
    assert Manifest.read(manifest).total_records == sum(range(FILES)) - 3
    assert all(row.index_path for row in Manifest.read(manifest))
