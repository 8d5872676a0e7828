"""One epoch of a DALI pipeline, timed in a process of its own: dali_worker.py TOOL FILE INDEX.

As worker.py. Each pipeline has one reader, two threads and no GPU; the time is that of an epoch
after its first batch.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import worker

BATCH_BYTES = 4 << 20  # about
TAIL = 64


def example(value: bytes) -> bytes:
    """A tf.train.Example whose feature "value" is this string: the Example ends with it."""

    def field(number: int, content: bytes) -> bytes:
        length, rest = b"", len(content)
        while rest > 127:
            length, rest = length + bytes([rest & 127 | 128]), rest >> 7
        return bytes([number << 3 | 2]) + length + bytes([rest]) + content

    return field(1, field(1, field(1, b"value") + field(2, field(1, field(1, value)))))


def checksum(values: Iterable[bytes]) -> int:
    """Of values in any order."""
    return sum(zlib.crc32(value[-TAIL:]) for value in values)


def _epoch(path: str, reader: Callable[[], Any]) -> tuple[worker.Call, worker.Check]:
    from nvidia.dali import pipeline_def

    with open(f"{path}.idx") as index:
        records = sum(1 for _ in index)
    batch_size = max(1, min(256, BATCH_BYTES * records // os.path.getsize(path)))
    batches = -(-records // batch_size)

    def started() -> Any:
        definition = pipeline_def(batch_size=batch_size, num_threads=2, device_id=None)
        pipeline = definition(lambda: reader())()
        pipeline.build()
        return pipeline

    pipeline = started()
    pipeline.run()

    def call() -> None:
        for _ in range(batches):
            pipeline.run()

    def check(_: object) -> int:
        again, values = started(), []
        for _ in range(batches):
            (batch,) = again.run()
            values += [batch.at(i)[-TAIL:].tobytes() for i in range(len(batch))]
        return checksum(values[:records])

    return call, check


def _ours(path: str, **options: bool) -> tuple[worker.Call, worker.Check]:
    import dali_plugin
    from nvidia.dali import fn, plugin_manager

    plugin_manager.load_library(dali_plugin.LIBRARY)
    return _epoch(path, lambda: fn.tfr.reader(paths=path, **options))


def _theirs(path: str, index: str, **options: bool) -> tuple[worker.Call, worker.Check]:
    import nvidia.dali.tfrecord as tfrec
    from nvidia.dali import fn

    features = {"value": tfrec.FixedLenFeature([], tfrec.string, "")}

    def reader() -> Any:
        read = fn.readers.tfrecord(path=path, index_path=index, features=features, **options)
        return read["value"]

    return _epoch(path, reader)


def ours(path: str, index: str) -> tuple[worker.Call, worker.Check]:
    return _ours(path)


def ours_shuffled(path: str, index: str) -> tuple[worker.Call, worker.Check]:
    return _ours(path, random_shuffle=True)


def ours_truly_shuffled(path: str, index: str) -> tuple[worker.Call, worker.Check]:
    return _ours(path, shuffle_after_epoch=True)


def theirs(path: str, index: str) -> tuple[worker.Call, worker.Check]:
    return _theirs(path, index)


def theirs_shuffled(path: str, index: str) -> tuple[worker.Call, worker.Check]:
    return _theirs(path, index, random_shuffle=True)


if __name__ == "__main__":
    worker.main(globals())
