"""`reshard`: what it writes, what it reports, and what it refuses."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import errno
import gzip
import json
import os
import warnings
from pathlib import Path

import pytest
import tfr_index
from tfr_index import Permutation, reshard
from tfrecords import tfrecord

PAYLOADS = [bytes([i]) * (i % 7) for i in range(50)]


@pytest.fixture
def old(tmp_path) -> list[Path]:
    """Two files of 25 records each."""
    paths = [tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"]
    for path, payloads in zip(paths, (PAYLOADS[:25], PAYLOADS[25:]), strict=True):
        path.write_bytes(tfrecord(payloads))
    return paths


def read(directory: Path, name: str = "train") -> list[list[bytes]]:
    """The payloads of the new files, each read by its index."""
    manifest = json.loads((directory / f"{name}.manifest.json").read_text())
    shards = sorted(directory.glob(f"{name}-*.tfrecord"))
    found = []
    for path in shards:
        index = tfr_index.read_index(f"{path}.idx")
        index.check(path, level="full")
        found.append(list(tfr_index.Reader(path, index)))
    assert manifest["total_records"] == sum(map(len, found))
    return found


def flat(shards: list[list[bytes]]) -> list[bytes]:
    return [payload for shard in shards for payload in shard]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_in_order_and_shuffled(old, tmp_path):
    manifest = reshard(old, tmp_path / "new", shards=3, sync=True)
    assert manifest == str(tmp_path / "new" / "train.manifest.json")
    shards = read(tmp_path / "new")
    assert [len(shard) for shard in shards] == [16, 17, 17]
    assert flat(shards) == PAYLOADS

    size = sum(len(payload) + 16 for payload in PAYLOADS)
    reshard(map(str, old), tmp_path / "mix", shard_bytes=size // 4 + 1, shuffle=7, name="x")
    shards = read(tmp_path / "mix", "x")
    assert len(shards) == 4
    assert flat(shards) == [PAYLOADS[i] for i in Permutation(50, 7)]


def test_gzip(old, tmp_path):
    new = tmp_path / "new"
    manifest = reshard(old, new, shards=3, shuffle=7, compression="gzip")
    paths = [new / f"train-0000{shard}-of-00003.tfrecord.gz" for shard in range(3)]
    beside = [Path(f"{path}{end}") for path in paths for end in ("", ".idx", ".seek")]
    assert sorted(new.iterdir()) == sorted([*beside, Path(manifest)])
    shuffled = [PAYLOADS[record] for record in Permutation(50, 7)]
    assert b"".join(gzip.decompress(path.read_bytes()) for path in paths) == tfrecord(shuffled)
    for source in (manifest, new, f"{new}/*.gz", f"{new}/train*"):
        assert list(tfr_index.Dataset(source)) == shuffled
    again = reshard([new], tmp_path / "plain", shards=1)
    assert list(tfr_index.Dataset(again)) == shuffled


def test_indexes_select_records(old, tmp_path):
    tfr_index.scan(old[1]).select([3, 1, 3]).write(tmp_path / "some.idx")
    reshard(old, tmp_path / "new", shards=1, indexes=[None, tmp_path / "some.idx"])
    assert read(tmp_path / "new") == [[*PAYLOADS[:25], PAYLOADS[28], PAYLOADS[26], PAYLOADS[28]]]


def test_paths_mean_what_they_mean_for_a_data_set(old, tmp_path):
    (tmp_path / "indexes").mkdir()
    for path in old:
        tfr_index.scan(path)[::-1].write(tmp_path / "indexes" / f"{path.name}.idx")
    backwards = PAYLOADS[24::-1] + PAYLOADS[:24:-1]
    for number, paths in enumerate((tmp_path, f"{tmp_path}/{{a,b}}.tfrecord", old)):
        new = tmp_path.parent / f"{tmp_path.name}-new" / str(number)
        new.parent.mkdir(exist_ok=True)
        reshard(paths, new, shards=2, index_dir=tmp_path / "indexes", pattern="?.tfrecord")
        assert flat(read(new)) == backwards
    with pytest.raises(tfr_index.TfrValueError, match="indexes and index_dir cannot both"):
        reshard(old, new, shards=1, indexes=[None] * 2, index_dir=tmp_path)
    with pytest.raises(tfr_index.TfrValueError, match="indexes has 1 items for 2 files"):
        reshard(old, new, shards=1, indexes=[None])
    tfr_index.Manifest.build(old[::-1]).write(tmp_path / "ba.manifest.json")
    reshard(tmp_path / "ba.manifest.json", tmp_path / "copy", shards=1)
    assert flat(read(tmp_path / "copy")) == PAYLOADS[25:] + PAYLOADS[:25]
    old[0].rename(tmp_path / "t-00001-of-00002")
    with pytest.raises(FileNotFoundError):
        reshard(f"{tmp_path}/t-*", tmp_path / "t", shards=1)
    reshard(f"{tmp_path}/t-*", tmp_path / "t", shards=1, allow_missing=True)
    assert flat(read(tmp_path / "t")) == PAYLOADS[:25]


def test_damage(old, tmp_path):
    data = bytearray(old[0].read_bytes())
    data[16 + 12] ^= 1  # the payload of record 1
    old[0].write_bytes(data)
    with pytest.raises(tfr_index.TfrError) as caught:
        reshard(old, tmp_path / "new", shards=2)
    assert (caught.value.path, caught.value.record, caught.value.offset) == (str(old[0]), 1, 16)
    assert names(tmp_path) == ["a.tfrecord", "b.tfrecord"]
    with pytest.warns(tfr_index.TfrWarning) as warned:
        reshard(old, tmp_path / "new", shards=2, salvage=True)
    assert [warning.message.error.record for warning in warned] == [1]
    assert flat(read(tmp_path / "new")) == PAYLOADS[:1] + PAYLOADS[2:]


def test_files_without_checksums(old, tmp_path):
    old[1].write_bytes(b"\1" + bytes(11) + b"x" + bytes(4))
    with pytest.raises(tfr_index.TfrError):
        reshard(old, tmp_path / "new", shards=2, checksums="full")
    with pytest.warns(tfr_index.TfrWarning, match="without valid checksums") as warned:
        reshard(old, tmp_path / "new", shards=2)
    assert [warning.message.error.path for warning in warned] == [str(old[1])]
    assert flat(read(tmp_path / "new")) == [*PAYLOADS[:25], b"x"]


def test_progress_and_cancelling(old, tmp_path):
    seen = []
    reshard(old, tmp_path / "new", shards=2, progress=lambda *at: seen.append(at))
    assert seen[-1][0] == seen[-1][1] and seen[-1][2] == 50

    def fail(*_at):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reshard(old, tmp_path / "newer", shards=2, progress=fail)
    with pytest.raises(tfr_index.TfrCancelled):
        reshard(old, tmp_path / "newer", shards=2, progress=lambda *_at: True)
    assert names(tmp_path) == ["a.tfrecord", "b.tfrecord", "new"]


def test_what_is_refused(old, tmp_path):
    new = tmp_path / "new"
    for arguments in (
        {},
        {"shards": 1, "shard_bytes": 1},
        {"shards": 0},
        {"shards": -1},
        {"shards": 51},
        {"shards": 1, "shuffle": -1},
        {"shards": 1, "name": "a/b"},
        {"shards": 1, "checksums": "none"},
        {"shards": 1, "indexes": [None]},
    ):
        with pytest.raises(tfr_index.TfrValueError):
            reshard(old, new, **arguments)
    with pytest.raises(TypeError):
        reshard(old, new, shards=1.5)
    with pytest.raises(tfr_index.TfrFileNotFoundError):
        reshard([tmp_path / "none"], new, shards=1)
    assert names(tmp_path) == ["a.tfrecord", "b.tfrecord"]
    with pytest.raises(tfr_index.TfrOSError) as caught:
        reshard(old, tmp_path, shards=1)
    assert caught.value.errno == errno.ENOTEMPTY


def test_a_directory_inside_the_data_set_is_mentioned(old, tmp_path):
    with pytest.raises(OSError, match=r"Directory not empty.*give the path of a new or empty"):
        reshard(tmp_path, tmp_path, shards=1)
    assert names(tmp_path) == ["a.tfrecord", "b.tfrecord"]
    new = tmp_path / "new"
    text = f"{new}: is in {tmp_path}, so {tmp_path} now has both data sets"
    with pytest.warns(tfr_index.TfrWarning) as issued:
        reshard(iter([str(tmp_path)]), new, shards=1)
    assert [str(warning.message) for warning in issued] == [text]
    assert flat(read(new)) == PAYLOADS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reshard(new, tmp_path / "newer", shards=1)
        reshard([os.fsencode(path) for path in old], tmp_path / "other", shards=1)


def test_a_file_that_was_cut_is_not_copied(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    paths = [data / f"x-train.tfrecord-0000{number}-of-00002" for number in (0, 1)]
    for path in paths:
        path.write_bytes(tfrecord(PAYLOADS[:25]))
    split = {"name": "train", "shardLengths": ["25", "25"]}
    info = data / "dataset_info.json"
    info.write_text(json.dumps({"name": "x", "splits": [split]}))
    manifest = tmp_path / "all.manifest.json"
    tfr_index.Manifest.build(data).write(manifest)
    paths[1].write_bytes(tfrecord(PAYLOADS[:20]))
    tfr_index.create_indexes(data, tmp_path / "indexes")
    for found in (data, info, manifest):
        lists = manifest.name if found == manifest else info.name
        for more in ({}, {"index_dir": tmp_path / "indexes"}, {"indexes": [None, None]}):
            with pytest.raises(tfr_index.TfrMismatch, match=lists) as caught:
                reshard(found, tmp_path / "new", shards=2, **more)
            assert caught.value.path == str(paths[1])
        with pytest.warns(tfr_index.TfrWarning, match=f"has 20 records, but {lists} says 25"):
            reshard(found, tmp_path / f"new-{found.name}", shards=2, salvage=True)
        with pytest.raises(tfr_index.TfrMismatch, match=lists):
            tfr_index.Manifest.build(found, index_dir=tmp_path / "indexes")
        with pytest.raises(tfr_index.TfrMismatch, match=lists):
            tfr_index.Manifest.build(found)
    for more in ({"index": [None, None]}, {"index_dir": tmp_path / "indexes"}):
        with pytest.raises(tfr_index.TfrMismatch, match="dataset_info"):
            tfr_index.Dataset(data, **more)
    with pytest.warns(
        tfr_index.TfrWarning, match=r"has 20 records, but dataset_info\.json says 25"
    ):
        assert len(tfr_index.Dataset(data, salvage=True)) == 45
    # Indexes that select records have fewer than the list says.
    paths[1].write_bytes(tfrecord(PAYLOADS[:25]))
    chosen = tmp_path / "chosen.idx"
    tfr_index.scan(paths[1]).select([3]).write(chosen)
    reshard(data, tmp_path / "chosen", shards=2, indexes=[None, chosen])
    assert len(flat(read(tmp_path / "chosen"))) == 26


def test_no_warnings_without_a_reason(old, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reshard(old, tmp_path / "new", shards=2)
