"""One way to decode records, timed in a process of its own: features_worker.py FUNCTION ARGUMENT…

Prints {"seconds": …, "records": …, "sum": …} as JSON: the processor time of all threads for a pass
over a file in batches of 256, without that of importing modules and opening the file; how many
records there were, and the sum of their labels.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy

BATCH = 256
# Of the small records: (kind, how many values in each record; None: any number).
SMALL: dict[str, tuple[str, int | None]] = {
    "label": ("int64", 1),
    "id": ("int64", 1),
    "height": ("int64", 1),
    "width": ("int64", 1),
    "bbox": ("float", 4),
    "embedding": ("float", 64),
    "dense": ("float", 13),
    "cat": ("int64", 26),
    "tokens": ("int64", None),
    "weights": ("float", None),
    "name": ("bytes", 1),
    "tags": ("bytes", None),
    "blob": ("bytes", 1),
}
LARGE: dict[str, tuple[str, int | None]] = {
    "label": ("int64", 1),
    "image": ("bytes", 1),
}
WANTED = {
    "all": SMALL,
    "two": {name: SMALL[name] for name in ("label", "bbox")},
    "large": LARGE,
}


def spec(wanted: str) -> dict[str, Any]:
    import tfr_index

    kinds = {
        "int64": tfr_index.Int64,
        "float": tfr_index.Float,
        "bytes": tfr_index.Bytes,
    }

    def one(kind: str, count: int | None) -> Any:
        shape = () if count in (None, 1) else (count,)
        return kinds[kind](*shape, ragged=count is None)

    return {name: one(*described) for name, described in WANTED[wanted].items()}


def timed(labels: Iterable[numpy.ndarray]) -> dict[str, float]:
    """Takes the labels of batches."""
    records = total = 0
    begun = time.process_time()
    for batch in labels:
        records += len(batch)
        total += int(batch.sum())
    return {"seconds": time.process_time() - begun, "records": records, "sum": total}


def decode_examples(path: str, wanted: str) -> dict[str, float]:
    """Of payloads in memory: without reading and checking."""
    import tfr_index

    reader, asked = tfr_index.Reader(path), spec(wanted)
    starts = range(0, len(reader), BATCH)
    batches = [reader.read_buffer(range(i, min(i + BATCH, len(reader)))) for i in starts]

    def labels() -> Iterator[numpy.ndarray]:
        for payloads in batches:
            batch = tfr_index.decode_examples(payloads, asked)
            for name in asked:
                batch[name]
            yield batch["label"]

    tfr_index.decode_examples(batches[0], asked)
    return timed(labels())


def ours(path: str, wanted: str) -> dict[str, float]:
    """From the file, all checksums checked, to arrays."""
    import tfr_index

    dataset, asked = tfr_index.Dataset(path, checksums="full"), spec(wanted)

    def labels() -> Iterator[numpy.ndarray]:
        for start in range(0, len(dataset), BATCH):
            batch = dataset.read_columns(range(start, min(start + BATCH, len(dataset))), asked)
            for name in asked:
                batch[name]
            yield batch["label"]

    dataset.read_columns([0], asked)
    return timed(labels())


def _tf_spec(wanted: str) -> dict[str, Any]:
    import tensorflow as tf

    kinds = {"int64": tf.int64, "float": tf.float32, "bytes": tf.string}

    def one(kind: str, count: int | None) -> Any:
        if count is None:
            return tf.io.RaggedFeature(kinds[kind])
        return tf.io.FixedLenFeature([] if count == 1 else [count], kinds[kind])

    return {name: one(*described) for name, described in WANTED[wanted].items()}


def _tf_label(batch: dict[str, Any]) -> numpy.ndarray:
    """The labels; and the other values that are numbers, as arrays."""
    for value in batch.values():
        flat = getattr(value, "values", value)
        if flat.dtype.name != "string":
            flat.numpy()
    return batch["label"].numpy()


def tf_parse_example(path: str, wanted: str) -> dict[str, float]:
    """Of payloads in memory: without reading and checking."""
    import tensorflow as tf
    import tfr_index

    payloads, asked = list(tfr_index.Reader(path)), _tf_spec(wanted)
    batches = [tf.constant(payloads[i : i + BATCH]) for i in range(0, len(payloads), BATCH)]
    _tf_label(tf.io.parse_example(batches[0], asked))
    return timed(_tf_label(tf.io.parse_example(batch, asked)) for batch in batches)


def tf_data(path: str, wanted: str) -> dict[str, float]:
    import tensorflow as tf

    asked = _tf_spec(wanted)
    records = tf.data.TFRecordDataset(path).batch(BATCH)
    records = records.map(lambda batch: tf.io.parse_example(batch, asked)).prefetch(2)
    return timed(map(_tf_label, records))


def vahidk(path: str, wanted: str) -> dict[str, float]:
    """One record after the other, without checksums."""
    import tfrecord

    kinds = {"int64": "int", "float": "float", "bytes": "byte"}
    asked = {name: kinds[kind] for name, (kind, _) in WANTED[wanted].items()}
    records = tfrecord.tfrecord_loader(path, None, asked)
    return timed(numpy.asarray(record["label"]).reshape(-1) for record in records)


def protobuf(path: str, wanted: str) -> dict[str, float]:
    """Of payloads in memory, by protobuf's parser in C (upb), to an array a feature."""
    import tfr_index
    from tfrecord import example_pb2

    payloads, asked = list(tfr_index.Reader(path)), WANTED[wanted]
    dtypes = {"int64": numpy.int64, "float": numpy.float32, "bytes": object}

    def labels() -> Iterator[numpy.ndarray]:
        for start in range(0, len(payloads), BATCH):
            examples = [
                example_pb2.Example.FromString(payload).features.feature
                for payload in payloads[start : start + BATCH]
            ]
            arrays = {}
            for name, (kind, _) in asked.items():
                values = [getattr(one[name], f"{kind}_list").value for one in examples]
                flat = [value for record in values for value in record]
                arrays[name] = numpy.array(flat, dtypes[kind])
            yield arrays["label"]

    return timed(labels())


