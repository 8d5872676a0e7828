"""Creating and updating the indexes of a set: rows of `run.py --sets`."""

from __future__ import annotations

import functools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import data
import tfrecords
from environment import ROOT
from setrow import Row, timed

TFR_INDEX = str(ROOT / "target" / "release" / "tfr-index")
FLOORS = str(ROOT / "target" / "bench-tools" / "floors")
# Directories in memory and on a disk.
PLACES = {"tmpfs": Path("/dev/shm/tfr-index-sets"), "disk": data.FOLDER / "sets"}
SHARD = 1_000_000
VARIANTS = 8
WHOLE = "one thread: reads each file whole, writes and renames an index"
START = "one thread: reads 4 KB of each file, writes and renames an index"
STAT = "one thread: stats each file and its index"


def rows(quick: bool) -> Iterator[Row]:
    count = 100 if quick else 2000
    try:
        for place, directory in PLACES.items():
            for size, name, floor, floor_is, at_most in (
                ("medium", "1.8 KB", "whole", WHOLE, 0.7),
                ("large", "110 KB", "start", START, 3),
            ):
                title = f"create, {count:,} x 1 MB of {name} records, {place}"
                shards = Shards(directory / size, size, count)
                yield Row(
                    title,
                    shards.ours("create"),
                    shards.floor(floor),
                    floor_is,
                    at_most,
                    shards.remove_indexes,
                    shards.fault,
                )
                shutil.rmtree(shards.directory)
        count = 500 if quick else 10_000
        for place, directory in PLACES.items():
            shards = Shards(directory / "small", "small", count)
            shards.ours("create")()
            yield Row(
                f"create --update, {count:,} shards, nothing to do, {place}",
                shards.ours("create", "--update"),
                shards.floor("stat"),
                STAT,
                2,
                fault=shards.fault,
            )
            shutil.rmtree(shards.directory)
    finally:
        for directory in PLACES.values():
            shutil.rmtree(directory, ignore_errors=True)


@functools.cache
def blocks(size: str) -> list[bytes]:
    """The content of shards: some of about 1 MB or, for small ones, of one record."""
    draw = random.Random(f"shards of {size}")
    found = []
    for _ in range(VARIANTS):
        frames: list[bytes] = []
        least = 1 if size == "small" else SHARD
        while sum(map(len, frames)) < least:
            payload = draw.randbytes(draw.randint(*data.CLASSES[size]))
            frames.append(tfrecords.frame(payload, "fast"))
        found.append(b"".join(frames))
    return found


def right_index(content: bytes) -> str:
    return "".join(f"{offset} {size}\n" for offset, size in tfrecords.walk(content))


class Shards:
    """A directory of shards, of a block each, or of some."""

    def __init__(self, directory: Path, size: str, count: int, repeats: int = 1) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.directory, self.size = directory, size
        self.paths = [
            str(directory / f"train-{number:05}-of-{count:05}.tfrecord") for number in range(count)
        ]
        for number, path in enumerate(self.paths):
            Path(path).write_bytes(blocks(size)[number % VARIANTS] * repeats)
        counts = [len(list(tfrecords.walk(block))) for block in blocks(size)]
        self.records = repeats * sum(counts[number % VARIANTS] for number in range(count))
        self.payload_bytes = sum(map(os.path.getsize, self.paths)) - 16 * self.records
        os.sync()  # else it is written to the disk while tools are measured

    def ours(self, *arguments: str) -> Callable[[], float]:
        return lambda: timed([TFR_INDEX, "--quiet", *arguments, *self.paths])

    def floor(self, work: str) -> Callable[[], float]:
        return lambda: timed([FLOORS, work, *self.paths])

    def remove_indexes(self) -> None:
        for path in self.paths:
            Path(f"{path}.idx").unlink(missing_ok=True)

    def fault(self) -> str | None:
        """The first index that is wrong, and files that should not be there."""
        right = [right_index(block) for block in blocks(self.size)]
        for number, path in enumerate(self.paths):
            if Path(f"{path}.idx").read_text() != right[number % VARIANTS]:
                return f"{path}.idx is wrong"
        extra = len(os.listdir(self.directory)) - 2 * len(self.paths)
        return f"{extra} files too many" if extra else None
