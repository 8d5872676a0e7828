"""Measures executors: the indexes of a set by Dask and MPI beside a pool of processes.

    python3 tests/bench/clusters.py [SHARDS [BYTES]]

Each has two workers, which are up and have done this work once. The rounds alternate.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

WORKERS = 2
ROUNDS = 15
FRAME = 1800


def launch() -> None:
    """Runs this file with each engine, in the environment that has them.

    Not with both at once: processes of MPI look for messages all the time, also while Dask works.
    """
    tests = Path(__file__).resolve().parents[1]
    sys.path.append(str(tests))
    import environment

    python = environment.prepare("clusters")[0]
    mpiexec = str(Path(python).with_name("mpiexec"))
    os.environ["PYTHONPATH"] = str(tests / "support")
    for engine, command in (
        ("Dask", [python]),
        ("MPI", [mpiexec, "-n", str(1 + WORKERS), python, "-m", "mpi4py.futures"]),
    ):
        subprocess.run([*command, __file__, "measure", engine, *sys.argv[1:]], check=True)


@contextmanager
def executor_of(engine: str) -> Iterator[Executor]:
    if engine == "MPI":
        from mpi4py.futures import MPIPoolExecutor

        with MPIPoolExecutor() as executor:
            yield executor
    else:
        from dask.distributed import Client, LocalCluster

        with (
            LocalCluster(
                n_workers=WORKERS, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client.get_executor(pure=False)


def measure(engine: str, shards: int, size: int) -> None:
    import tfrecords
    from tfr_index import Manifest, create_indexes

    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(dir="/dev/shm")))
        one = tfrecords.tfrecord([bytes(FRAME - tfrecords.OVERHEAD)]) * (size // FRAME)
        paths = [directory / f"{number:05}.tfrecord" for number in range(shards)]
        for path in paths:
            path.write_bytes(one)
        # A fork of a process of MPI is not safe.
        pool = ProcessPoolExecutor(WORKERS, get_context("forkserver"))
        executors: dict[str, Executor | None] = {
            "pool of processes": stack.enter_context(pool),
            engine: stack.enter_context(executor_of(engine)),
            "no executor": None,
        }

        def create(executor: Executor | None) -> None:
            created = create_indexes(paths, executor=executor)
            assert [file.records for file in created] == [size // FRAME] * shards

        def build(executor: Executor | None) -> None:
            built = Manifest.build(paths, executor=executor)
            assert built.total_records == size // FRAME * shards

        calls: list[Callable[[Executor | None], None]] = [create, build]
        times: dict[tuple[str, str], list[float]] = {}
        for round in range(1 + ROUNDS):
            for name, executor in executors.items():
                for path in paths:
                    path.with_name(f"{path.name}.idx").unlink(missing_ok=True)
                for call in calls:
                    begun = time.perf_counter()
                    call(executor)
                    seconds = time.perf_counter() - begun
                    if round:
                        times.setdefault((call.__name__, name), []).append(seconds)
    print(f"{shards} shards of {size:,} bytes, {WORKERS} workers; medians of {ROUNDS} rounds")
    for call in calls:
        base = statistics.median(times[call.__name__, "pool of processes"])
        for name in executors:
            median = statistics.median(times[call.__name__, name])
            print(f"{call.__name__:8}{name:20}{median:8.3f} s  {median / base:.2f} x the pool")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", engine, *numbers]:
            shards, size = [*numbers, *("200", "10000000")[len(numbers) :]]
            measure(engine, int(shards), int(size))
        case _:
            launch()
