"""Opening, reading and copying sets: rows of `run.py --sets`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import data
from environment import ROOT
from setrow import Row, Worker, timed
from sets_create import TFR_INDEX, Shards

WORKER = str(Path(__file__).with_name("sets_worker.py"))
SLOW_READS = str(ROOT / "target" / "bench-tools" / "slow_reads.so")
HOME = data.FOLDER / "sets-read"
# What peers read: (name, function of sets_worker.py, what copies the set, at most).
PEERS = (
    ("PyTorch's DataLoader, 2 workers", "torch", None, 1 / 3),
    ("tf.data, shuffle(10,000), 2 parallel reads", "tf_data", None, 1 / 3),
    ("Grain over ArrayRecord, 2 threads", "grain", "to_array_record", 1 / 3),
    ("MosaicML streaming over MDS, 2 workers", "mosaicml", "to_mds", 1 / 2),
)


ONE_BY_ONE = "threads=1: one read after the other"


def rows(quick: bool) -> Iterator[Row]:
    shutil.rmtree(HOME, ignore_errors=True)  # what a run that was killed left
    try:
        yield from manifest(quick)
        yield from read(quick)
        yield from reshard(quick)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def manifest(quick: bool) -> Iterator[Row]:
    count = 500 if quick else 10_000
    shards = Shards(HOME / "small", "small", count)
    shards.ours("create")()
    path = str(HOME / "small.manifest.json")
    subprocess.run([TFR_INDEX, "-q", "manifest", shards.directory, "-o", path], check=True)
    ours = Worker(WORKER, "opened", path, right=(shards.records, 0))
    paths = Worker(WORKER, "opened", str(shards.directory))
    floor_is = "Dataset(paths), which opens the files"
    yield Row(f"Dataset(manifest), {count:,} shards", ours, paths, floor_is, 0.05, fault=ours.fault)
    shutil.rmtree(shards.directory)


def read(quick: bool) -> Iterator[Row]:
    for size, name, repeats in (("medium", "1.8 KB", 1), ("large", "110 KB", 10)):
        shards = Shards(HOME / size, size, 20 if quick else 200, repeats)
        shards.ours("create")()
        where, right = str(shards.directory), (shards.records, shards.payload_bytes)
        if size == "medium":
            fast = Worker(WORKER, "one_batch", where, "0", right=(256, 0), preload=SLOW_READS)
            slow = Worker(WORKER, "one_batch", where, "1", preload=SLOW_READS)
            title = f"read_many of 256 over {len(shards.paths)} shards, 1 ms a read"
            yield Row(title, fast, slow, ONE_BY_ONE, 1 / 8, fault=fast.fault)
            yield Epoch(where, right).row()
        ours = Worker(WORKER, "ours", where, right=right)
        buffers = Worker(WORKER, "ours_in_buffers", where, right=right)
        for peer, function, copy, at_most in PEERS:
            of = where
            if copy is not None:
                of = str(HOME / f"{size}-{function}")
                command = [sys.executable, WORKER, copy, where, of]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            title = f"shuffled epoch, {name}, against {peer}"
            theirs = Worker(WORKER, function, of)
            yield Row(title, ours, theirs, peer, at_most, fault=ours.fault)
            if size == "large":  # without a copy of each payload
                title = f"the same in one buffer, against {peer}"
                yield Row(title, buffers, theirs, peer, at_most, fault=buffers.fault)
            if of != where:
                shutil.rmtree(of)
        shutil.rmtree(shards.directory)


def reshard(quick: bool) -> Iterator[Row]:
    shards = Shards(HOME / "large", "large", 40 if quick else 400, repeats=10)
    shards.ours("create")()
    source, copy = shards.directory, HOME / "copy"

    def remove() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        os.sync()

    def cp() -> float:
        return timed(["cp", "-r", str(source), str(copy)])

    def ours(*order: str) -> Callable[[], float]:
        command = [TFR_INDEX, "-q", "reshard", str(source), "--shards", "16", "-o", str(copy)]
        return lambda: timed([*command, *order])

    def fault() -> str | None:
        command = [TFR_INDEX, "ls", str(copy)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        total = (found.stdout.split("\n")[-2:-1] or [""])[0]
        return None if total.split()[:1] == [str(shards.records)] else f"{found.stderr}{total}"

    size = f"{len(shards.paths)} files of 10 MB"
    yield Row(f"reshard, {size}, in order", ours(), cp, "cp -r", 2, remove, fault)
    shuffled = ours("--shuffle", "7")
    yield Row(f"reshard, {size}, shuffled", shuffled, cp, "cp -r", 4, remove, fault)


class Epoch:
    """An epoch with a consumer that computes as long as one thread takes to read."""

    def __init__(self, directory: str, right: tuple[int, int]) -> None:
        self.reading = Worker(WORKER, "ours_on_one_thread", directory, right=right)
        self.both = Worker(WORKER, "ours", directory, right=right)
        self.batches = -(-right[0] // 256)

    def row(self) -> Row:
        title = "shuffled epoch, 1.8 KB, and as much computing"
        floor_is = "reading alone, on one thread"
        return Row(title, self.ours, self.reading, floor_is, 1.2, fault=self.both.fault)

    def ours(self) -> float:
        return self.both(str(self.reading.found["seconds"] / self.batches))
