"""`Manifest`: built, written, read and refreshed; hostile files."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import json
import os
import pickle
import re

import pytest
import tfr_index
from tfr_index import Dataset, Manifest, ManifestRow
from tfrecords import tfrecord


def write(path, records):
    path.write_bytes(tfrecord([b"x"] * records))


@pytest.fixture
def data(tmp_path):
    """A directory with shards of 3, 0 and 2 records, the last one with an index."""
    data = tmp_path / "data"
    data.mkdir()
    for name, records in (("a", 3), ("b", 0), ("c", 2)):
        write(data / f"{name}.tfrecord", records)
    tfr_index.create_index(data / "c.tfrecord")
    return data


def test_a_manifest_is_a_sequence_of_rows(data):
    manifest = Manifest.build(data)
    assert (len(manifest), manifest.total_records) == (3, 5)
    stat = os.stat(data / "c.tfrecord")
    path = str(data / "c.tfrecord")
    expected = ManifestRow(path, stat.st_size, 2, stat.st_mtime_ns, f"{path}.idx")
    assert manifest[2] == manifest[-1] == expected and manifest.index(expected) == 2
    assert [row.records for row in manifest] == [3, 0, 2] and manifest[1:] == list(manifest)[1:]
    assert manifest[0].index_path is None
    assert repr(manifest) == "<Manifest of 3 shards, 5 records>"
    assert Manifest.build([data / "a.tfrecord"], threads=1).total_records == 3
    with pytest.raises(TypeError, match=r"Manifest\.build"):
        Manifest()


def test_a_manifest_is_pickled_with_its_rows(data):
    manifest = Manifest.build(data)
    rows = [*manifest, ManifestRow("none\udcff", 2**64 - 1, 1, None, None)]
    for other in (manifest, Manifest.from_rows(rows), Manifest.from_rows([])):
        copy = pickle.loads(pickle.dumps(other))
        assert copy == other and copy.total_records == other.total_records
    assert list(Manifest.from_rows(rows)) == rows
    assert len(Dataset(pickle.loads(pickle.dumps(manifest)))) == 5
    row = ManifestRow("a", 1, 2**64 - 1, None, None)
    with pytest.raises(tfr_index.TfrValueError, match="more than"):
        Manifest.from_rows([row, row])
    with pytest.raises(tfr_index.TfrValueError, match="records must be between 0"):
        Manifest.from_rows([row._replace(records=-1)])


def test_the_file_is_plain_json_and_can_be_moved(data, tmp_path):
    file = data / "train.manifest.json"
    Manifest.build(data).write(file)
    assert Manifest.read(file) == Manifest.build(data)
    shards = json.loads(file.read_text())["shards"]
    assert shards["path"] == ["a.tfrecord", "b.tfrecord", "c.tfrecord"]
    assert shards["mtime_ns"][0] == os.stat(data / "a.tfrecord").st_mtime_ns
    data.rename(tmp_path / "moved")
    moved = Manifest.read(tmp_path / "moved" / file.name)
    assert moved[0].path == str(tmp_path / "moved" / "a.tfrecord")
    assert moved.refresh() == ([], [], [], [], False)
    tfr_index.create_index(moved[0].path)
    assert moved.refresh() == ([], [], [], [moved[0].path], False)


def test_refresh_says_what_changed(data):
    manifest = Manifest.build(data)
    write(data / "a.tfrecord", 4)
    write(data / "d.tfrecord", 1)
    (data / "b.tfrecord").unlink()
    changes = manifest.refresh(data)
    assert changes.added == [str(data / "d.tfrecord")]
    assert changes.changed == [str(data / "a.tfrecord")]
    assert changes.gone == [str(data / "b.tfrecord")]
    assert not changes.reordered and [row.records for row in manifest] == [4, 2, 1]
    (data / "a.tfrecord").write_bytes(b"damage")
    before = list(manifest)
    with pytest.raises(tfr_index.TfrError, match=r"a\.tfrecord"):
        manifest.refresh()
    assert list(manifest) == before
    with pytest.raises(ZeroDivisionError):
        manifest.refresh(progress=lambda *_: 1 / 0)


@pytest.mark.parametrize(
    ("old", "new", "row", "message"),
    [
        ('"a.tfrecord"', '"/etc/passwd"', 0, "an absolute path"),
        ('"c.tfrecord"', '"../c.tfrecord"', 2, "leads out of the manifest's base"),
        ("[3,0,2]", "[3,0]", None, '2 in "records"'),
        ("[3,0,2]", "[3,0,-2]", 2, "expected an integer"),
        ('"version": 1', '"version": 2', None, "update tfr-index"),
        ("tfr-index manifest", "labels", None, "not a manifest"),
    ],
)
def test_what_is_no_manifest_is_refused(data, old, new, row, message):
    file = data / "train.manifest.json"
    Manifest.build(data).write(file)
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(tfr_index.TfrValueError, match=re.escape(message)) as caught:
        Manifest.read(file)
    error = caught.value
    assert (error.status, error.path, error.record) == ("TFR_ERR_INVALID_MANIFEST", str(file), row)


def test_counts_come_from_tfds_and_go_there(data):
    write(data / "x-train.tfrecord-00000-of-00001", 7)
    split = {"name": "train", "shardLengths": ["7"], "numBytes": "7"}
    (data / "dataset_info.json").write_text(json.dumps({"name": "x", "splits": [split]}))
    manifest = Manifest.from_tfds(data, "train")
    assert manifest.total_records == 7
    info = data / "dataset_info.json"
    assert Manifest.from_tfds(info, "train") == manifest
    assert len(tfr_index.Dataset(info, split="train")) == 7
    with pytest.raises(tfr_index.TfrValueError, match='no split "test"') as caught:
        tfr_index.Dataset(info, split="test")
    assert caught.value.path == str(info)
    manifest.write_tfds(data, "train")
    written = json.loads((data / "train-info.json").read_text())
    assert written.items() >= split.items()
    write(data / "x-train.tfrecord-00000-of-00001", 6)
    with pytest.raises(tfr_index.TfrMismatch, match=r"has 6 records, but .* says 7"):
        Manifest.from_tfds(data, "train")


def test_what_is_missing_is_left_out_if_that_is_allowed(data):
    file = data / "train.manifest.json"
    manifest = Manifest.build(data)
    manifest.write(file)
    (data / "c.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"c\.tfrecord"):
        manifest.refresh()
    dataset = Dataset(file, allow_missing=True)
    assert len(dataset) == len(pickle.loads(pickle.dumps(dataset))) == 3
    with pytest.raises(tfr_index.TfrValueError, match="cannot be given with"):
        Dataset(file, allow_missing=True, split="train")
    with pytest.raises(tfr_index.TfrValueError, match=r"call its refresh\(allow_missing=True\)"):
        Dataset(manifest, allow_missing=True)
    with pytest.raises(tfr_index.TfrValueError, match="needs paths"):
        manifest.refresh(pattern="*")
    assert manifest.refresh(allow_missing=True).gone == [str(data / "c.tfrecord")]
    assert len(Dataset(manifest)) == manifest.total_records == 3
    tfr_index.create_indexes(data, data.parent / "ix")
    assert len(manifest.refresh(index_dir=data.parent / "ix", allow_missing=True).indexed) == 2
    assert manifest[0].index_path == str(data.parent / "ix" / "a.tfrecord.idx")


def test_only_a_manifest_is_replaced(data):
    manifest = Manifest.build(data)
    shard = data / "a.tfrecord"
    before = shard.read_bytes()
    (data / "labels.json").write_text("[1]")
    for path, message in [
        (shard, r"must end with \.json"),
        (data / "labels.json", "not a manifest"),
    ]:
        with pytest.raises(tfr_index.TfrValueError, match=message):
            manifest.write(path)
    assert shard.read_bytes() == before and (data / "labels.json").read_text() == "[1]"


def test_indexes_are_given_for_the_files_of_a_manifest(tmp_path):
    for name in "ab":
        with tfr_index.RecordWriter(tmp_path / f"{name}.tfrecord") as writer:
            writer.write(b"one")
            writer.write(b"two")
    path = tmp_path / "x.manifest.json"
    Manifest.build(tmp_path).write(path)
    a, b = (tfr_index.scan(tmp_path / f"{name}.tfrecord") for name in "ab")
    b[1:].write(tmp_path / "b.txt")
    for index in ([a[::-1], tmp_path / "b.txt"], [a[::-1], b[1:]]):
        dataset = Dataset(path, index=index)
        for same in (dataset, pickle.loads(pickle.dumps(dataset))):
            assert list(same) == [b"two", b"one", b"two"]
    assert list(Dataset(path, index=[None, b[:1]])) == [b"one", b"two", b"one"]
    # They may select records, but the files must be those that the manifest lists.
    with tfr_index.RecordWriter(tmp_path / "a.tfrecord", append=True) as writer:
        writer.write(b"more")
    for index in ([a[:1], b], [tfr_index.scan(tmp_path / "a.tfrecord"), None]):
        with pytest.raises(tfr_index.TfrMismatch, match=r"a\.tfrecord: has \d+ bytes, but x\.man"):
            list(Dataset(path, index=index))
