"""NVIDIA DALI (without a GPU) reads our indexes; its tfrecord2idx writes the same ones."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "clients")

import os
import random
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import make_examples
import nvidia.dali.tfrecord as tfrec
import pytest
import s3dlio
import tensorflow as tf
import tfr_index
from nvidia.dali import fn, pipeline_def
from tfrecords import tfrecord

# The quick reference's use case 4, as written.
USE_CASE = """
import s3dlio
from nvidia.dali import fn, pipeline_def

# Generate indexes
for tfr_file in tfrecord_files:
    s3dlio.create_tfrecord_index(tfr_file)

# Use with DALI
@pipeline_def
def train_pipeline():
    inputs = fn.readers.tfrecord(
        path=tfrecord_files,
        index_path=[f + ".idx" for f in tfrecord_files],
        random_shuffle=True,
    )
    # ... rest of pipeline
"""
FEATURES = {
    "id": tfrec.FixedLenFeature([1], tfrec.int64, -1),
    "image": tfrec.FixedLenFeature([], tfrec.string, ""),
}
COUNTS = (40, 1, 59)
IDS = list(range(sum(COUNTS)))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three files of Examples numbered throughout, and the image of each."""
    folder = tmp_path_factory.mktemp("train")
    chance = random.Random(4)
    examples = [make_examples.example(number, chance) for number in IDS]
    rest = iter(examples)
    for name, count in enumerate(COUNTS):
        with tf.io.TFRecordWriter(str(folder / f"train-{name}.tfrecord")) as writer:
            for _ in range(count):
                writer.write(next(rest).SerializeToString())
    return folder, [one.features.feature["image"].bytes_list.value[0] for one in examples]


@pytest.fixture
def files(written):
    """The files' paths, with new indexes."""
    paths = sorted(str(path) for path in written[0].glob("*.tfrecord"))
    counts = [s3dlio.create_tfrecord_index(path) for path in paths]
    assert tuple(counts) == COUNTS
    return paths


@pipeline_def(batch_size=1, num_threads=2, device_id=None, seed=1)
def train_pipeline(path, index_path, options):
    inputs = fn.readers.tfrecord(
        path=path, index_path=index_path, features=FEATURES, name="reader", **options
    )
    return inputs["id"], inputs["image"]


class Reader:
    """DALI's reader over files and their indexes, record by record."""

    def __init__(self, files: list[str], indexes: list[str] | None = None, **options) -> None:
        indexes = indexes or [file + ".idx" for file in files]
        self.pipeline = train_pipeline(files, indexes, options)
        self.pipeline.build()
        self.size = self.pipeline.reader_meta("reader")["epoch_size"]

    def read(self, count: int) -> list[tuple[int, bytes]]:
        batches = (self.pipeline.run() for _ in range(count))
        return [(int(ids.at(0)[0]), images.at(0).tobytes()) for ids, images in batches]

    def epoch_ids(self) -> list[int]:
        return [number for number, _ in self.read(self.size)]


def test_use_case_as_written(files):
    for file in files:
        Path(file + ".idx").unlink()
    namespace = {"tfrecord_files": files}
    exec(compile(USE_CASE, "use case 4", "exec"), namespace)
    assert callable(namespace["train_pipeline"])
    assert sorted(Reader(files, random_shuffle=True).epoch_ids()) == IDS


def test_each_record_once_an_epoch_in_order(files, written):
    reader = Reader(files)
    assert reader.size == len(IDS)
    for _ in range(2):
        assert reader.read(reader.size) == list(zip(IDS, written[1], strict=True))


