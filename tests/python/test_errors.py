"""Errors from other processes keep their type, message and attributes."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import concurrent.futures
import copy
import multiprocessing
import pickle
import subprocess
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path

import pytest
import tfr_index
from tfrecords import tfrecord

NAMES = ["status", "path", "record", "offset", "format", "stored_crc", "computed_crc"]
OF_THE_SYSTEM = ["errno", "strerror", "filename"]


def no_tfrecord(path: str) -> None:
    Path(path).write_text("a text that is no TFRecord")
    tfr_index.scan(path)


def damaged(path: str) -> None:
    data = bytearray(tfrecord([b"x"] * 10))
    data[17 * 7 + 3] ^= 1
    Path(path).write_bytes(data)
    tfr_index.scan(path)


def missing(path: str) -> None:
    tfr_index.scan(path)


def no_index(path: str) -> None:
    tfr_index.Index.from_text("0 21\nno index")


def mismatch(path: str) -> None:
    Path(path).write_bytes(tfrecord([b"x"] * 3))
    tfr_index.Index([(0, 17)]).check(path)


CALLS = [no_tfrecord, damaged, missing, no_index, mismatch]


def error_of(call: Callable[[str], None], path: str) -> tfr_index.TfrError:
    with pytest.raises(tfr_index.TfrError) as caught:
        call(path)
    return caught.value


def attributes(error: tfr_index.TfrError) -> list[object]:
    return [getattr(error, name, None) for name in NAMES + OF_THE_SYSTEM]


def expect_equal(found: BaseException, error: tfr_index.TfrError) -> None:
    assert type(found) is type(error)
    assert attributes(found) == attributes(error)


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "it's\n\udcff.tfrecord")


@pytest.mark.parametrize("call", CALLS)
def test_copies_are_whole(call, path):
    error = error_of(call, path)
    error.add_note("a note")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(6)]
    for found in [*copies, copy.copy(error), copy.deepcopy(error)]:
        expect_equal(found, error)
        assert (str(found), found.__notes__) == (str(error), ["a note"])
    expect_equal(type(error)(*error.args), error)


@pytest.mark.parametrize("call", CALLS)
def test_other_processes_raise_whole_errors(call, path):
    context = multiprocessing.get_context("spawn")
    with (
        concurrent.futures.ProcessPoolExecutor(1, context) as pool,
        pytest.raises(tfr_index.TfrError) as caught,
    ):
        pool.submit(call, path).result()
    error = error_of(call, path)
    expect_equal(caught.value, error)
    assert str(caught.value) == str(error)


WITH_TBLIB = """
import pickle, sys
sys.path[:0] = sys.argv[2:]
import tblib.pickling_support
from test_errors import CALLS, error_of, expect_equal

tblib.pickling_support.install()
for call in CALLS:
    error = error_of(call, sys.argv[1])
    found = pickle.loads(pickle.dumps(error))
    expect_equal(found, error)
    assert str(found) == str(error) and found.__traceback__.tb_next is not None
"""


def test_tblib_keeps_errors_whole(tmp_path):
    path = str(tmp_path / "x.tfrecord")
    here = Path(__file__).resolve().parent
    command = [sys.executable, "-c", WITH_TBLIB, path, here, here.with_name("support")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("call", CALLS)
def test_a_message_that_is_a_worker_s_traceback_keeps_the_attributes(call, path, monkeypatch):
    """As in PyTorch's DataLoader; tests/integration/test_torch.py has the real one."""
    error = error_of(call, path)
    assert not hasattr(error, "__notes__")  # outside of workers there is no note
    package = types.ModuleType("torch.utils.data")
    package.get_worker_info = lambda: "a worker"
    monkeypatch.setitem(sys.modules, package.__name__, package)
    in_worker = error_of(call, path)
    lines = "".join(traceback.format_exception(in_worker))
    monkeypatch.undo()
    found = type(in_worker)(f"Caught it in DataLoader worker process 0.\nOriginal {lines}")
    expect_equal(found, error)
    expect_equal(pickle.loads(pickle.dumps(found)), error)


@pytest.mark.parametrize("line", ["{", "7", "[1]", "null", '{"recor": 1}', ""])
def test_a_line_that_only_looks_like_it_is_no_trouble(line):
    error = tfr_index.TfrError(f"a message\ntfr_index error: {line}")
    assert (error.status, error.record) == ("TFR_UNKNOWN_STATUS", None)