def dali(path: str, wanted: str, plugin: str) -> dict[str, float]:
    """A pipeline of the plugin, or of DALI's own reader if there is no plugin."""
    import nvidia.dali.tfrecord as tfrec
    from nvidia.dali import fn, pipeline_def

    kinds = {"int64": tfrec.int64, "float": tfrec.float32, "bytes": tfrec.string}
    zeros = {"int64": 0, "float": 0.0, "bytes": ""}
    # DALI has no lists of strings.
    asked = {
        name: tfrec.VarLenFeature(kinds[kind], zeros[kind])
        if count is None
        else tfrec.FixedLenFeature([] if count == 1 else [count], kinds[kind], zeros[kind])
        for name, (kind, count) in WANTED[wanted].items()
        if (kind, count) != ("bytes", None)
    }
    if plugin:
        sys.path.append(plugin)
        import dali_tfr  # noqa: F401

    @pipeline_def(batch_size=BATCH, num_threads=2, device_id=None)
    def records() -> Any:
        if plugin:
            record = fn.tfr.reader([path], features=asked, name="reader")
        else:
            record = fn.readers.tfrecord(
                path=[path], index_path=[f"{path}.idx"], features=asked, name="reader"
            )
        return tuple(record[name] for name in asked)

    pipeline = records()
    pipeline.build()
    count, place = (
        pipeline.reader_meta("reader")["epoch_size"],
        list(asked).index("label"),
    )

    def labels() -> Iterator[numpy.ndarray]:
        left = count
        while left > 0:
            batch = pipeline.run()[place]
            yield batch.as_array()[:left]
            left -= len(batch)

    return timed(labels())


