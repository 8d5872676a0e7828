"""One tool that reads records, timed in a process of its own: read_worker.py TOOL FILE INDEX.

As worker.py. What is read is dropped at once, as a training loop drops it; for the check it is read
once more. The writers' arguments are FILE OUT.
"""

from __future__ import annotations

import contextlib
import os
import random
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import worker

Call = tuple[worker.Call, worker.Check]
BATCH = 256


def entries(index: str | Path) -> list[tuple[int, int]]:
    """(offset, size) of each record."""
    with open(index) as file:
        return [(int(offset), int(size)) for offset, size in map(str.split, file)]


def batches(count: int) -> list[list[int]]:
    """Records at random: a sixth as many as the file's, or a gigabyte where they are few: after the
    first batches, a process has the memory for them."""
    draw = random.Random("batches")
    return [draw.choices(range(count), k=BATCH) for _ in range(max(40, count // 6 // BATCH))]


def singles(count: int) -> list[int]:
    return random.Random("singles").choices(range(count), k=count // 6)


def written(count: int) -> int:
    """How many of the file's first records the writers write."""
    return count // 10


def array_record_of(path: str | Path) -> Path:
    return Path(path).with_suffix(".array_record")


def digest(payloads: Iterable[bytes | memoryview]) -> str:
    crc = total = 0
    for payload in payloads:
        total += len(payload)
        crc = zlib.crc32(b"%d " % len(payload), zlib.crc32(payload, crc))
    return f"{total} bytes, {crc:08x}"


def _batches(read, count: int) -> Call:
    """`read` takes the numbers of a batch's records."""
    wanted = batches(count)
    # In a program that has freed a large array, malloc keeps memory from one batch to the next;
    # before, it gives it back each time, and to get it anew is most of what large records take.
    bytearray(31 << 20)

    def call() -> None:
        for batch in wanted:
            read(batch)

    return call, lambda _: digest(payload for batch in wanted for payload in read(batch))


def _singles(reader, count: int) -> Call:
    wanted = singles(count)

    def call() -> None:
        for record in wanted:
            reader[record]

    return call, lambda _: digest(map(reader.__getitem__, wanted))


def _all(read) -> Call:
    """`read` gives an iterable."""

    def call() -> None:
        for _ in read():
            pass

    return call, lambda _: digest(read())


def batches_ours(path: str, index: str) -> Call:
    import tfr_index

    reader = tfr_index.Reader(path, index)
    return _batches(reader.read_many, len(reader))


def batches_mapped(path: str, index: str) -> Call:
    import mmap

    import tfr_index

    with open(path, "rb") as file:
        flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
        mapped = mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ)
    reader = tfr_index.Reader(mapped, index)
    return _batches(reader.read_many, len(reader))


def batches_buffer(path: str, index: str) -> Call:
    import tfr_index

    reader = tfr_index.Reader(path, index)
    return _batches(reader.read_buffer, len(reader))


def batches_pread(path: str, index: str) -> Call:
    where, pread, file = entries(index), os.pread, os.open(path, os.O_RDONLY)

    def read(batch: list[int]) -> list[bytes]:
        return [pread(file, size, at)[12:-4] for at, size in [where[record] for record in batch]]

    return _batches(read, len(where))


def batches_array_record(path: str, index: str) -> Call:
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    source = ArrayRecordDataSource(os.fspath(array_record_of(path)))
    return _batches(source.__getitems__, len(source))


def singles_ours(path: str, index: str) -> Call:
    import tfr_index

    reader = tfr_index.Reader(path, index)
    return _singles(reader, len(reader))


def singles_pread(path: str, index: str) -> Call:
    where, pread, file = entries(index), os.pread, os.open(path, os.O_RDONLY)

    class Plain:
        def __getitem__(self, record: int) -> bytes:
            offset, size = where[record]
            return pread(file, size, offset)[12:-4]

    return _singles(Plain(), len(where))


def all_ours(path: str, index: str) -> Call:
    import tfr_index

    reader = tfr_index.Reader(path, index)
    return _all(lambda: reader)


def all_plain(path: str, index: str) -> Call:
    def read() -> Iterator[bytes]:
        with open(path, "rb") as file:
            while header := file.read(12):
                length = int.from_bytes(header[:8], "little")
                yield file.read(length + 4)[:-4]

    return _all(read)


def all_tensorflow(path: str, index: str) -> Call:
    import tensorflow as tf

    list(tf.data.TFRecordDataset(os.devnull).as_numpy_iterator())  # sets TensorFlow up
    return _all(lambda: tf.data.TFRecordDataset(path).as_numpy_iterator())


def middle_ours(path: str, index: str) -> Call:
    import tfr_index

    def read() -> bytes:
        reader = tfr_index.Reader(path, index)
        return reader[len(reader) // 2]

    return read, lambda payload: digest([payload])


def middle_walk(path: str, index: str) -> Call:
    middle = len(entries(index)) // 2

    def read() -> bytes:
        with open(path, "rb") as file:
            for _ in range(middle):
                file.seek(int.from_bytes(file.read(12)[:8], "little") + 4, os.SEEK_CUR)
            return file.read(int.from_bytes(file.read(12)[:8], "little"))

    return read, lambda payload: digest([payload])


def middle_tensorflow(path: str, index: str) -> Call:
    import tensorflow as tf

    list(tf.data.TFRecordDataset(os.devnull).as_numpy_iterator())
    middle = len(entries(index)) // 2

    def read() -> bytes:
        return next(tf.data.TFRecordDataset(path).skip(middle).as_numpy_iterator())

    return read, lambda payload: digest([payload])


def _payloads(path: str) -> list[bytes]:
    """Of the file's first records."""
    where = entries(Path(path).with_suffix(".idx"))
    with open(path, "rb") as file:
        return [file.read(size)[12:-4] for _, size in where[: written(len(where))]]


def _remove(out: str) -> None:
    """Removing the previous file takes as long as writing one, and is not the writer's work."""
    for path in (out, f"{out}.idx"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _written(out: str) -> str:
    return digest([Path(out).read_bytes()])


def write_ours(path: str, out: str) -> Call:
    import tfr_index

    payloads = _payloads(path)

    _remove(out)

    def write() -> None:
        with tfr_index.RecordWriter(out) as writer:
            for payload in payloads:
                writer.write(payload)

    return write, lambda _: _written(out)


def write_tensorflow(path: str, out: str) -> Call:
    import tensorflow as tf

    payloads = _payloads(path)

    _remove(out)

    def write() -> None:
        with tf.io.TFRecordWriter(out) as writer:
            for payload in payloads:
                writer.write(payload)

    return write, lambda _: _written(out)


if __name__ == "__main__":
    worker.main(globals())
