"""The public names of the package, and their types under `mypy --strict`."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import pkgutil
import subprocess
import sys
import types
from pathlib import Path

import tfr_index

PROGRAM = """
from collections.abc import Iterator, Sequence
from typing import Any, assert_type

import tfr_index
from tfr_index import Bytes, BytesColumn, Columns, Dataset, Fit, Float, Index, Int64, Place, Ragged
from tfr_index import Reader, RecordWriter, Remainder, Skipped

skipped: list[Skipped] = []
assert_type(tfr_index.create_index("x", salvage=True, on_skipped=skipped.append), int)
index = tfr_index.read_index(b"x.idx")
assert_type(index[0], tuple[int, int])
assert_type(index[1:], Index)
assert_type(index.payload_sizes, memoryview)
assert_type(index.check("x", "full"), Fit)
remainder: Remainder = "drop"
assert_type(index.shard(0, 2, remainder=remainder), Index)

with Reader("x", index) as reader:
    assert_type(reader[0], bytes)
    assert_type(reader[::2], Reader)
    assert_type(reader.read_many([1, 0]), list[bytes])
    payloads: Iterator[bytes] = iter(reader)

with RecordWriter("y") as writer:
    writer.write(b"payload")

    writer.write_examples({"label": [1, 2], "name": ["a", "b"]})

dataset = Dataset("x-*", decode=len)
assert_type(dataset[0], int)
assert_type(dataset.read_many([1]), list[int])
assert_type(dataset.locate(0), Place)
assert_type(dataset.indexes, list[Index])
records: Sequence[int] = dataset

features = {"label": Int64(default=-1), "image": Bytes(), "box": Float(4)}
columns = dataset.read_columns(range(3), features)
assert_type(columns, Columns)
assert_type(Reader("x").read_columns([0], {b"label": Int64()}), Columns)
assert_type(columns.num_records, int)
for columns in dataset.batches(8, features=features):
    ragged: Ragged = columns["tokens"]
    image: BytesColumn = columns["image"]
    assert_type(len(ragged) + len(image), int)
rows: Dataset[dict[str, Any]] = Dataset("x-*", features=tfr_index.infer_features("x-*"))
assert_type(tfr_index.encode_example({"label": 7}), bytes)

assert_type(tfr_index.__version__, str)
"""

WRONG = """
import tfr_index

tfr_index.create_index("x", checksums="ful")
tfr_index.Reader("x")["0"]
tfr_index.lib
"""


def test_dir_is_the_public_names():
    assert dir(tfr_index) == sorted(tfr_index.__all__)
    assert [name for name in dir(tfr_index) if name.startswith("_")] == ["__version__"]


def test_help_and_pickles_name_the_package():
    for name in tfr_index.__all__:
        public = getattr(tfr_index, name)
        if isinstance(public, (type, types.FunctionType)):
            assert (public.__module__, public.__qualname__) == ("tfr_index", name)


def test_there_are_no_other_names():
    """The package exports none of the names that it imports."""
    public = {name for name in vars(tfr_index) if not name.startswith("_")}
    assert public == set(tfr_index.__all__) - {"__version__"}
    modules = {
        name for name, value in vars(tfr_index).items() if isinstance(value, types.ModuleType)
    }
    assert modules <= {found.name for found in pkgutil.iter_modules(tfr_index.__path__)}
    namespace: dict[str, object] = {}
    exec("from tfr_index import *", namespace)
    assert namespace.keys() - {"__builtins__"} == set(tfr_index.__all__)


def mypy(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "program.py"
    file.write_text(program)
    options = ["--strict", "--cache-dir", directory / "cache", "--config-file", ""]
    command = [sys.executable, "-m", "mypy", *options, file]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_a_program_is_checked_strictly(tmp_path):
    done = mypy(PROGRAM, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = mypy(WRONG, tmp_path)
    lines = [line.split(":")[1] for line in done.stdout.splitlines() if ": error: " in line]
    assert lines == ["4", "5", "6"], done.stdout + done.stderr
