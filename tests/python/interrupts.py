"""Presses Ctrl-C at every step of a call, and reports what is lost.

python interrupts.py FILE   prints which calls lose memory, descriptors or files beside FILE
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import itertools
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import tfr_index
from tfr_index import _iterate
from tfr_index._native import ffi

PACKAGE = str(Path(tfr_index.__file__).parent)

#: Makes a signal pending, as Ctrl-C does; takes any pointer.
CTRL_C = ffi.cast(
    "void(*)(void *)", ctypes.cast(ctypes.pythonapi.PyErr_SetInterrupt, ctypes.c_void_p).value
)


def interrupt(call: Callable[[], object], step: int) -> bool:
    """Runs a call with Ctrl-C pressed at a step, before a bytecode of the package's code.

    It raises KeyboardInterrupt; False if the call has fewer steps, True if the exception was lost.
    """
    steps, is_pressed = 0, False

    def trace(frame: FrameType, event: str, _argument: object) -> object:
        nonlocal steps, is_pressed
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            if steps == step:
                sys.settrace(None)
                is_pressed = True
                # Ctrl-C comes when this function has returned: destructors are C code, too.
                _pressed = ffi.gc(ffi.cast("void *", 1), CTRL_C)
                return None
            steps += 1
        return trace

    before = sys.gettrace()
    # Python 3.12 sends events of opcodes only if a frame asked for them beforehand.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return is_pressed


def every_interrupt(
    call: Callable[[], object], before: Callable[[], object] = lambda: None
) -> Iterator[KeyboardInterrupt]:
    """Interrupts a call at each of its steps; returns the exceptions that it raised."""
    for step in itertools.count():
        before()
        try:
            is_lost = interrupt(call, step)
        except KeyboardInterrupt as error:
            yield error
        else:
            assert not is_lost and step > 10
            return


def descriptors() -> int:
    """How many files are open. Connections to a server of an earlier test close when they will."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of this listing
            count += not os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    return count


class Material:
    """The data and objects for the calls, in their initial state."""

    def __init__(self, path: Path) -> None:
        self.path, self.index_path = path, f"{path}.idx"
        self.content = bytearray(path.read_bytes())
        self.memory = io.BytesIO(self.content)
        self.file = open(path, "rb")  # noqa: SIM115
        self.index = tfr_index.read_index(self.index_path)
        self.reader = tfr_index.Reader(path)
        # One thread: what Python loses when others end is not our concern.
        self.dataset = tfr_index.Dataset([path], threads=1)


def fail(_has: Material) -> None:
    with contextlib.suppress(tfr_index.TfrValueError):
        tfr_index.Index.from_text("no index")


#: What takes a native object, or borrows memory.
CALLS = {
    "read_index": lambda has: tfr_index.read_index(has.index_path),
    "scan": lambda has: tfr_index.scan(has.path),
    "scan with callbacks": lambda has: tfr_index.scan(
        has.path, progress=lambda *numbers: None, salvage=True, on_skipped=lambda damage: None
    ),
    "scan of a source": lambda has: tfr_index.scan(has.memory),
    "create_index": lambda has: tfr_index.create_index(has.path),
    "index_bytes": lambda has: tfr_index.index_bytes(has.content),
    "Index": lambda has: tfr_index.Index([(0, 21), (21, 16)]),
    "from_text": lambda has: tfr_index.Index.from_text("0 21\n21 16\n"),
    "to_text": lambda has: has.index.to_text(),
    "write": lambda has: has.index.write(has.index_path),
    "check": lambda has: has.index.check(has.path),
    "slice": lambda has: has.index[1:],
    "shuffle": lambda has: has.index.shuffle(7),
    "select": lambda has: has.index.select([1, 2]),
    "concat": lambda has: tfr_index.Index.concat([(has.index, len(has.content))] * 2),
    "Reader": lambda has: tfr_index.Reader(has.path),
    "Reader with an index": lambda has: tfr_index.Reader(has.path, has.index_path),
    "Reader of a file": lambda has: tfr_index.Reader(has.file),
    "Reader of memory": lambda has: tfr_index.Reader(has.content),
    "one": lambda has: has.reader[7],
    "many": lambda has: has.reader.read_many([7, 1]),
    "buffer": lambda has: has.reader.read_buffer([7, 1]),
    "all": lambda has: list(has.reader[:40]),
    "Reader.index": lambda has: tfr_index.Reader(has.path).index,
    "pickle": lambda has: pickle.loads(pickle.dumps(has.reader)),
    "Dataset": lambda has: tfr_index.Dataset([has.path], [has.index], threads=1),
    "Dataset with warnings": lambda has: tfr_index.Dataset([has.path], salvage=True, threads=1),
    "one of a data set": lambda has: has.dataset[7],
    "many of a data set": lambda has: has.dataset.read_many([7, 1]),
    "all of a data set": lambda has: list(has.dataset[:40]),
    "batches": lambda has: list(has.dataset[:40].batches(9)),
    "batches as buffers": lambda has: list(has.dataset.batches(100, buffers=True)),
    "pickle of a data set": lambda has: pickle.loads(pickle.dumps(has.dataset)),
    "Dataset.indexes": lambda has: has.dataset.indexes,
    "Indexer": lambda has: tfr_index.Indexer().push(has.content),
    "an error": fail,
}


class Allocations(ctypes.Structure):
    """struct mallinfo2 of the C library."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in "abcdefghij")


mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Allocations


def allocated() -> int:
    """Bytes allocated with malloc and not yet freed."""
    now = mallinfo()
    return now.e + now.h  # hblkhd and uordblks: large allocations and small ones


def main(path: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _iterate._SLOW = float(
        "inf"
    )  # no thread: what Python loses when a thread ends is not our concern
    has = Material(path)
    for name, call in CALLS.items():
        before = descriptors(), sorted(os.listdir(path.parent))
        used = []
        for _ in range(3):
            for _ in every_interrupt(lambda call=call: call(has)):
                pass
            gc.collect()
            used.append(allocated())
        if (descriptors(), sorted(os.listdir(path.parent))) != before:
            print(f"{name}: not as before: {before}")
        lost = [later - sooner for sooner, later in itertools.pairwise(used)]
        if min(lost) > 0:
            print(f"{name}: loses memory: {lost}")
        has.content.append(0)  # nobody has it borrowed
        has.content.pop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
