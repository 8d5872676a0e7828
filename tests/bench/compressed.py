"""Compressed files: rows of `run.py --gzip`. All times are processor time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import data
from setrow import Row, Worker

WORKER = str(Path(__file__).with_name("compressed_worker.py"))
HOME = data.FOLDER / "compressed"
SIZE, QUICK_SIZE = 500_000_000, 10_000_000
MOST_MEMORY = 84.0  # MB: the cache of decompressed data, and 20
# The kinds of payloads, and the targets that differ: seek file, random record.
KINDS = (("small", "Example-like", 0.05, 1 / 15), ("large", "110 KB noise", 0.0002, 1 / 10))


def rows(quick: bool) -> Iterator[Row]:
    try:
        HOME.mkdir(parents=True, exist_ok=True)
        for payload, name, most_seek, most_random in KINDS:
            plain = str(HOME / f"{payload}.tfrecord")
            maker = Worker(WORKER, "make", plain, payload, str(QUICK_SIZE if quick else SIZE))
            maker()
            yield from file(plain, name, maker.answer(), most_seek, most_random)
            for made in HOME.iterdir():
                made.unlink()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def file(
    plain: str, name: str, right: tuple[float, ...], most_seek: float, most_random: float
) -> Iterator[Row]:
    packed = f"{plain}.gz"

    def work(function: str, path: str = packed) -> Worker:
        return Worker(WORKER, function, path, right=right)

    create = Worker(WORKER, "create", packed, right=right[:1])
    title = f"{name}: index and seek file, against"
    yield Row(f"{title} gzip -dc", create, work("gzip_dc"), "gzip -dc", 0.8, fault=create.fault)
    zlib = work("decompressed")
    yield Row(f"{title} zlib", create, zlib, "zlib", 1 / 0.55, fault=create.fault)
    seek, whole = (os.path.getsize(path) / 1e6 for path in (f"{packed}.seek", packed))
    title = f"{name}: MB of the seek file, against the compressed file"
    yield Row(title, lambda: seek, lambda: whole, "MB of the compressed file", most_seek)
    rapidgzip, ours = work("random_rapidgzip"), work("random_ours")

    def fault() -> str | None:
        return None if ours.answer() == rapidgzip.answer() else "not the records of rapidgzip"

    title = f"{name}: 300 random records, against a Reader of rapidgzip"
    yield Row(title, ours, rapidgzip, "rapidgzip", most_random, fault=fault)
    order = work("in_order")
    title = f"{name}: in order, against"
    yield Row(f"{title} zlib", order, zlib, "zlib", 1 / 0.9, fault=order.fault)
    yield Row(f"{title} tf.data", order, work("tf_data"), "tf.data", 0.6, fault=order.fault)
    for function, words, at_most in (
        ("in_windows", "windows of 1,024", 1.2),
        ("in_chunks", "chunks", 1.1),
    ):
        shuffled = work(function)
        title = f"{name}: shuffled in {words}, against in order"
        yield Row(title, shuffled, order, "in order", at_most, fault=shuffled.fault)
    title = f"{name}: opening 200 times, against the plain file"
    yield Row(title, work("opened"), work("opened", plain), "the plain file", 1.5)
    title = f"{name}: MB of memory for random records, against cache + 20 MB"
    yield Row(title, work("memory"), lambda: MOST_MEMORY, "the cache and 20 MB", 1.0)