def test_each_record_once_a_shuffled_epoch(files):
    reader = Reader(files, random_shuffle=True)
    epochs = [reader.epoch_ids() for _ in range(3)]
    assert all(sorted(epoch) == IDS for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


@pytest.mark.parametrize("num_shards", [1, 2, 7])
@pytest.mark.parametrize("random_shuffle", [False, True])
def test_shards_cover_every_record_once(files, num_shards, random_shuffle):
    options = {"num_shards": num_shards, "random_shuffle": random_shuffle, "stick_to_shard": True}
    seen = []
    for shard in range(num_shards):
        first, end = (len(IDS) * number // num_shards for number in (shard, shard + 1))
        seen += Reader(files, shard_id=shard, **options).read(end - first)
    assert sorted(number for number, _ in seen) == IDS


def test_same_bytes_as_tfrecord2idx(files, examples, tmp_path):
    script = Path(sys.executable).with_name("tfrecord2idx")
    lengths = tmp_path / "lengths.tfrecord"
    lengths.write_bytes(tfrecord([bytes(length) for length in (12, 0, 1, 0, 70_000, 16)], "zeros"))
    for file in (files[0], str(examples), str(lengths)):
        theirs = tmp_path / "theirs.idx"
        subprocess.run([sys.executable, script, file, theirs], check=True, capture_output=True)
        ours = tmp_path / "ours.idx"
        s3dlio.create_tfrecord_index(file, str(ours))
        assert ours.read_bytes() == theirs.read_bytes() != b""


def test_reordered_partial_index_is_honoured(files, tmp_path):
    entries = list(tfr_index.read_index(files[2] + ".idx"))
    chosen = [17, 3, 58, 3, 0, 41]
    index = str(tmp_path / "chosen.idx")
    tfr_index.Index([entries[number] for number in chosen]).write(index)
    first_id = COUNTS[0] + COUNTS[1]
    assert Reader(files[2:], [index]).epoch_ids() == [first_id + number for number in chosen]
    assert list(s3dlio.read_tfrecord_index(index)) == [entries[number] for number in chosen]


def test_what_our_writer_writes(tmp_path):
    chance = random.Random(5)
    examples = [make_examples.example(number, chance) for number in IDS]
    images = [one.features.feature["image"].bytes_list.value[0] for one in examples]
    path = tmp_path / "ours.tfrecord"
    for part, append in ((examples[:60], False), (examples[60:], True)):
        with tfr_index.RecordWriter(path, append=append) as writer:
            writer.write_many(one.SerializeToString() for one in part)
    reader = Reader([str(path)])
    assert reader.read(reader.size) == list(zip(IDS, images, strict=True))


def test_slice_of_an_index_is_a_shard(files, tmp_path):
    index = str(tmp_path / "odd.idx")
    tfr_index.read_index(files[0] + ".idx")[1::2].write(index)
    assert Reader(files[:1], [index]).epoch_ids() == list(range(1, COUNTS[0], 2))


def test_edits_of_an_index_are_edits_of_the_data_set(files, tmp_path):
    file = files[2]
    index, first_id = tfr_index.read_index(file + ".idx"), COUNTS[0] + COUNTS[1]
    records = {entry: first_id + record for record, entry in enumerate(index)}
    edits = [
        index.select([17, 3, -1, 3]),
        index.shuffle(seed=7),
        index.sample(20, seed=7),
        index.filter_size(min=800),
        index.shard(1, 3),
        index.shard(1, 3, by="bytes"),
        index.shuffle(seed=7).shard(0, 2, remainder="drop"),
    ]
    for edit in edits:
        path = str(tmp_path / "edited.idx")
        edit.write(path)
        assert len(edit) > 0
        assert Reader([file], [path]).epoch_ids() == [records[entry] for entry in edit]


def test_shards_are_those_of_the_reader(files, tmp_path):
    whole = tfr_index.read_index(files[2] + ".idx")
    for rank in range(4):
        path = str(tmp_path / "shard.idx")
        whole.shard(rank, 4).write(path)
        ours = Reader(files[2:], [path]).epoch_ids()
        options = {"num_shards": 4, "shard_id": rank, "stick_to_shard": True}
        theirs = Reader(files[2:], **options).read(len(ours))
        assert ours == [number for number, _ in theirs]


def test_files_put_together_are_read_by_one_index(files, written, tmp_path):
    parts = [(tfr_index.read_index(file + ".idx"), os.path.getsize(file)) for file in files]
    together, index = str(tmp_path / "together.tfrecord"), str(tmp_path / "together.idx")
    Path(together).write_bytes(b"".join(Path(file).read_bytes() for file in files))
    tfr_index.Index.concat(parts).write(index)
    assert Reader([together], [index]).read(len(IDS)) == list(zip(IDS, written[1], strict=True))


def test_trains_on_what_is_good_in_a_damaged_shard(files, written, tmp_path):
    entries = list(tfr_index.read_index(files[2] + ".idx"))
    data = bytearray(Path(files[2]).read_bytes())
    data[entries[7][0]] ^= 1  # the length of one record,
    data[entries[20][0] + 30] ^= 1  # the payload of another,
    for at in range(entries[40][0] + 5, entries[42][0] + 5):
        data[at] = 0  # and two records and the header of the next
    shard = tmp_path / "damaged.tfrecord"
    shard.write_bytes(data)
    with pytest.raises(tfr_index.TfrError):
        tfr_index.create_index(shard)
    regions = []
    tfr_index.create_index(shard, checksums="full", salvage=True, on_skipped=regions.append)
    lost = {7, 20, 40, 41, 42}
    first_id = COUNTS[0] + COUNTS[1]
    whole = [first_id + number for number in range(COUNTS[2]) if number not in lost]
    reader = Reader([str(shard)], [f"{shard}.idx"])
    assert reader.read(len(whole)) == [(number, written[1][number]) for number in whole]
    assert [region.start for region in regions] == [entries[i][0] for i in (7, 20, 40)]
    assert regions[2].end == entries[43][0]


@pytest.mark.parametrize(
    "token", ["# comment", "\N{BYTE ORDER MARK}", "x 1", "9223372036854775808 16"]
)
def test_index_that_dali_shortens_in_silence_is_an_error(files, tmp_path, token):
    lines = Path(files[0] + ".idx").read_text().splitlines(keepends=True)
    index = tmp_path / "bad.idx"
    index.write_text("".join([*lines[:10], token + "\n", *lines[10:]]), encoding="utf-8")
    assert Reader(files[:1], [str(index)]).epoch_ids() == list(range(10))
    with pytest.raises(tfr_index.TfrError, match="line 11") as caught:
        tfr_index.read_index(index)
    assert (caught.value.record, caught.value.offset) == (10, len("".join(lines[:10])))
    with pytest.raises(RuntimeError):
        s3dlio.read_tfrecord_index(str(index))
