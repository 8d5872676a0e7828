"""The benchmark of reading and writing records: the work, the tools, and the expected answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import data
import read_worker
from measure import Tool, python_tool
from works import Target, Work, faster_than


class File(NamedTuple):
    """A data file, and the digests of what is to be read from it."""

    path: Path
    index: Path
    size: int
    records: int
    batches: str
    singles: str
    payloads: str  # of all records
    middle: str  # of the one in the middle
    written: str  # of the file that the writers make


def prepare(recipe: data.Recipe) -> File:
    """The file and, beside it, the same payloads as ArrayRecord, made if they are not there."""
    made = data.prepare(recipe)
    entries = read_worker.entries(made.index)
    with open(made.path, "rb") as file:

        def payload(record: int) -> bytes:
            offset, size = entries[record]
            return os.pread(file.fileno(), size, offset)[12:-4]

        _write_array_record(made.path, map(payload, range(len(entries))))
        count = len(entries)
        batches = (record for batch in read_worker.batches(count) for record in batch)
        return File(
            *made[:4],
            batches=read_worker.digest(map(payload, batches)),
            singles=read_worker.digest(map(payload, read_worker.singles(count))),
            payloads=read_worker.digest(map(payload, range(count))),
            middle=read_worker.digest([payload(count // 2)]),
            written=read_worker.digest([file.read(sum(entries[read_worker.written(count) - 1]))]),
        )


def _write_array_record(path: Path, payloads: Iterator[bytes]) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    target = read_worker.array_record_of(path)
    if not target.exists():
        writer = ArrayRecordWriter(f"{target}.part", "group_size:1")  # for random access
        for payload in payloads:
            writer.write(payload)
        writer.close()
        os.rename(f"{target}.part", target)


def tool(name: str, function: Callable[..., object], answer: str, ours: bool = False) -> Tool:
    arguments = ["{data}", "{out}" if answer == "written" else "{index}"]
    script = read_worker.__file__
    return python_tool(name, function.__name__, *arguments, answer=answer, ours=ours, script=script)


def works(recipe: str, of_pread: float, of_array_record: float) -> Iterator[Work]:
    """The speed targets for batches, as ratios."""
    made: list[tuple[str, str, list[Tool], list[Target]]] = [
        (
            "batches of 256 at random",
            "",
            [
                tool("read_many()", read_worker.batches_ours, "batches", ours=True),
                tool("os.pread(), no checks", read_worker.batches_pread, "batches"),
                tool("ArrayRecord", read_worker.batches_array_record, "batches"),
                tool("read_buffer()", read_worker.batches_buffer, "batches", ours=True),
                tool("read_many(), mapped", read_worker.batches_mapped, "batches", ours=True),
            ],
            [
                faster_than("os.pread(), no checks", of_pread, "read_many()"),
                faster_than("os.pread(), no checks", of_pread, "read_many(), mapped"),
                faster_than("ArrayRecord", of_array_record, "read_many()"),
            ],
        ),
        (
            "one by one at random",
            "",
            [
                tool("reader[i]", read_worker.singles_ours, "singles", ours=True),
                tool("os.pread(), no checks", read_worker.singles_pread, "singles"),
            ],
            [Target("reader[i]", "os.pread(), no checks", 1.3, at_least=False)],
        ),
        (
            "all in their order",
            "data",
            [
                tool("for payload in reader", read_worker.all_ours, "payloads", ours=True),
                tool("file.read(), no checks", read_worker.all_plain, "payloads"),
                tool("tf.data, numpy iterator", read_worker.all_tensorflow, "payloads"),
            ],
            [faster_than("tf.data, numpy iterator", 5, "for payload in reader")],
        ),
        (
            "the one in the middle",
            "",
            [
                tool("open, reader[i]", read_worker.middle_ours, "middle", ours=True),
                tool("a walk in Python", read_worker.middle_walk, "middle"),
                tool("tf.data, skip()", read_worker.middle_tensorflow, "middle"),
            ],
            [],
        ),
        (
            "write",
            "",
            [
                tool("RecordWriter", read_worker.write_ours, "written", ours=True),
                tool("tf.io.TFRecordWriter", read_worker.write_tensorflow, "written"),
            ],
            [faster_than("tf.io.TFRecordWriter", 3, "RecordWriter")],
        ),
    ]
    for what, read, tools, targets in made:
        yield Work(f"{what}, {{records}}", recipe, tools, targets, floor=None, read=read)


WORKS = [*works("medium", 2, 10), *works("large", 1, 3)]
