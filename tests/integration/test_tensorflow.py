"""We index the files that TensorFlow writes, and refuse what it refuses, at the same record."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import os
import random
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import make_examples
import pytest
import tensorflow as tf
import tfr_index
from hypothesis import given, settings
from hypothesis import strategies as st
from tfrecords import payload_of, tfrecord, walk

POLICIES = ("auto", "none", "length", "full")
# Sizes that a windowed scanner may treat differently: zero, a header's size, powers of two.
SIZES = [0, 1, 2, 7, 8, 11, 12, 15, 16, 17, 100, 4095, 4096, 4097]
SIZES += [2**power + delta for power in (16, 17, 18, 20) for delta in (-17, -16, -1, 0, 1)]
SIZES += [5_000_000, 3]


def write(path: Path, payloads: list[bytes], compression: str = "") -> Path:
    with tf.io.TFRecordWriter(os.fspath(path), options=compression) as writer:
        for payload in payloads:
            writer.write(payload)
    return path


def read_by_tensorflow(path: Path) -> tuple[list[bytes], tf.errors.DataLossError | None]:
    """The payloads up to the end or the first damage, and the damage."""
    payloads = []
    try:
        for payload in tf.data.TFRecordDataset(os.fspath(path)):
            payloads.append(payload.numpy())
    except tf.errors.DataLossError as error:
        return payloads, error
    return payloads, None


def read_through(index: tfr_index.Index, path: Path) -> list[bytes]:
    with open(path, "rb") as file:

        def at(offset: int, size: int) -> bytes:
            file.seek(offset)
            return payload_of(file.read(size))

        return [at(offset, size) for offset, size in index]


def example(size: int) -> bytes:
    value = tf.train.BytesList(value=[random.Random(size).randbytes(size)])
    feature = {"image": tf.train.Feature(bytes_list=value)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_committed_examples_are_what_their_script_writes(tmp_path):
    again = tmp_path / "again.tfrecord"
    make_examples.write(again)
    assert again.read_bytes() == make_examples.EXAMPLES.read_bytes()


def test_committed_examples_through_our_index(examples):
    tfr_index.create_index(examples)
    index = tfr_index.read_index(f"{examples}.idx")
    payloads = read_through(index, examples)
    assert (payloads, None) == read_by_tensorflow(examples)
    parsed = [tf.train.Example.FromString(payload) for payload in payloads]
    ids = [one.features.feature["id"].int64_list.value[0] for one in parsed]
    assert ids == list(range(make_examples.COUNT))


def test_payloads_of_a_reader_feed_tensorflow(examples):
    reader = tfr_index.Reader(examples)
    assert (list(reader), None) == read_by_tensorflow(examples)
    records = [99, 0, 42]
    features = {"id": tf.io.FixedLenFeature([], tf.int64)}
    parsed = tf.io.parse_example(tf.constant(reader.read_many(records)), features)
    assert parsed["id"].numpy().tolist() == records


@pytest.mark.parametrize("payload", [example, random.Random(1).randbytes], ids=["Example", "bytes"])
def test_payloads_of_many_sizes(tmp_path, payload):
    path = write(tmp_path / "sizes.tfrecord", [payload(size) for size in SIZES])
    expected, error = read_by_tensorflow(path)
    assert error is None
    assert len(expected) == len(SIZES)
    for policy in POLICIES:
        assert read_through(tfr_index.scan(path, checksums=policy), path) == expected
        assert tfr_index.create_index(path, checksums=policy) == len(SIZES)
        assert read_through(tfr_index.read_index(f"{path}.idx"), path) == expected


@settings(max_examples=25)
@given(st.lists(st.integers(0, 300) | st.integers(0, 70_000), max_size=40))
def test_payloads_of_any_sizes(sizes):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder, "any.tfrecord"), [example(size) for size in sizes])
        for policy in POLICIES:
            index = tfr_index.scan(path, checksums=policy)
            assert (read_through(index, path), None) == read_by_tensorflow(path)


def test_our_writer_writes_the_bytes_that_tensorflow_writes(tmp_path):
    payloads = [example(size) for size in SIZES]
    theirs = write(tmp_path / "theirs.tfrecord", payloads)
    ours = tmp_path / "ours.tfrecord"
    with tfr_index.RecordWriter(ours) as writer:
        for payload in payloads:
            writer.write(payload)
    assert ours.read_bytes() == theirs.read_bytes()
    assert read_by_tensorflow(ours) == (payloads, None)
    assert read_through(tfr_index.read_index(f"{ours}.idx"), ours) == payloads


@pytest.mark.parametrize("indexed", [False, True])
def test_our_writer_appends_to_what_tensorflow_wrote(tmp_path, indexed):
    payloads = [example(size) for size in SIZES]
    path = write(tmp_path / "some.tfrecord", payloads[:10])
    if indexed:
        tfr_index.create_index(path)
    with tfr_index.RecordWriter(path, append=True) as writer:
        writer.write_many(payloads[10:])
        assert writer.num_records == len(payloads)
    assert read_by_tensorflow(path) == (payloads, None)
    assert tfr_index.read_index(f"{path}.idx") == tfr_index.scan(path, checksums="full")


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
@pytest.mark.parametrize("policy", POLICIES)
def test_compressed_files_are_read(tmp_path, compression, policy):
    # The larger one is longer than 559,903 bytes: the length that a gzip header spells.
    for name, size in (("small", 100), ("large", 1_000_000)):
        payloads = [random.Random(seed).randbytes(size) for seed in range(3)] + [bytes(size)] * 3
        path = write(tmp_path / name, payloads, compression)
        data = tf.data.TFRecordDataset(os.fspath(path), compression)
        assert [payload.numpy() for payload in data] == payloads
        assert tfr_index.create_index(path, checksums=policy) == len(payloads)
        assert list(tfr_index.Reader(path, checksums=policy)) == payloads
        with pytest.raises(tfr_index.TfrError) as raised:
            tfr_index.index_bytes(path.read_bytes(), checksums=policy)
        assert raised.value.format == compression.lower()


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
@pytest.mark.parametrize("flush", [None, 0, 1, 2, 3])  # zlib's; with Z_FINISH it aborts
def test_files_of_all_flush_modes_are_read(tmp_path, compression, flush):
    payloads = [random.Random(7).randbytes(size) for size in (100, 1_000_000, 0, 30_000)] * 3
    payloads += [b"compressible " * 10_000]
    options = tf.io.TFRecordOptions(compression_type=compression, flush_mode=flush)
    path = tmp_path / "x.tfrecord"
    with tf.io.TFRecordWriter(os.fspath(path), options=options) as writer:
        for payload in payloads:
            writer.write(payload)
    assert (
        list(tf.data.TFRecordDataset(os.fspath(path), compression).as_numpy_iterator()) == payloads
    )
    assert list(tfr_index.Reader(path)) == payloads  # without an index
    tfr_index.create_index(path)
    index = tfr_index.read_index(f"{path}.idx")
    assert list(index) == list(walk(tfrecord(payloads)))
    index.check(path, "full")
    reader = tfr_index.Reader(path)
    assert [reader[number] for number in range(len(payloads))[::-1]] == payloads[::-1]


def test_tensorflow_reads_the_gzip_files_that_we_write(tmp_path):
    payloads = [random.Random(7).randbytes(size) for size in (100, 1_000_000, 0)] * 3
    path = tmp_path / "x.tfrecord.gz"
    with tfr_index.RecordWriter(path, compression="gzip") as writer:
        writer.write_many(payloads)
    assert list(tf.data.TFRecordDataset(os.fspath(path), "GZIP").as_numpy_iterator()) == payloads


def damaged(good: bytes):
    """`good` cut at every byte, and with one bit of every byte changed."""
    for byte in range(len(good)):
        yield good[:byte]
        yield good[:byte] + bytes([good[byte] ^ 1 << byte % 8]) + good[byte + 1 :]


def test_damage_is_found_at_the_record_where_tensorflow_stops(tmp_path):
    good = tfrecord([b"first", b"", bytes(range(30))])
    whole = [good[:offset] for offset, _ in walk(good)]
    path = tmp_path / "damaged.tfrecord"
    for data in damaged(good):
        path.write_bytes(data)
        payloads, error = read_by_tensorflow(path)
        if data in whole:
            assert error is None
            assert len(tfr_index.scan(path, checksums="full")) == len(payloads)
            continue
        with pytest.raises(tfr_index.TfrError) as caught:
            tfr_index.scan(path, checksums="full")
        assert caught.value.record == len(payloads), (data, error)
        if error is None:  # TensorFlow 2.21 treats part of a header as the end of the file
            assert caught.value.status == "TFR_ERR_TRUNCATED"
            assert any(data.startswith(part) and len(data) < len(part) + 12 for part in whole)


@pytest.mark.parametrize("checksums", ["zeros", "ieee"])
def test_untrue_checksums_are_refused_like_tensorflow_only_on_demand(tmp_path, checksums):
    path = tmp_path / "untrue.tfrecord"
    path.write_bytes(tfrecord([b"first", b"second"], checksums))
    payloads, error = read_by_tensorflow(path)
    assert error is not None and payloads == []
    for policy in ("length", "full"):
        with pytest.raises(tfr_index.TfrError) as caught:
            tfr_index.scan(path, checksums=policy)
        assert caught.value.record == 0
    assert read_through(tfr_index.scan(path), path) == [b"first", b"second"]
