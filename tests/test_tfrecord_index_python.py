"""The Python functions: s3dlio's four calls and tfr_index's own, their arguments and errors."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "quick")

import array
import contextlib
import copy
import errno
import importlib.metadata
import importlib.resources
import inspect
import mmap
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

import numpy
import pytest
import s3dlio
import tfr_index
from tfr_index import _library
from tfrecords import CHECKSUMS, frame, index_text, tfrecord, walk

DATA = tfrecord([b"first", b"", b"x" * 300])
ENTRIES = walk(DATA)
TEXT = index_text(ENTRIES)


@pytest.fixture
def path(tmp_path) -> Path:
    """A good file, alone in its directory."""
    path = tmp_path / "train.tfrecord"
    path.write_bytes(DATA)
    return path


# Signatures.


def test_shim_has_the_documented_signatures():
    pairs = list[tuple[int, int]]
    expected = {
        "create_tfrecord_index": ("tfrecord_path", "index_path=None", int),
        "read_tfrecord_index": ("index_path", pairs),
        "index_tfrecord_bytes": ("data", str),
        "get_tfrecord_index_entries": ("data", pairs),
    }
    assert sorted(s3dlio.__all__) == sorted(expected)
    for name, (*parameters, returns) in expected.items():
        function = getattr(s3dlio, name)
        found = inspect.signature(function).parameters.values()
        bare = [str(one.replace(annotation=one.empty)) for one in found]
        assert bare == parameters
        assert typing.get_type_hints(function)["return"] == returns


CHOICES = (
    "checksums='auto', progress=None, threads=0, salvage=False, allow_incomplete_tail=False, "
    "on_skipped=None"
)
REMOTE = "mode='auto', max_bytes=None"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        (
            "create_index",
            f"(tfrecord_path, index_path=None, *, only=None, {CHOICES}, resume=False, sync=False, "
            f"{REMOTE})",
        ),
        ("scan", f"(tfrecord_path, *, {CHOICES}, {REMOTE})"),
        ("index_bytes", f"(data, *, {CHOICES})"),
        ("read_index", "(index_path)"),
    ],
)
def test_package_has_the_documented_signatures(name, parameters):
    signature = inspect.signature(getattr(tfr_index, name))
    assert all(one.annotation is not one.empty for one in signature.parameters.values())
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == parameters
    assert signature.return_annotation is not signature.empty


def test_type_hints_are_shipped():
    assert importlib.resources.files("tfr_index").joinpath("py.typed").is_file()
    assert set(tfr_index.__all__) >= {"create_index", "read_index", "scan", "index_bytes"}
    assert set(tfr_index.__all__) >= {"Index", "TfrError"}


# Results.


def test_shim_creates_and_reads(path):
    count = s3dlio.create_tfrecord_index(str(path))
    assert type(count) is int and count == len(ENTRIES)
    assert Path(f"{path}.idx").read_bytes() == TEXT.encode()
    entries = s3dlio.read_tfrecord_index(f"{path}.idx")
    assert entries == ENTRIES
    assert type(entries) is list
    assert all(type(entry) is tuple for entry in entries)
    assert all(type(number) is int for entry in entries for number in entry)


def test_shim_indexes_bytes():
    text = s3dlio.index_tfrecord_bytes(DATA)
    assert type(text) is str and text == TEXT
    entries = s3dlio.get_tfrecord_index_entries(DATA)
    assert type(entries) is list and entries == ENTRIES
    assert all(type(entry) is tuple for entry in entries)


def test_explicit_index_path(path, tmp_path):
    index_path = tmp_path / "elsewhere" / "name"
    index_path.parent.mkdir()
    assert s3dlio.create_tfrecord_index(str(path), str(index_path)) == 3
    assert s3dlio.create_tfrecord_index(tfrecord_path=str(path), index_path=str(index_path)) == 3
    assert index_path.read_text() == TEXT
    assert not Path(f"{path}.idx").exists()
    assert tfr_index.create_index(path, index_path) == 3


def test_package_agrees_with_the_shim(path):
    assert tfr_index.create_index(path) == 3
    for index in (
        tfr_index.read_index(f"{path}.idx"),
        tfr_index.scan(path),
        tfr_index.index_bytes(DATA),
    ):
        assert type(index) is tfr_index.Index
        assert list(index) == ENTRIES


@pytest.mark.parametrize("kind", [os.fspath, os.fsencode, Path], ids=["str", "bytes", "PathLike"])
@pytest.mark.parametrize("name", ["plain", "späce and ünicode", "\udcff not UTF-8"])
def test_kinds_of_paths(tmp_path, kind, name):
    data, index = (kind(tmp_path / f"{name}.{ending}") for ending in ("tfrecord", "index"))
    Path(os.fsdecode(data)).write_bytes(DATA)
    assert s3dlio.create_tfrecord_index(data) == tfr_index.create_index(data, index) == 3
    assert s3dlio.create_tfrecord_index(data, index) == len(tfr_index.scan(data)) == 3
    assert s3dlio.read_tfrecord_index(index) == list(tfr_index.read_index(index)) == ENTRIES
    assert len(os.listdir(tmp_path)) == 3
    with pytest.raises(tfr_index.TfrError) as caught:
        tfr_index.read_index(data)
    assert os.fsencode(caught.value.path) == os.fsencode(data)


@contextlib.contextmanager
def mapped(data: bytes):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
            yield memory


@pytest.mark.parametrize(
    "kind",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(bytes(8) + data + bytes(8))[8:-8],
        lambda data: array.array("B", data),
        lambda data: numpy.frombuffer(data, numpy.uint8),
    ],
    ids=["bytes", "bytearray", "memoryview", "slice", "array", "numpy"],
)
def test_kinds_of_buffers(kind):
    data = kind(DATA)
    assert s3dlio.index_tfrecord_bytes(data) == TEXT
    assert s3dlio.get_tfrecord_index_entries(data) == ENTRIES
    assert list(tfr_index.index_bytes(data)) == ENTRIES
    assert len(tfr_index.index_bytes(kind(b""))) == 0


def test_mapped_file():
    with mapped(DATA) as memory:
        assert list(tfr_index.index_bytes(memory)) == s3dlio.get_tfrecord_index_entries(memory)


def test_buffers_are_let_go():
    data = bytearray(DATA)
    index = tfr_index.index_bytes(data)
    data.clear()  # raises BufferError if anything still holds the buffer
    assert list(index) == ENTRIES


def test_text_is_no_buffer():
    for call in (s3dlio.index_tfrecord_bytes, tfr_index.index_bytes):
        with pytest.raises(TypeError):
            call("0 16")


@pytest.mark.parametrize("checksums", CHECKSUMS)
def test_files_with_other_checksums(tmp_path, checksums):
    data = tfrecord([b"first", b"", b"third"], checksums)
    path = tmp_path / "other.tfrecord"
    path.write_bytes(data)
    assert s3dlio.create_tfrecord_index(str(path)) == 3
    assert s3dlio.read_tfrecord_index(f"{path}.idx") == walk(data)
    assert s3dlio.index_tfrecord_bytes(data) == index_text(walk(data))
    assert s3dlio.get_tfrecord_index_entries(data) == walk(data)


def test_empty_file(tmp_path):
    path = tmp_path / "empty.tfrecord"
    path.touch()
    assert s3dlio.create_tfrecord_index(str(path)) == 0
    assert Path(f"{path}.idx").read_bytes() == b""
    assert s3dlio.read_tfrecord_index(f"{path}.idx") == []
    assert s3dlio.index_tfrecord_bytes(b"") == ""
    assert s3dlio.get_tfrecord_index_entries(b"") == []


def test_index_gets_the_permissions_of_a_new_file(path):
    umask = os.umask(0o027)
    try:
        tfr_index.create_index(path)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(os.stat(f"{path}.idx").st_mode) == 0o640


# Errors.


def test_bad_data_names_file_record_and_offset(path):
    path.write_bytes(DATA[:-1])
    calls = [
        lambda: s3dlio.create_tfrecord_index(path),
        lambda: tfr_index.create_index(path),
        lambda: tfr_index.scan(path),
        lambda: tfr_index.index_bytes(DATA[:-1]),
        lambda: s3dlio.index_tfrecord_bytes(DATA[:-1]),
        lambda: s3dlio.get_tfrecord_index_entries(DATA[:-1]),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(tfr_index.TfrError) as caught:
            call()
        error = caught.value
        assert isinstance(error, RuntimeError)
        assert not isinstance(error, OSError | ValueError)
        assert (error.status, error.record, error.offset) == ("TFR_ERR_TRUNCATED", 2, 37)
        assert error.path == (str(path) if number < 3 else None)
        assert "record 2 at byte 37" in str(error)
        assert (str(path) in str(error)) == (number < 3)


def test_bad_index_names_the_line(tmp_path):
    path = tmp_path / "bad.idx"
    path.write_text("0 21\n\n21 sixteen\n")
    for call in (s3dlio.read_tfrecord_index, tfr_index.read_index):
        with pytest.raises(RuntimeError, match="line 3") as caught:
            call(path)
        error = caught.value
        assert (error.status, error.path) == ("TFR_ERR_INVALID_INDEX", str(path))
        assert (error.record, error.offset) == (1, 6)


def test_missing_file_is_file_not_found(tmp_path):
    missing = tmp_path / "missing"
    for call in (
        s3dlio.create_tfrecord_index,
        s3dlio.read_tfrecord_index,
        tfr_index.create_index,
        tfr_index.read_index,
        tfr_index.scan,
    ):
        with pytest.raises(FileNotFoundError) as caught:
            call(missing)
        error = caught.value
        assert isinstance(error, tfr_index.TfrError) and isinstance(error, RuntimeError)
        assert (error.errno, error.status) == (errno.ENOENT, "TFR_ERR_IO")
        assert error.path == error.filename == str(missing)
        assert (error.record, error.offset) == (None, None)
        assert str(missing) in str(error)


def test_folder_is_is_a_directory(path, tmp_path):
    for call in (
        lambda: tfr_index.scan(tmp_path),
        lambda: tfr_index.create_index(tmp_path),
        lambda: tfr_index.create_index(path, tmp_path),
        lambda: tfr_index.read_index(tmp_path),
        lambda: tfr_index.Index([]).write(tmp_path),
    ):
        with pytest.raises(IsADirectoryError) as caught:
            call()
        assert isinstance(caught.value, tfr_index.TfrError)
        assert caught.value.path == str(tmp_path)
    assert os.listdir(tmp_path) == [path.name]


@contextlib.contextmanager
def anybody():
    """Runs as a user to whom permissions apply: root becomes `nobody`."""
    user = os.geteuid()
    os.seteuid(user or 65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_forbidden_is_permission_error():
    folder = Path(tempfile.mkdtemp())
    try:
        data, secret, index = (folder / name for name in ("data", "secret", "data.idx"))
        data.write_bytes(DATA)
        data.chmod(0o444)
        secret.write_bytes(DATA)
        secret.chmod(0)
        folder.chmod(0o555)
        with anybody():
            assert len(tfr_index.scan(data)) == 3
            for call, culprit in (
                (lambda: tfr_index.scan(secret), secret),
                (lambda: tfr_index.read_index(secret), secret),
                (lambda: tfr_index.create_index(data), index),
                (lambda: s3dlio.create_tfrecord_index(data), index),
                (lambda: tfr_index.Index([]).write(index), index),
            ):
                with pytest.raises(PermissionError) as caught:
                    call()
                assert isinstance(caught.value, tfr_index.TfrError)
                assert caught.value.path == str(culprit)
        assert sorted(os.listdir(folder)) == ["data", "secret"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_bad_arguments_are_value_errors(path, tmp_path):
    os.link(path, tmp_path / "same")
    for call in (
        lambda: tfr_index.scan(path, checksums="some"),
        lambda: tfr_index.create_index(path, checksums=""),
        lambda: tfr_index.index_bytes(b"", checksums="AUTO"),
        lambda: tfr_index.create_index(path, path),
        lambda: tfr_index.create_index(path, tmp_path / "same"),
        lambda: tfr_index.scan("/dev/zero"),
        lambda: tfr_index.scan("nul\0byte"),
        lambda: tfr_index.read_index(b"nul\0byte"),
    ):
        with pytest.raises(ValueError):
            call()
    assert path.read_bytes() == DATA
    assert sorted(os.listdir(tmp_path)) == ["same", path.name]


def test_no_path_is_a_type_error():
    for call in (s3dlio.create_tfrecord_index, s3dlio.read_tfrecord_index, tfr_index.scan):
        with pytest.raises(TypeError):
            call(None)
        with pytest.raises(TypeError):
            call(1.5)


@pytest.mark.parametrize("old", [None, "0 16\n"])
@pytest.mark.parametrize(
    "bad", [DATA[:-1], DATA + b"stray", DATA[:21] + b"\1" + DATA[22:], b"\x1f\x8b\x08" + bytes(40)]
)
def test_failed_create_leaves_what_was_there(path, tmp_path, bad, old):
    path.write_bytes(bad)
    index = Path(f"{path}.idx")
    if old:
        index.write_text(old)
    before = index.stat() if old else None
    for call in (s3dlio.create_tfrecord_index, tfr_index.create_index):
        with pytest.raises(RuntimeError):
            call(path)
    assert sorted(os.listdir(tmp_path)) == sorted([path.name] + [index.name] * bool(old))
    if old:
        assert index.read_text() == old
        after = index.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_create_replaces_an_index(path, tmp_path):
    index = Path(f"{path}.idx")
    index.write_text("0 16\n" * 1000)
    with open(index) as held_open:
        tfr_index.create_index(path)
        assert index.read_text() == TEXT
        assert (
            held_open.read() == "0 16\n" * 1000
        )  # the file is replaced, so that readers keep the old one
    assert sorted(os.listdir(tmp_path)) == [path.name, index.name]


def errors(tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(frame(b"x")[:-1])
    for call in (
        lambda: tfr_index.scan(path),
        lambda: tfr_index.scan(tmp_path / "missing"),
        lambda: tfr_index.scan(tmp_path),
        lambda: tfr_index.scan(path, checksums="some"),
        lambda: tfr_index.create_index(path, path),
        lambda: tfr_index.Index.from_text("x"),
    ):
        with pytest.raises(tfr_index.TfrError) as caught:
            call()
        yield caught.value


def test_errors_can_be_pickled_and_copied(tmp_path):
    kinds = set()
    for error in errors(tmp_path):
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is type(error)
            assert str(again) == str(error)
            for name in ("status", "path", "record", "offset"):
                assert getattr(again, name) == getattr(error, name)
            if isinstance(error, OSError):
                assert (again.errno, again.filename) == (error.errno, error.filename)
        kinds.add(type(error))
    assert len(kinds) >= 4


# The package as a whole.


def test_versions():
    assert tfr_index.__version__ == importlib.metadata.version("tfr-index")
    _library.check_abi(1, 1)
    with pytest.raises(ImportError, match=r"ABI version 1, .* built\s+for 2"):
        _library.check_abi(1, 2)


def test_shim_gives_way_to_a_package_further_on_the_path(tmp_path):
    package = tmp_path / "s3dlio"
    package.mkdir()
    (package / "__init__.py").write_text("from . import part\nwhole = part.there\n")
    (package / "part.py").write_text("there = True\n")
    script = f"import sys; sys.path.append({str(tmp_path)!r}); import s3dlio; print(s3dlio.whole)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_what_progress_raises_keeps_its_cause():
    def progress(*numbers):
        raise LookupError("here") from KeyError("why")

    with pytest.raises(LookupError) as caught:
        tfr_index.index_bytes(b"", progress=progress)
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_entries_raise_arrives():
    def entries():
        yield (0, 16)
        raise OverflowError("mine")

    with pytest.raises(OverflowError, match="mine"):
        tfr_index.Index(entries())
