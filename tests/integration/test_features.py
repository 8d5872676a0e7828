"""Features equal those of TensorFlow's `parse_example` and of protobuf, in C++ and in upb.

Where they differ from ours:

- protobuf refuses keys that are not UTF-8, and damage in features that nobody asked for.
- upb passes over an entry of the map that has unknown fields; protobuf in C++ reads it, as we do.
- TensorFlow reads the first of several lists or packed runs in a feature; protobuf merges them.
"""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import os
import random
import struct
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import pytest
import tensorflow as tf
import tfr_index
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from tfexamples import (
    block,
    bytes_list,
    example,
    float_list,
    int64_list,
    sequence_example,
    varint,
)
from tfr_index import Bytes, Float, Int64

INT64, FLOAT, STRING = tf.int64, tf.float32, tf.string
SPEC = {
    "id": Int64(),
    "label": Int64(default=-7),
    "grid": Int64(2, 3, default=1),
    "box": Float(4),
    "score": Float(default=[0.25]),
    "image": Bytes(),
    "name": Bytes(default="none"),
    "pair": Bytes(2),
    "tokens": Int64(ragged=True),
    "weights": Float(ragged=True),
    "words": Bytes(ragged=True),
}
TENSORFLOW = {
    "id": tf.io.FixedLenFeature([], INT64),
    "label": tf.io.FixedLenFeature([], INT64, -7),
    "grid": tf.io.FixedLenFeature([2, 3], INT64, [[1, 1, 1], [1, 1, 1]]),
    "box": tf.io.FixedLenFeature([4], FLOAT),
    "score": tf.io.FixedLenFeature([], FLOAT, 0.25),
    "image": tf.io.FixedLenFeature([], STRING),
    "name": tf.io.FixedLenFeature([], STRING, b"none"),
    "pair": tf.io.FixedLenFeature([2], STRING),
    "tokens": tf.io.RaggedFeature(INT64, row_splits_dtype=INT64),
    "weights": tf.io.RaggedFeature(FLOAT, row_splits_dtype=INT64),
    "words": tf.io.RaggedFeature(STRING, row_splits_dtype=INT64),
}


# Random records: any order of keys, packed and unpacked numbers.


def some_ints(rng: random.Random, count: int) -> bytes:
    values = [rng.getrandbits(rng.randrange(1, 65)) for _ in range(count)]
    if rng.random() < 0.25:
        return block(3, b"".join(b"\x08" + varint(value) for value in values))
    return int64_list(*values)


def some_floats(rng: random.Random, count: int) -> bytes:
    values = [rng.uniform(-9, 9) for _ in range(count)]
    if rng.random() < 0.25:
        return block(2, b"".join(b"\x0d" + struct.pack("<f", value) for value in values))
    return float_list(*values)


def some_bytes(rng: random.Random, count: int) -> bytes:
    return bytes_list(*(rng.randbytes(rng.choice((0, 1, 5, 200))) for _ in range(count)))


def some_example(rng: random.Random, number: int) -> bytes:
    some = rng.randrange
    features = [
        (b"id", int64_list(number)),
        (b"box", some_floats(rng, 4)),
        (b"image", some_bytes(rng, 1)),
        (b"pair", some_bytes(rng, 2)),
        (b"other", some_bytes(rng, some(3))),
    ]
    optional = [
        (b"label", some_ints, 1),
        (b"grid", some_ints, 6),
        (b"score", some_floats, 1),
        (b"name", some_bytes, 1),
        (b"tokens", some_ints, some(9)),
        (b"weights", some_floats, some(4)),
        (b"words", some_bytes, some(3)),
    ]
    features += [(key, make(rng, count)) for key, make, count in optional if rng.random() < 0.8]
    if rng.random() < 0.3:
        rng.shuffle(features)
    entries = [block(1, block(1, key) + block(2, value)) for key, value in features]
    if rng.random() < 0.1:  # two Examples, one after the other: protobuf merges them
        split = some(len(entries))
        return block(1, b"".join(entries[:split])) + block(1, b"".join(entries[split:]))
    return block(1, b"".join(entries))


