"""The benchmark of DALI's readers, the plugin's and its own, in pipelines that do nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dali_plugin
import dali_worker
import data
from measure import Tool, python_tool
from works import Work, faster_than

PART = 4  # DALI's readers get the first quarter of a data file's records


class File(NamedTuple):
    """Records that both readers can read, tf.train.Examples, and what is to be read of them."""

    path: Path
    index: Path
    size: int
    records: int
    values: int  # the sum of their values' checksums


def prepare(recipe: data.Recipe) -> File:
    """The plugin and the file, which is made if missing."""
    import tfr_index

    dali_plugin.build()
    made = data.prepare(recipe)
    values = tfr_index.Reader(made.path)[: max(1, made.records // PART)]
    path = made.path.with_suffix(".examples")
    if not path.exists():
        with tfr_index.RecordWriter(path) as writer:
            writer.write_many(map(dali_worker.example, values))
        os.sync()  # or the system writes it to disk while tools are measured
    index = Path(f"{path}.idx")
    return File(path, index, path.stat().st_size, len(values), dali_worker.checksum(values))


def tool(name: str, function: Callable[..., object], ours: bool = False) -> Tool:
    arguments, script = ["{data}", "{index}"], dali_worker.__file__
    return python_tool(
        name, function.__name__, *arguments, answer="values", ours=ours, script=script
    )


OURS, THEIRS, SHUFFLED = "fn.tfr.reader", "fn.readers.tfrecord", "random_shuffle"
WORKS = [
    Work(
        "an epoch of a DALI pipeline, {records}",
        recipe,
        [
            tool(OURS, dali_worker.ours, ours=True),
            tool(THEIRS, dali_worker.theirs),
            tool(f"{OURS}, {SHUFFLED}", dali_worker.ours_shuffled, ours=True),
            tool(f"{THEIRS}, {SHUFFLED}", dali_worker.theirs_shuffled),
            tool(f"{OURS}, shuffle_after_epoch", dali_worker.ours_truly_shuffled, ours=True),
        ],
        [
            faster_than(THEIRS, 1, OURS),
            faster_than(f"{THEIRS}, {SHUFFLED}", 1, f"{OURS}, {SHUFFLED}"),
        ],
        floor=None,
    )
    for recipe in ("medium", "large")
]
