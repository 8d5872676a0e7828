"""Decoding and encoding `tf.train.Example`: rows of `run.py --features`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dali_plugin
import data
from setrow import Row, Worker

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
        right = {}
        for wanted, count in counts.items():
            maker = Worker(WORKER, "make", path(wanted), wanted, str(count))
            maker()
            right[wanted] = maker.answer()
        right["two"] = right["all"]
        for name, function, peer, wanted, at_most in PEERS:
            ours = Worker(WORKER, function, path(wanted), wanted, right=right[wanted])
            theirs = Worker(WORKER, peer, path(wanted), wanted, right=right[wanted])
            title = f"{WORDS[wanted]}, against {name}"
            yield Row(title, ours, theirs, name, at_most, fault=ours.fault)
        dali_plugin.build()
        plugin = str(Path(dali_plugin.LIBRARY).parent)
        for wanted, at_most in (("all", 1 / 4), ("large", 1.0)):
            ours = Worker(WORKER, "dali", path(wanted), wanted, plugin, right=right[wanted])
            theirs = Worker(WORKER, "dali", path(wanted), wanted, "", right=right[wanted])
            title = f"DALI, {WORDS[wanted]}"
            yield Row(title, ours, theirs, "fn.readers.tfrecord", at_most, fault=ours.fault)
        count, out = str(counts["all"]), str(HOME / "written.tfrecord")
        ours = Worker(WORKER, "write_ours", out, count, right=right["all"])
        theirs = Worker(WORKER, "write_protobuf", out, count)
        title = f"write_examples, {WORDS['all']}"
        floor_is = "protobuf, a message a record"
        yield Row(title, ours, theirs, floor_is, 1 / 20, fault=ours.fault)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def path(wanted: str) -> str:
    return str(HOME / ("large.tfrecord" if wanted == "large" else "small.tfrecord"))