COUNT = 100_000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tfr_index.Dataset:
    folder = tmp_path_factory.mktemp("random")
    rng = random.Random(7)
    for shard in range(2):
        with tfr_index.RecordWriter(folder / f"{shard}.tfrecord") as writer:
            start = shard * COUNT // 2
            writer.write_many(some_example(rng, start + n) for n in range(COUNT // 2))
    return tfr_index.Dataset(f"{folder}/*.tfrecord")


def assert_equal(ours: tfr_index.Columns, theirs: dict[str, tf.Tensor]) -> None:
    for name, feature in SPEC.items():
        mine, other = ours[name], theirs[name]
        if feature.ragged:
            assert np.array_equal(mine.offsets, other.row_splits.numpy()), name
            mine, other = mine.values, other.values
        array = np.asarray(mine)
        assert array.shape == other.shape and array.dtype == other.numpy().dtype, name
        # Bit for bit: also NaN and -0.
        assert array.tolist() == other.numpy().tolist() or (
            array.tobytes() == other.numpy().tobytes()
        ), name


def test_100_000_random_records_equal_tensorflows(dataset):
    order = tfr_index.Order(COUNT, seed=7)
    seen = 0
    for payloads, columns in zip(
        dataset.batches(10_000, order),
        dataset.batches(10_000, order, features=SPEC),
        strict=True,
    ):
        assert_equal(columns, tf.io.parse_example(payloads, TENSORFLOW))
        assert columns["id"].tolist() == columns.records.tolist()
        seen += columns.num_records
    assert seen == COUNT


def test_what_is_written_equals_protobufs_bytes(dataset, tmp_path):
    columns = dataset.read_columns(range(1000), SPEC)
    with tfr_index.RecordWriter(tmp_path / "x.tfrecord") as writer:
        writer.write_examples(columns)
    for number, payload in enumerate(tfr_index.Reader(tmp_path / "x.tfrecord")):
        message = tf.train.Example()
        for name, feature in SPEC.items():
            values = np.asarray(columns[name][number]).ravel().tolist()
            kind = message.features.feature[name]
            lists = {
                Int64: kind.int64_list,
                Float: kind.float_list,
                Bytes: kind.bytes_list,
            }
            one = lists[type(feature)]
            one.SetInParent()
            if isinstance(feature, Bytes):
                given = columns[name][number]
                values = [given] if isinstance(given, memoryview) else list(given)
                values = list(map(bytes, values))
            one.value.extend(values)
        assert payload == message.SerializeToString(deterministic=True)


# Sequences

STEPS = {
    "grid": Float(2, 2, sequence=True),
    "score": Int64(sequence=True, allow_missing=True),
    "tokens": Int64(ragged=True, sequence=True, allow_missing=True),
    "frames": Bytes(sequence=True, allow_missing=True),
    "words": Bytes(ragged=True, sequence=True, allow_missing=True),
}
TENSORFLOWS_STEPS = {
    "grid": tf.io.FixedLenSequenceFeature([2, 2], FLOAT),
    "score": tf.io.FixedLenSequenceFeature([], INT64, allow_missing=True),
    "tokens": tf.io.RaggedFeature(INT64, row_splits_dtype=INT64),
    "frames": tf.io.FixedLenSequenceFeature([], STRING, allow_missing=True),
    "words": tf.io.RaggedFeature(STRING, row_splits_dtype=INT64),
}


def some_sequence(rng: random.Random, number: int) -> bytes:
    count = rng.randrange(6)
    lists = {"grid": [some_floats(rng, 4) for _ in range(count)]}
    optional = {
        "score": lambda: some_ints(rng, 1),
        "tokens": lambda: some_ints(rng, rng.randrange(5)),
        "frames": lambda: some_bytes(rng, 1),
        "words": lambda: some_bytes(rng, rng.randrange(3)),
    }
    for name, make in optional.items():
        if rng.random() < 0.8:
            lists[name] = [make() for _ in range(rng.randrange(6))]
    return sequence_example({"id": int64_list(number)}, lists)


def test_sequences_equal_tensorflows(tmp_path: Path):
    rng = random.Random(7)
    payloads = [some_sequence(rng, number) for number in range(5000)]
    with tfr_index.RecordWriter(tmp_path / "x.tfrecord") as writer:
        writer.write_many(payloads)
    reader = tfr_index.Reader(tmp_path / "x.tfrecord")
    ours = reader.read_columns(range(5000), {"id": Int64(), **STEPS})
    context = {"id": tf.io.FixedLenFeature([], INT64)}
    found = tf.io.parse_sequence_example(payloads, context, TENSORFLOWS_STEPS)
    assert ours["id"].tolist() == found[0]["id"].numpy().tolist() == list(range(5000))
    for name, feature in STEPS.items():
        mine, theirs, count = ours[name], found[1][name], found[2].get(name)
        if feature.ragged:
            assert mine.offsets.tolist() == theirs.row_splits.numpy().tolist(), name
            assert mine.values.offsets.tolist() == theirs.values.row_splits.numpy().tolist(), name
            values = np.asarray(mine.values.values)
            assert values.tolist() == theirs.values.values.numpy().tolist(), name
        else:  # TensorFlow pads them
            assert np.diff(mine.offsets).tolist() == count.numpy().tolist(), name
            fill = b"" if isinstance(feature, Bytes) else 0
            assert mine.padded(fill).tolist() == theirs.numpy().tolist(), name


# Odd and damaged records, one feature "k"


def entry(key: bytes, feature: bytes) -> bytes:
    return block(1, block(1, key) + block(2, feature))


def odd_examples() -> list[bytes]:
    k = b"k"
    seven, one, half = int64_list(7), int64_list(1), float_list(0.5)
    group = varint(5 << 3 | 3) + varint(5 << 3 | 4)
    features = [
        [entry(k, seven)],
        [entry(k, block(3, b"\x08\x07"))],
        [entry(k, block(3, block(1, b"\1") + block(1, b"\2")))],
        [entry(k, one + seven)],
        [entry(k, int64_list(-1))],
        [entry(k, block(3, block(1, b"\x87\x00")))],
        [entry(k, block(3, block(1, b"\xff" * 9 + b"\x7f")))],
        [entry(k, int64_list())],
        [entry(k, b"")],
        [entry(b"other", seven)],
        [entry(k, half)],
        [entry(k, bytes_list(b"x"))],
        [entry(k, one), entry(k, b"")],
        [entry(k, half), entry(k, seven)],
        [entry(k, seven), entry(k, half)],
        [entry(k, half + seven)],
        [entry(k, seven + half)],
        [block(1, block(2, seven) + block(1, k))],
        [block(1, block(2, seven))],
        [block(1, b""), entry(k, seven)],
        [block(1, block(1, b"x") + block(1, k) + block(2, seven))],
        [varint(5 << 3) + b"\1", entry(k, seven)],
        [entry(k, block(4, b"x"))],
        [entry(k, varint(9 << 3) + b"\1" + seven)],
        [entry(k, seven + varint(9 << 3) + b"\1")],
        [entry(b"\xff", one), entry(k, seven)],
        [entry(b"other", block(3, block(1, b"\x80"))), entry(k, seven)],
        [entry(k, float_list(1.5))],
        [entry(k, block(2, b"\x0d" + struct.pack("<f", 1.5)))],
        [entry(k, block(2, block(1, bytes(5))))],
        [entry(k, bytes_list(b"ab"))],
        [entry(k, bytes_list(b""))],
        [entry(k, bytes_list())],
    ]
    odd = [block(1, b"".join(entries)) for entries in features]
    whole = odd[0]
    odd += [
        whole + block(2, b""),
        group + whole,
        b"\x8a\x00" + whole[1:],
        whole + b"\xff",
    ]
    return [*odd, whole + b"\0", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(20)]


LISTS = {"int64_list": Int64, "float_list": Float, "bytes_list": Bytes}
MUTATED = 60_000


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    wire = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        place = rng.randrange(len(wire))
        match rng.randrange(4):
            case 0:
                wire[place] ^= 1 << rng.randrange(8)
            case 1:
                wire[place:place] = bytes([rng.randrange(256)])
            case 2 if len(wire) > 1:
                del wire[place]
            case _:
                wire += rng.choice(seeds)
    return bytes(wire)


def by_protobuf(wire: bytes, kind: type) -> object:
    """The values of "k"; "wrong kind", "refused", or "passed over"."""
    try:
        message = tf.train.Example.FromString(wire).features
    except (DecodeError, UnicodeDecodeError):
        return "refused"
    if any(field.field_number == 1 for field in UnknownFieldSet(message)):
        return "passed over"  # an entry that has unknown fields
    features = message.feature
    name = features["k"].WhichOneof("kind") if "k" in features else None
    if name is None:
        return []
    values = list(getattr(features["k"], name).value)
    return values if LISTS[name] is kind or not values else "wrong kind"


def by_us(reader: tfr_index.Reader, number: int, kind: type) -> object:
    try:
        return reader.read_columns([number], {"k": kind(ragged=True)})["k"].to_list()[0]
    except tfr_index.TfrFeatureError:
        return "wrong kind"
    except tfr_index.TfrExampleError:
        return "refused"


def test_60_000_mutated_records_against_upb(tmp_path: Path):
    assert api_implementation.Type() == "upb"
    rng, seeds = random.Random(7), odd_examples()
    wires = [mutated(rng, seeds) for _ in range(MUTATED)]
    with tfr_index.RecordWriter(tmp_path / "x.tfrecord") as writer:
        writer.write_many(wires)
    reader = tfr_index.Reader(memoryview((tmp_path / "x.tfrecord").read_bytes()))
    seen: Counter[str] = Counter()
    for number, wire in enumerate(wires):
        kind = rng.choice((Int64, Float, Bytes))
        ours, theirs = by_us(reader, number, kind), by_protobuf(wire, kind)
        if theirs == "passed over" or (theirs == "refused" and ours != "refused"):
            seen["read by us alone"] += 1
        else:
            # As text: NaN equals itself then, and -0 is not 0.
            assert repr(ours) == repr(theirs), (kind, wire.hex())
            seen["refused" if ours == "refused" else "equal"] += 1
    # Each happens often enough to mean something.
    assert min(seen.values()) > MUTATED // 50 and len(seen) == 3, seen


def test_records_that_are_read_by_us_alone(tmp_path: Path):
    """The two differences: keys that are not UTF-8, and garbage in what nobody asked for."""
    entries = [
        entry(b"\xff", int64_list(1)),
        entry(b"other", block(3, block(1, b"\x80"))),
    ]
    for odd in entries:
        wire = block(1, odd + entry(b"k", int64_list(7)))
        assert by_protobuf(wire, Int64) == "refused"
        record = tfr_index.RecordWriter(tmp_path / "x.tfrecord")
        record.write(wire)
        record.close()
        assert by_us(tfr_index.Reader(tmp_path / "x.tfrecord"), 0, Int64) == [7]


def test_errors_are_tensorflows_errors(tmp_path: Path):
    """A record is refused, for any of these features, if and only if TensorFlow refuses it.

    One exception: ragged features take an empty list of another kind, which TensorFlow refuses.
    """
    wires = [
        example({"k": int64_list(7)}),
        example({"k": int64_list(7, 8)}),
        example({"k": int64_list()}),
        example({"k": b""}),
        example({}),
        example({"k": float_list(1.5)}),
        example({"k": bytes_list(b"x")}),
        b"\xff",
    ]
    with tfr_index.RecordWriter(tmp_path / "x.tfrecord") as writer:
        writer.write_many(wires)
    reader = tfr_index.Reader(tmp_path / "x.tfrecord")
    features = [
        (Int64(), tf.io.FixedLenFeature([], INT64)),
        (Int64(2), tf.io.FixedLenFeature([2], INT64)),
        (Int64(default=3), tf.io.FixedLenFeature([], INT64, 3)),
        (Float(), tf.io.FixedLenFeature([], FLOAT)),
        (Bytes(default=b"d"), tf.io.FixedLenFeature([], STRING, b"d")),
        (Int64(ragged=True), tf.io.RaggedFeature(INT64)),
        (Bytes(ragged=True), tf.io.RaggedFeature(STRING)),
    ]
    refused = 0
    for number, wire in enumerate(wires):
        for mine, other in features:
            try:
                expected = tf.io.parse_example([wire], {"k": other})["k"]
                expected = expected.to_list() if mine.ragged else expected.numpy().tolist()
            except (tf.errors.InvalidArgumentError, UnicodeDecodeError):  # that of its message
                if (wire, mine) == (example({"k": int64_list()}), Bytes(ragged=True)):
                    assert reader.read_columns([number], {"k": mine})["k"].to_list() == [[]]
                    continue
                with pytest.raises(tfr_index.TfrExampleError):
                    reader.read_columns([number], {"k": mine})
                refused += 1
                continue
            found = reader.read_columns([number], {"k": mine})["k"]
            found = found.tolist() if isinstance(found, np.ndarray) else found.to_list()
            assert found == expected, (wire, mine)
    assert 0 < refused < len(wires) * len(features)
