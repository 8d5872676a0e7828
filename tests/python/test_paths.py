"""Which files a call selects, where their indexes are, and which ones it creates."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import io
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import s3dlio
import tfr_index
from tfr_index import Dataset, Reader
from tfrecords import tfrecord

RECORDS = [b"first", b"", b"third"]
EVENTS = "events.out.tfevents.1700000000.host.1.0"


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "train.tfrecord"
    path.write_bytes(tfrecord(RECORDS))
    return path


def test_indexes_that_a_pattern_catches_are_left_out(data):
    tfr_index.create_index(data)
    shutil.copy(f"{data}.idx", f"{data}.tfindex")
    shutil.copy(f"{data}.idx", data.with_suffix(".tfindex"))
    everything = sorted(data.parent.iterdir())
    assert len(everything) == 4
    for paths in (f"{data.parent}/*", everything, [data.parent / "train*"]):
        assert [os.fsdecode(path) for path in Dataset(paths).paths] == [str(data)]
    # An index whose data is missing is not skipped silently.
    with pytest.raises(tfr_index.TfrError, match="not a TFRecord file but index"):
        Dataset(f"{data}.idx")


def test_a_file_that_is_given_twice_is_named(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    other = data.with_name("other.tfrecord")
    other.symlink_to(data)
    for paths, names in [
        ([data, data], f"{data}: is given twice"),
        ([data.name, other, f"./{data.name}"], f"{data.name}: is also given as ./{data.name};"),
        (["train*", data], f"train.tfrecord: is also given as {data};"),
        (["train*", "t*"], "train.tfrecord: is given twice"),
    ]:
        with pytest.raises(tfr_index.TfrValueError) as caught:
            Dataset(paths)
        assert str(caught.value).startswith(names)
        assert caught.value.path == names.split(":")[0]
    # Another name means another file; an index given explicitly is used as it is.
    assert len(Dataset([data, other])) == 6
    index = tfr_index.scan(data)
    assert list(Dataset([data, data], [index[:1], index[2:]])) == [b"first", b"third"]


def test_an_index_is_found_by_name(data):
    directory = data.parent / "index" / "train"  # as in DLIO
    directory.mkdir(parents=True)
    with pytest.raises(tfr_index.TfrFileNotFoundError) as caught:
        tfr_index.find_index(data, directory)
    assert caught.value.path == str(directory / "train.tfrecord.idx")
    assert f"there is no index of {data}" in str(caught.value)
    whole = tfr_index.scan(data)
    for number, name in enumerate(
        ["train.tfindex", "train.tfrecord.tfindex", "train.tfrecord.idx"]
    ):
        whole[number:].write(directory / name)
        assert tfr_index.find_index(data, directory) == str(directory / name)
        # It is given explicitly, so it may leave out records.
        reader = Reader(data, index_dir=directory)
        assert list(reader) == list(pickle.loads(pickle.dumps(reader))) == RECORDS[number:]
        assert list(Dataset([data], index_dir=os.fsencode(directory))) == RECORDS[number:]
    for wrong in (
        lambda: Reader(data, whole, index_dir=directory),
        lambda: Dataset([data], [whole], index_dir=directory),
        lambda: Reader(io.BytesIO(data.read_bytes()), index_dir=directory),
    ):
        with pytest.raises(tfr_index.TfrValueError, match="index_dir"):
            wrong()
    other = data.parent / "deep" / data.name
    other.parent.mkdir()
    other.write_bytes(data.read_bytes())
    with pytest.raises(FileNotFoundError, match=r"deep/train\.tfrecord\.idx"):
        Dataset(f"{data.parent}/**/*.tfrecord", index_dir=directory)
    (directory / "deep").mkdir()
    whole.write(directory / "deep" / "train.tfrecord.idx")
    assert (
        len(Dataset(data.parent, index_dir=directory)) == len(Reader(data, index_dir=directory)) + 3
    )


@pytest.mark.filterwarnings("error")
def test_an_index_of_another_tool_is_used_beside_the_data(data):
    path = data.with_suffix(".tfindex")
    path.write_text("0 21\n21 16\n37 21\n")
    assert list(Reader(data)) == RECORDS
    path.write_text("0 21\n")  # it counts as found, so it must have all records
    with pytest.raises(tfr_index.TfrWarning, match=r"train\.tfindex: .* this index is not used"):
        Reader(data)
    # An .idx comes first.
    tfr_index.create_index(data)
    assert list(Reader(data)) == RECORDS


def test_tensorboards_directory_gets_no_index_unasked(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    events = logs / EVENTS
    events.write_bytes(tfrecord(RECORDS))
    for create in (
        lambda: tfr_index.create_index(events),
        lambda: tfr_index.create_index(events, only="stale"),
        lambda: s3dlio.create_tfrecord_index(events),
        lambda: tfr_index.RecordWriter(events),
        lambda: tfr_index.RecordWriter(events, append=True),
    ):
        with pytest.raises(
            tfr_index.TfrValueError, match=r"TensorBoard would take .* give index_path"
        ):
            create()
    assert list(logs.iterdir()) == [events] and events.read_bytes() == tfrecord(RECORDS)
    assert tfr_index.create_index(events, tmp_path / "events.idx") == 3
    assert s3dlio.create_tfrecord_index(events, tmp_path / "events.idx") == 3
    assert list(Reader(events)) == RECORDS


def test_a_manifest_stands_for_its_files_and_a_set_must_be_complete(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    paths = [folder / f"train-0000{shard}-of-00002.tfrecord" for shard in range(2)]
    for path in paths:
        path.write_bytes(tfrecord(RECORDS))
    tfr_index.Manifest.build(folder).write(tmp_path / "sizes.json")
    dataset = Dataset(tmp_path / "sizes.json")
    assert len(dataset) == 6 and dataset.paths == [str(path) for path in paths]
    paths[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"or use allow_missing=True$"):
        Dataset(folder)
    assert len(Dataset(folder, allow_missing=True)) == 3


def test_only_what_is_missing_or_stale_is_made(data):
    index_path = Path(f"{data}.idx")

    def state() -> tuple[int, int]:
        status = index_path.stat()
        return status.st_ino, status.st_mtime_ns

    assert tfr_index.create_index(data, only="missing") == 3
    made = state()
    assert tfr_index.create_index(data, only="missing") is None
    assert tfr_index.create_index(data, index_path, only="stale") is None
    assert state() == made
    os.utime(index_path, ns=(0, data.stat().st_mtime_ns - 1))
    older = state()
    assert tfr_index.create_index(data, only="missing") is None and state() == older
    assert tfr_index.create_index(data, only="stale") == 3 and state() != older
    with data.open("ab") as file:
        file.write(tfrecord([b"more"]))
    os.utime(data, ns=(0, 0))
    assert tfr_index.create_index(data, only="missing") is None
    assert tfr_index.create_index(data, only="stale", resume=True) == 4
    index_path.write_text("no index")
    assert tfr_index.create_index(data, only="stale") == 4

    with pytest.raises(
        tfr_index.TfrValueError,
        match="only must be one of 'missing', 'stale', not 'new'",
    ):
        tfr_index.create_index(data, only="new")
    with pytest.raises(tfr_index.TfrValueError, match="needs the path of a file"):
        tfr_index.create_index(memoryview(data.read_bytes()), index_path, only="stale")
    data.unlink()
    with pytest.raises(FileNotFoundError):
        tfr_index.create_index(data, only="missing")


def test_many_processes_update_at_once(data):
    data.write_bytes(tfrecord([b"record %d" % number for number in range(5000)]))
    program = (
        "import sys, tfr_index\n"
        "for _ in range(20):\n"
        "    assert tfr_index.create_index(sys.argv[1], only='stale') in (5000, None)\n"
        "    assert len(tfr_index.read_index(sys.argv[1] + '.idx')) == 5000\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", program, data]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    assert sorted(path.name for path in data.parent.iterdir()) == [
        data.name,
        f"{data.name}.idx",
    ]


def test_a_resumed_index_with_nothing_new_is_not_touched(data):
    tfr_index.create_index(data)
    before = os.stat(f"{data}.idx")
    assert tfr_index.create_index(data, resume=True) == 3
    after = os.stat(f"{data}.idx")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_one_damaged_header_is_not_another_file(data):
    payloads = [b"x" * (1 + number % 50) for number in range(500)]
    data.write_bytes(tfrecord(payloads))
    index = tfr_index.scan(data)
    with data.open("r+b") as file:
        file.write(b"<!doctype ht")
    with pytest.raises(tfr_index.TfrError) as caught:
        index.check(data)
    assert (caught.value.status, caught.value.record) == ("TFR_ERR_LENGTH_CRC", 0)
    data.write_bytes(tfrecord(payloads, "zeros"))
    with data.open("r+b") as file:
        file.seek(index[-1][0])
        file.write(b"\x07")
    with pytest.raises(tfr_index.TfrError) as caught:
        index.check(data)
    assert (caught.value.status, caught.value.record) == ("TFR_ERR_LENGTH", 499)
    assert not isinstance(caught.value, tfr_index.TfrMismatch)
