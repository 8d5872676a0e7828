"""The indexes of many files at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tfr_index
from tfr_index import Created, TfrCancelled, TfrError, TfrFileNotFoundError, create_indexes
from tfrecords import sparse_tfrecord, tfrecord


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Files of 0, 1, 2… records; the fourth is damaged."""
    paths = [tmp_path / f"train-{number}.tfrecord" for number in range(8)]
    for number, path in enumerate(paths):
        path.write_bytes(tfrecord([b"x" * number] * number))
    paths[3].write_bytes(b"damaged, and no TFRecord file")
    return paths


def ensure_right(created: list[Created], paths: list[Path]) -> None:
    assert [file.path for file in created] == [os.fspath(path) for path in paths]
    for number, (file, path) in enumerate(zip(created, paths, strict=True)):
        assert file.index_path == f"{path}.idx"
        if number == 3:
            assert (file.records, file.bytes) == (None, 0)
            assert isinstance(file.error, TfrError)
            assert file.error.path == file.path
        else:
            assert (file.records, file.error) == (number, None)
            assert file.bytes == path.stat().st_size
            assert list(tfr_index.read_index(file.index_path)) == list(tfr_index.scan(path))


def test_a_dry_run_changes_nothing(paths):
    for _ in range(2):
        planned = create_indexes(paths, dry_run=True)
        assert all(file.planned and file.records is None and file.error is None for file in planned)
    assert not any(Path(file.index_path).exists() for file in planned)
    create_indexes(paths[:2])
    planned = create_indexes(paths, dry_run=True, update=True)
    assert [file.planned for file in planned] == [False] * 2 + [True] * (len(paths) - 2)
    assert not any(file.planned for file in create_indexes(paths))


def test_which_files_count_in_a_directory(paths):
    folder = paths[0].parent
    for path in paths[:2]:
        path.rename(path.with_suffix(".tfr"))
    folder.joinpath("t-00000-of-00002.tfr").write_bytes(b"")
    with pytest.raises(TfrFileNotFoundError, match="t-00001-of-00002"):
        create_indexes(folder, pattern="*.tfr")
    created = create_indexes(folder, pattern="*.tfr", allow_missing=True)
    assert len(created) == 3 and all(file.path.endswith(".tfr") for file in created)


@pytest.mark.parametrize("jobs", [0, 1, 3])
def test_each_file_has_a_result_in_order(paths: list[Path], jobs: int) -> None:
    ensure_right(create_indexes(paths, jobs=jobs), paths)
    again = create_indexes(paths, jobs=jobs, update=True)
    assert [file.records for file in again] == [None] * 8
    assert [file.error is None for file in again] == [number != 3 for number in range(8)]


def test_indexes_go_to_a_directory(paths: list[Path], tmp_path: Path) -> None:
    created = create_indexes(paths[:3], tmp_path / "new" / "indexes")
    assert all(Path(file.index_path).is_file() for file in created)
    assert {Path(file.index_path).parent for file in created} == {tmp_path / "new" / "indexes"}


def test_the_first_error_is_raised_if_asked(paths: list[Path]) -> None:
    with pytest.raises(TfrError, match=r"train-3\.tfrecord"):
        create_indexes(paths, on_error="raise", jobs=1)
    with pytest.raises(ValueError, match="on_error"):
        create_indexes(paths, on_error="ignore")  # type: ignore[arg-type]
    with pytest.raises(TfrFileNotFoundError):
        create_indexes(os.fspath(paths[0].with_name("none-*.tfrecord")))


def test_progress_cancels_or_raises(paths: list[Path]) -> None:
    with pytest.raises(TfrCancelled):
        create_indexes(paths, progress=lambda done, _total: done == 2)

    def fail(done: int, total: int) -> None:
        raise LookupError(done, total)

    with pytest.raises(LookupError, match=r"1, 8"):
        create_indexes(paths, progress=fail)
    with pytest.raises(TypeError, match="progress"):
        create_indexes(paths, progress=7)  # type: ignore[arg-type]


def test_a_bar_is_shown_where_tqdm_is(paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    ensure_right(create_indexes(paths, progress=True), paths)

    class Bar:
        def __init__(self, total: int, unit: str) -> None:
            assert (total, unit) == (8, "file")
            bars.append(self)
            self.done, self.is_closed = 0, False

        def update(self, count: int) -> None:
            self.done += count

        def close(self) -> None:
            self.is_closed = True

    bars: list[Bar] = []
    module = type(sys)("tqdm.auto")
    module.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm", type(sys)("tqdm"))
    monkeypatch.setitem(sys.modules, "tqdm.auto", module)
    create_indexes(paths, progress=True)
    assert [(bar.done, bar.is_closed) for bar in bars] == [(8, True)]


def test_damage_is_counted_for_each_file(paths: list[Path]) -> None:
    good = tfrecord([b"one"])
    paths[5].write_bytes(good + b"x" * 40 + good)
    created = create_indexes(paths[4:6], salvage=True)
    assert [(file.records, file.skipped_regions) for file in created] == [(4, 0), (2, 1)]


SLOW = """
import sys
from tfr_index import create_indexes
print("begun", flush=True)
create_indexes(sys.argv[1:], checksums="full")
"""


def test_ctrl_c_ends_the_work(tmp_path: Path) -> None:
    """Each file has one record that takes minutes to check, but no disk space."""
    for name in ("a", "b"):
        sparse_tfrecord(tmp_path / name, 1 << 38)
    command = [sys.executable, "-c", SLOW, tmp_path / "a", tmp_path / "b"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate()
    assert b"KeyboardInterrupt" in stderr
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
