"""One way to work with a compressed file, in its own process: compressed_worker.py FUNCTION PATH.

Prints {"seconds": …, "records": …, "bytes": …} as JSON: the processor time of all threads without
that of importing modules, and what was read.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable

import tfr_index

BATCH = 256
WINDOW = 1024
RANDOM = 300
OPENED = 200
STEP = 1 << 20


def read(batches: Iterable[Iterable[bytes]]) -> dict[str, float]:
    begun, records, size = time.process_time(), 0, 0
    for batch in batches:
        for payload in batch:
            records, size = records + 1, size + len(payload)
    return {"seconds": time.process_time() - begun, "records": records, "bytes": size}


def in_order(path: str) -> dict[str, float]:
    return read(tfr_index.Dataset(path).batches(BATCH))


def in_chunks(path: str) -> dict[str, float]:
    dataset = tfr_index.Dataset(path)
    return read(dataset.batches(BATCH, tfr_index.Order(dataset, seed=7, shuffle="chunks")))


def in_windows(path: str) -> dict[str, float]:
    """Records in a random order in windows that follow each other."""
    dataset, numbers, draw = tfr_index.Dataset(path), [], random.Random(7)
    for start in range(0, len(dataset), WINDOW):
        window = list(range(start, min(start + WINDOW, len(dataset))))
        draw.shuffle(window)
        numbers += window
    starts = range(0, len(numbers), BATCH)
    return read(dataset.read_many(numbers[start : start + BATCH]) for start in starts)


def tf_data(path: str) -> dict[str, float]:
    import tensorflow as tf

    records = tf.data.TFRecordDataset(path, compression_type="GZIP").batch(BATCH).prefetch(2)
    return read(records.as_numpy_iterator())


def decompressed(path: str) -> dict[str, float]:
    """All bytes, by zlib, with the checksum of the member."""
    begun, size, decoder = time.process_time(), 0, zlib.decompressobj(31)
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(STEP):
            size += len(decoder.decompress(piece))
    assert decoder.eof
    return {"seconds": time.process_time() - begun, "bytes": size}


def gzip_dc(path: str) -> dict[str, float]:
    subprocess.run(["gzip", "-dc", path], check=True, stdout=subprocess.DEVNULL)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": usage.ru_utime + usage.ru_stime}


def create(path: str) -> dict[str, float]:
    begun = time.process_time()
    records = tfr_index.create_index(path)
    return {"seconds": time.process_time() - begun, "records": records}


def at_random(reader: tfr_index.Reader) -> dict[str, float]:
    numbers = random.Random(7).choices(range(len(reader)), k=RANDOM)
    return read([reader[number]] for number in numbers)


def random_ours(path: str) -> dict[str, float]:
    return at_random(tfr_index.Reader(path))


def random_rapidgzip(path: str) -> dict[str, float]:
    """The file object of rapidgzip, with our seek points, as the data of a Reader."""
    import rapidgzip

    with rapidgzip.open(path, parallelization=1) as file:
        file.import_index(f"{path}.seek")
        return at_random(tfr_index.Reader(file, tfr_index.read_index(f"{path}.idx")))


def opened(path: str) -> dict[str, float]:
    begun = time.process_time()
    for _ in range(OPENED):
        tfr_index.Reader(path).close()
    return {"seconds": time.process_time() - begun}


def memory(path: str) -> dict[str, float]:
    """How many MB a random order takes, instead of seconds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reader = tfr_index.Reader(path)
    for number in tfr_index.Permutation(len(reader), 7)[:2000]:
        reader[number]
    return {"seconds": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000}


def make(path: str, payload: str, size: str) -> dict[str, float]:
    """Writes a file of payloads: of words and numbers as in `tf.train.Example`, or of noise."""
    draw, done, records = random.Random(7), 0, 0
    words = [draw.randbytes(draw.randrange(2, 6)).hex() for _ in range(3000)]
    with tfr_index.RecordWriter(path) as writer:
        while done < int(size):
            if payload == "large":
                made = draw.randbytes(110_000)
            else:
                labels = " ".join(draw.choices(words, k=draw.randrange(60, 180)))
                made = tfr_index.encode_example(
                    {"text": labels, "id": records, "noise": draw.randbytes(300)}
                )
            writer.write(made)
            done, records = done + len(made), records + 1
    subprocess.run(["gzip", "-kf", path], check=True)
    tfr_index.create_index(path)
    tfr_index.create_index(f"{path}.gz")
    return {"seconds": 0, "records": records, "bytes": done}


if __name__ == "__main__":
    _, function, *arguments = sys.argv
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print(json.dumps(globals()[function](*arguments)))