def _columns(count: int) -> dict[str, Any]:
    """The values of small records: for each feature, an array, or a list of arrays."""
    chance = numpy.random.default_rng(1)
    blob = chance.bytes(1 << 20)

    def ragged(most: int, draw: Any) -> list[Any]:
        return [draw(int(size)) for size in chance.integers(0, most, count)]

    def some(size: int) -> bytes:
        start = int(chance.integers(0, 1 << 19))
        return blob[start : start + size]

    return {
        "label": chance.integers(0, 1000, count),
        "id": chance.integers(0, 1 << 62, count),
        "height": chance.integers(100, 2000, count),
        "width": chance.integers(100, 2000, count),
        "bbox": chance.random((count, 4), dtype=numpy.float32),
        "embedding": chance.random((count, 64), dtype=numpy.float32),
        "dense": chance.random((count, 13), dtype=numpy.float32),
        "cat": chance.integers(0, 1 << 20, (count, 26)),
        "tokens": ragged(256, lambda size: numpy.minimum(chance.zipf(1.3, size), 31999)),
        "weights": ragged(32, lambda size: chance.random(size, dtype=numpy.float32)),
        "name": [f"sample-{number:08d}.jpg".encode() for number in range(count)],
        "tags": ragged(6, lambda size: [b"tag-%d" % tag for tag in chance.integers(0, 1000, size)]),
        "blob": [some(int(size)) for size in chance.integers(700, 1100, count)],
    }


def make(path: str, wanted: str, records: str) -> dict[str, float]:
    """Writes the records that the others read."""
    import tfr_index

    count = int(records)
    if wanted == "large":
        chance = numpy.random.default_rng(2)
        blob = chance.bytes(1 << 20)
        images = [
            blob[size : 2 * size] for size in map(int, chance.integers(90_000, 130_000, count))
        ]
        columns = {"label": chance.integers(0, 1000, count), "image": images}
    else:
        columns = _columns(count)

    def labels() -> Iterator[numpy.ndarray]:
        with tfr_index.RecordWriter(path) as writer:
            writer.write_examples(columns)
        yield columns["label"]

    return timed(labels())


def write_ours(path: str, records: str) -> dict[str, float]:
    import tfr_index

    columns = _columns(int(records))

    Path(path).unlink(missing_ok=True)  # replacing it would take time, too

    def labels() -> Iterator[numpy.ndarray]:
        with tfr_index.RecordWriter(path) as writer:
            for start in range(0, int(records), BATCH):
                part = slice(start, start + BATCH)
                writer.write_examples({name: values[part] for name, values in columns.items()})
                yield columns["label"][part]

    return timed(labels())


def write_protobuf(path: str, records: str) -> dict[str, float]:
    """A message for each record, as everybody does it."""
    import tfr_index
    from tfrecord import example_pb2 as pb

    columns = _columns(int(records))
    makers = {
        "int64": lambda values: pb.Feature(int64_list=pb.Int64List(value=values)),
        "float": lambda values: pb.Feature(float_list=pb.FloatList(value=values)),
        "bytes": lambda values: pb.Feature(bytes_list=pb.BytesList(value=values)),
    }

    def features(number: int) -> dict[str, Any]:
        found = {}
        for name, (kind, count) in SMALL.items():
            values = columns[name][number]
            found[name] = makers[kind]([values] if count == 1 else values)
        return found

    Path(path).unlink(missing_ok=True)  # replacing it would take time, too

    def labels() -> Iterator[numpy.ndarray]:
        with tfr_index.RecordWriter(path) as writer:
            for number in range(int(records)):
                example = pb.Example(features=pb.Features(feature=features(number)))
                writer.write(example.SerializeToString())
                yield columns["label"][number : number + 1]

    return timed(labels())


if __name__ == "__main__":
    _, function, *arguments = sys.argv
    print(json.dumps(globals()[function](*arguments)))
