"""The benchmarks' TFRecord files: seeded, with true checksums, and their indexes known beforehand.

A file is a block of distinct records, repeated: quick to make, while each copy has pages of its
own.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import crc32c
import tfrecords
from environment import ROOT
from worker import lookup_records

FOLDER = ROOT / "target" / "bench-data"
EDITION = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]  # other code, other files

# The CRC of tfrecords.py is plain Python; this one is compiled.
tfrecords.CHECKSUMS["fast"] = lambda data: tfrecords.masked(crc32c.crc32c(data))

CLASSES = {"small": (50, 118), "medium": (1000, 2600), "large": (60_000, 160_000)}
POINT_BLOCK = 16 << 20


class File(NamedTuple):
    """A data file, and what is true of it."""

    path: Path
    index: Path  # its right index
    size: int
    records: int
    pairs_digest: str  # of the index's numbers as uint64
    start_digest: str  # of those of the first million records
    lookup_sum: int  # of all that 1 M look-ups find


class Recipe(NamedTuple):
    """A block's payload sizes, and how often the block is repeated."""

    name: str
    sizes: list[int]
    repeats: int


def recipe(name: str, quick: bool) -> Recipe:
    """small: 10 M frames of ~100 B; medium: 600 k of ~1.8 KB; large: 10 k of ~110 KB; mix: them."""
    draw = random.Random(f"sizes of {name}")
    repeats = 2 if quick else 100
    if name == "mix":
        return Recipe(name, list(_mixed(draw)), repeats)
    count = {"small": 100_000, "medium": 6_000, "large": 100}[name]
    return Recipe(name, [draw.randint(*CLASSES[name]) for _ in range(count)], repeats)


def point(payload: int, quick: bool) -> Recipe:
    """256 MiB of records of one size, for the plot."""
    count = max(1, POINT_BLOCK // (payload + tfrecords.OVERHEAD))
    return Recipe(f"of-{payload}", [payload] * count, 1 if quick else 16)


def _mixed(draw: random.Random) -> Iterator[int]:
    """5 MB in runs of one class, then 5 MB in which each record is of any class."""
    for _ in range(3):
        for low, high in CLASSES.values():
            for _ in range(1_100_000 // (low + high)):
                yield draw.randint(low, high)
    total = 0
    while total < 5_000_000:
        low, high = draw.choices(list(CLASSES.values()), weights=(90, 9, 1))[0]
        size = draw.randint(low, high)
        total += size
        yield size


def prepare(recipe: Recipe) -> File:
    """The file, made if it is not there."""
    path = FOLDER / f"{recipe.name}-{recipe.repeats}-{EDITION}.tfrecord"
    index, truth = path.with_suffix(".idx"), path.with_suffix(".json")
    if not truth.exists():
        print(f"making {path.relative_to(ROOT)}", flush=True)
        truth.write_text(json.dumps(_write(recipe, path, index)))  # last: all is there
    return File(path, index, **json.loads(truth.read_text()))


def clean() -> None:
    """Removes what another edition of this file made."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.iterdir():
        if EDITION not in path.name:
            path.unlink()


def _write(recipe: Recipe, path: Path, index: Path) -> dict[str, object]:
    draw = random.Random(f"payloads of {recipe.name}")
    frames = [tfrecords.frame(draw.randbytes(size), "fast") for size in recipe.sizes]
    block = b"".join(frames)
    with open(path, "wb") as file:
        for _ in range(recipe.repeats):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())  # else it is written to the disk while tools are measured
    pairs = array("Q")
    offset = 0
    with open(index, "w") as file:
        for _ in range(recipe.repeats):
            lines = []
            for frame in frames:
                pairs.extend((offset, len(frame)))
                lines.append(f"{offset} {len(frame)}\n")
                offset += len(frame)
            file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())
    count = len(pairs) // 2
    looked_up = (pairs[2 * i] + pairs[2 * i + 1] for i in lookup_records(count))
    return {
        "size": offset,
        "records": count,
        "pairs_digest": hashlib.sha256(pairs).hexdigest(),
        "start_digest": hashlib.sha256(pairs[:2_000_000]).hexdigest(),
        "lookup_sum": sum(looked_up) % 2**64,
    }
