"""Every row of the tables of good and bad input, through the Python functions."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import s3dlio
import tfr_index

DATA = Path(__file__).resolve().parents[1] / "data"


def rows(name: str) -> list[dict[str, str]]:
    head, *lines = (DATA / name).read_text().splitlines()
    names = head.removeprefix("# ").split("\t")
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines]


HOSTILE = rows("hostile.tsv")
HOSTILE_INDEX = rows("hostile_index.tsv")
POLICIES = list(HOSTILE[0])[2:]


def outcome(call: Callable[[], Iterable[tuple[int, int]]]) -> str:
    """The outcome of a call, in the tables' notation."""
    try:
        entries = call()
    except tfr_index.TfrError as error:
        return f"{error.status}:{error.record}:{error.offset}"
    return "ok:" + ",".join(f"{offset}+{size}" for offset, size in entries)


def test_tables_are_what_their_script_writes():
    script = [sys.executable, DATA / "make_hostile.py", "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_tables_are_not_empty():
    assert POLICIES == ["auto", "none", "length", "full"]
    assert len(HOSTILE) > 500 and len(HOSTILE_INDEX) > 50


@pytest.mark.parametrize("policy", POLICIES)
def test_data_in_memory(policy, capfd):
    for row in HOSTILE:
        data = bytes.fromhex(row["hex"])
        found = outcome(lambda data=data: tfr_index.index_bytes(data, checksums=policy))
        assert found == row[policy], row["name"]
    assert capfd.readouterr() == ("", "")  # a library prints nothing


@pytest.mark.parametrize("policy", POLICIES)
def test_data_in_files(policy, tmp_path, capfd):
    path, index = tmp_path / "data", tmp_path / "data.idx"
    failed = 0
    for row in HOSTILE:
        path.write_bytes(bytes.fromhex(row["hex"]))
        assert outcome(lambda: tfr_index.scan(path, checksums=policy)) == row[policy], row["name"]

        def create():
            tfr_index.create_index(path, checksums=policy)
            return tfr_index.read_index(index)

        index.write_text("what was there")
        assert outcome(create) == row[policy], row["name"]
        if not row[policy].startswith("ok:"):
            assert index.read_text() == "what was there", row["name"]
            failed += 1
        assert sorted(os.listdir(tmp_path)) == ["data", "data.idx"], row["name"]
        index.unlink()
        assert outcome(create) == row[policy], row["name"]
        assert index.exists() == row[policy].startswith("ok:"), row["name"]
        index.unlink(missing_ok=True)
        assert os.listdir(tmp_path) == ["data"], row["name"]
    assert 0 < failed < len(HOSTILE)
    assert capfd.readouterr() == ("", "")


def test_data_through_the_shim(tmp_path):
    path = tmp_path / "data"
    for row in HOSTILE:
        data = bytes.fromhex(row["hex"])
        path.write_bytes(data)

        def create(data=data):
            s3dlio.create_tfrecord_index(str(path))
            assert s3dlio.index_tfrecord_bytes(data) == Path(f"{path}.idx").read_text()
            return s3dlio.read_tfrecord_index(f"{path}.idx")

        assert outcome(create) == row["auto"], row["name"]
        entries = outcome(lambda data=data: s3dlio.get_tfrecord_index_entries(data))
        assert entries == row["auto"], row["name"]


def test_index_text(tmp_path):
    path = tmp_path / "some.idx"
    for row in HOSTILE_INDEX:
        text = bytes.fromhex(row["hex"])
        path.write_bytes(text)
        for call in (
            lambda text=text: tfr_index.Index.from_text(text),
            lambda: tfr_index.read_index(path),
            lambda: s3dlio.read_tfrecord_index(str(path)),
        ):
            assert outcome(call) == row["outcome"], row["name"]
