"""One way to read a set, timed in a process of its own: sets_worker.py FUNCTION ARGUMENT…

Prints {"seconds": …, "records": …, "bytes": …} as JSON: the time of one epoch in shuffled order in
batches of 256 payloads, without that of importing modules and opening the set, and what was read.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

BATCH = 256
SEED = 7
THREADS = WORKERS = 2
TF_DATA_BUFFER = 10_000


def epoch(batches: Iterable[Sequence[bytes | memoryview]], compute: float = 0) -> dict[str, float]:
    """Takes batches; for each, computes for some seconds."""
    # In a program that has freed a large array, malloc keeps memory from one batch to the next;
    # before, it gives it back each time, and to get it anew is most of what large records take.
    bytearray(31 << 20)
    records = size = 0
    begun = time.perf_counter()
    for batch in batches:
        records += len(batch)
        size += sum(map(len, batch))
        end = time.perf_counter() + compute
        while compute and time.perf_counter() < end:
            pass
    return {"seconds": time.perf_counter() - begun, "records": records, "bytes": size}


def ours(directory: str, compute: str = "0") -> dict[str, float]:
    import tfr_index

    dataset = tfr_index.Dataset(directory)
    order = tfr_index.Order(len(dataset), seed=SEED)
    return epoch(dataset.batches(BATCH, order, prefetch=2), float(compute))


def ours_in_buffers(directory: str) -> dict[str, float]:
    """The payloads of a batch in one buffer, as `memoryview`s."""
    import tfr_index

    dataset = tfr_index.Dataset(directory)
    order = tfr_index.Order(len(dataset), seed=SEED)
    return epoch(dataset.batches(BATCH, order, prefetch=2, buffers=True))


def ours_on_one_thread(directory: str) -> dict[str, float]:
    """Reads each batch when it is asked for."""
    import tfr_index

    dataset = tfr_index.Dataset(directory, threads=1)
    order = tfr_index.Order(len(dataset), seed=SEED)
    starts = range(0, len(order), BATCH)
    return epoch(dataset.read_many(order[start : start + BATCH]) for start in starts)


def torch(directory: str) -> dict[str, float]:
    import tfr_index
    from torch.utils.data import DataLoader

    dataset = tfr_index.Dataset(directory)
    loader = DataLoader(
        dataset, batch_size=BATCH, shuffle=True, num_workers=WORKERS, collate_fn=list
    )
    return epoch(loader)


def tf_data(directory: str) -> dict[str, float]:
    import tensorflow as tf

    paths = sorted(map(str, Path(directory).glob("*.tfrecord")))
    random.Random(SEED).shuffle(paths)
    records = tf.data.TFRecordDataset(paths, num_parallel_reads=THREADS)
    records = records.shuffle(TF_DATA_BUFFER, SEED).batch(BATCH).prefetch(2)
    return epoch(map(list, records.as_numpy_iterator()))


def grain(directory: str) -> dict[str, float]:
    """Of ArrayRecord files."""
    import grain
    from array_record.python.array_record_data_source import ArrayRecordDataSource

    source = ArrayRecordDataSource(sorted(map(str, Path(directory).glob("*.array_record"))))
    records = grain.MapDataset.source(source).shuffle(SEED).batch(BATCH, batch_fn=list)
    options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=4)
    return epoch(records.to_iter_dataset(options))


def mosaicml(directory: str) -> dict[str, float]:
    """Of MDS files. The library checks no checksums by default."""
    from streaming import StreamingDataset
    from torch.utils.data import DataLoader

    dataset = StreamingDataset(local=directory, shuffle=True, shuffle_seed=SEED, batch_size=BATCH)

    def payloads(samples: list[dict[str, bytes]]) -> list[bytes]:
        return [sample["payload"] for sample in samples]

    loader = DataLoader(dataset, batch_size=BATCH, num_workers=WORKERS, collate_fn=payloads)
    return epoch(loader)


def opened(paths: str) -> dict[str, float]:
    """The time to open a set: of a manifest, or of the files in a directory."""
    import tfr_index

    begun = time.perf_counter()
    dataset = tfr_index.Dataset(paths)
    return {"seconds": time.perf_counter() - begun, "records": len(dataset), "bytes": 0}


def one_batch(directory: str, threads: str) -> dict[str, float]:
    """A batch of records, each in another file as far as they go."""
    import tfr_index

    dataset = tfr_index.Dataset(directory, threads=int(threads))
    os.environ["TFR_SLOW_READS"] = "1000"  # microseconds, for each read from now on
    wanted = random.Random(SEED).sample(range(len(dataset)), BATCH)
    return epoch(dataset.read_many(wanted) for _ in range(1)) | {"bytes": 0}


def payloads(directory: str) -> Iterator[bytes]:
    import tfr_index

    return iter(tfr_index.Dataset(directory))


def to_array_record(directory: str, out: str) -> dict[str, float]:
    """Copies a set to ArrayRecord files, a file for each of its."""
    import tfr_index
    from array_record.python.array_record_module import ArrayRecordWriter

    Path(out).mkdir(parents=True)
    for path in tfr_index.Dataset(directory).paths:
        name = Path(os.fsdecode(path)).stem
        writer = ArrayRecordWriter(f"{out}/{name}.array_record", "group_size:1,uncompressed")
        for payload in tfr_index.Reader(path):
            writer.write(payload)
        writer.close()
    return {}


def to_mds(directory: str, out: str) -> dict[str, float]:
    from streaming import MDSWriter

    with MDSWriter(out=out, columns={"payload": "bytes"}) as writer:
        for payload in payloads(directory):
            writer.write({"payload": payload})
    return {}


if __name__ == "__main__":
    # For its multiprocessing, MosaicML's library imports this module again.
    _, function, *arguments = sys.argv
    print(json.dumps(globals()[function](*arguments)))
