"""Decoding and encoding `tf.train.Example`: rows of `run.py --features`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dali_plugin
import data
from setrow import Row

WORKER = str(Path(__file__).with_name("features_worker.py"))
HOME = data.FOLDER / "features"
# (name, our function of features_worker.py, theirs, what they decode, at most of its time).
PEERS = (
    ("tf.io.parse_example", "decode_examples", "tf_parse_example", "all", 1 / 5),
    ("tf.io.parse_example", "decode_examples", "tf_parse_example", "two", 1 / 4),
    ("tfrecord (vahidk)", "ours", "vahidk", "all", 1 / 30),
    ("protobuf (upb)", "decode_examples", "protobuf", "all", 1 / 15),
    ("tf.data and parse_example, from the file", "ours", "tf_data", "all", 1 / 5),
    ("tf.data and parse_example, from the file", "ours", "tf_data", "large", 1 / 2),
)
WORDS = {
    "all": "13 features of 1.8 KB",
    "two": "2 of 13 features",
    "large": "110 KB and a label",
}


def rows(quick: bool) -> Iterator[Row]:
    try:
        HOME.mkdir(parents=True, exist_ok=True)
        counts = {"all": 2_000 if quick else 50_000, "large": 100 if quick else 5_000}
        made = {
            wanted: Worker("make", path(wanted), wanted, str(counts[wanted])) for wanted in counts
        }
        right = {wanted: worker.answer() for wanted, worker in made.items()}
        right["two"] = right["all"]
        for name, function, peer, wanted, at_most in PEERS:
            ours = Worker(function, path(wanted), wanted, right=right[wanted])
            theirs = Worker(peer, path(wanted), wanted, right=right[wanted])
            title = f"{WORDS[wanted]}, against {name}"
            yield Row(title, ours, theirs, name, at_most, fault=ours.fault)
        dali_plugin.build()
        plugin = str(Path(dali_plugin.LIBRARY).parent)
        for wanted, at_most in (("all", 1 / 4), ("large", 1.0)):
            ours = Worker("dali", path(wanted), wanted, plugin, right=right[wanted])
            theirs = Worker("dali", path(wanted), wanted, "", right=right[wanted])
            title = f"DALI, {WORDS[wanted]}"
            yield Row(title, ours, theirs, "fn.readers.tfrecord", at_most, fault=ours.fault)
        count, out = str(counts["all"]), str(HOME / "written.tfrecord")
        ours = Worker("write_ours", out, count, right=right["all"])
        theirs = Worker("write_protobuf", out, count)
        title = f"write_examples, {WORDS['all']}"
        yield Row(
            title,
            ours,
            theirs,
            "protobuf, a message a record",
            1 / 20,
            fault=ours.fault,
        )
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def path(wanted: str) -> str:
    return str(HOME / ("large.tfrecord" if wanted == "large" else "small.tfrecord"))


class Worker:
    """A function of features_worker.py, in a process of its own. Calls return its seconds."""

    def __init__(self, *command: str, right: tuple[int, int] | None = None) -> None:
        self.command, self.right = command, right
        self.found: dict[str, float] = {}

    def answer(self) -> tuple[int, int]:
        command = [sys.executable, WORKER, *self.command]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}{done.stderr}failed: {' '.join(command)}")
        self.found = json.loads(done.stdout.splitlines()[-1])
        return int(self.found["records"]), int(self.found["sum"])

    def __call__(self) -> float:
        self.answer()
        return self.found["seconds"]

    def fault(self) -> str | None:
        found = (int(self.found["records"]), int(self.found["sum"]))
        return None if found == self.right else f"found {found}, not {self.right}"
