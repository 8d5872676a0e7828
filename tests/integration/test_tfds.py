"""TensorFlow Datasets: we read its `dataset_info.json`, and it reads what we write."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "clients")

import json
import os
import subprocess
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
import tfr_index

COUNTS = {"train": 30, "test": 8}
SHARDS = 4


class Numbers(tfds.core.GeneratorBasedBuilder):
    """A data set of numbers."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"number": tf.int64, "text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, _manager):
        return {split: self._generate_examples(count) for split, count in COUNTS.items()}

    def _generate_examples(self, count):
        for number in range(count):
            yield number, {"number": number, "text": "x" * number}


@pytest.fixture
def made(tmp_path):
    """The directory of a set that TFDS wrote, with SHARDS shards a split."""
    builder = Numbers(data_dir=tmp_path / "made")
    config = tfds.download.DownloadConfig(num_shards=SHARDS)
    builder.download_and_prepare(download_config=config)
    return tmp_path / "made" / "numbers" / "1.0.0"


def manifest(*arguments, status=0):
    """What `tfr-index manifest` says: its object, or its error."""
    command = [sys.executable, "-m", "tfr_index", "manifest", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout) if status == 0 else done.stderr


def rows(path):
    shards = json.loads(path.read_text())["shards"]
    return dict(zip(shards["path"], shards["records"], strict=True))


@pytest.mark.parametrize("split", COUNTS)
def test_counts_are_those_that_tfds_wrote(made, split):
    said = manifest(made, "--split", split, "-o", made / "m.json")
    assert (said["shards"], said["records"]) == (SHARDS, COUNTS[split])
    info = tfds.builder_from_directory(made).info.splits[split]
    names = [path.name for path in info.filepaths]
    assert rows(made / "m.json") == dict(zip(names, info.shard_lengths, strict=True))
    for name, records in rows(made / "m.json").items():
        assert len(tfr_index.scan(made / name)) == records


def test_a_shard_that_is_cut_between_records_or_missing_is_named(made):
    shard = made / "numbers-train.tfrecord-00002-of-00004"
    index = tfr_index.scan(shard)
    shard.write_bytes(shard.read_bytes()[: index[3][0]])
    # TensorFlow cannot see it.
    assert sum(1 for _ in tf.data.TFRecordDataset(str(shard))) == 3
    error = manifest(made, "--split", "train", "-o", made / "m.json", status=1)
    assert f"{shard}: has 3 records, but dataset_info.json says {len(index)}" in error
    shard.unlink()
    error = manifest(made, "--split", "train", "-o", made / "m.json", status=1)
    assert str(shard) in error and "dataset_info.json lists this shard" in error
    assert manifest(made, "--split", "test", "-o", made / "m.json")["records"] == 8


def command(name, *arguments):
    """The exit status, the lines of stdout and the last line of stderr."""
    command = [sys.executable, "-m", "tfr_index", name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr.strip().rpartition("\n")[2]


def test_a_directory_is_compared_with_what_tfds_says(made):
    total = sum(COUNTS.values())
    status, lines, _ = command("show", made)
    assert status == 0 and f"{2 * SHARDS} files: {total} records" in lines[-1]
    assert command("create", "-q", made)[0] == 0
    assert command("check", "-q", made) == (0, [], "")
    shard = made / "numbers-train.tfrecord-00002-of-00004"
    index = tfr_index.scan(shard)
    shard.write_bytes(shard.read_bytes()[: index[3][0]])
    for _ in range(2):  # with an index that does not fit, and with one that does
        status, lines, error = command("check", made)
        assert status == 1 and lines[-1].endswith(f"dataset_info.json lists {total} records")
        assert f"{shard}: has 3 records, but dataset_info.json says {len(index)}" in error
        assert f"{shard}: changed" in lines
        status, lines, _ = command("ls", made)
        assert status == 1 and any("changed" in line and str(shard) in line for line in lines)
        assert command("create", "-q", shard)[0] == 0
    shard.unlink()
    status, lines, error = command("check", made)
    assert status == 1 and f"{shard}: missing" in lines and str(shard) in error
    status, lines, _ = command("ls", made)
    assert status == 1 and any("missing" in line and str(shard) in line for line in lines)
    status, _, error = command("show", made)
    assert status == 1 and error.endswith("use --allow-missing")


def test_tfds_reads_what_we_write(made, tmp_path):
    features = tfds.builder_from_directory(made).info.features
    for name in ("dataset_info.json", "features.json"):
        (made / name).unlink()
    for split in COUNTS:
        shards = sorted(made.glob(f"numbers-{split}.*"))
        manifest(*shards, "-o", tmp_path / f"{split}.json", "--tfds", split)
    tfds.folder_dataset.write_metadata(
        data_dir=made, split_infos=str(made), features=features, version="1.0.0"
    )
    read = tfds.builder_from_directory(made)
    for split, count in COUNTS.items():
        assert read.info.splits[split].num_examples == count
        numbers = [int(example["number"]) for example in read.as_dataset(split=split)]
        assert sorted(numbers) == list(range(count))
        sizes = sum(len(shard.read_bytes()) for shard in made.glob(f"numbers-{split}.*"))
        assert read.info.splits[split].num_bytes == sizes - 16 * count
