"""`RecordWriter`: TFRecord files written with their indexes."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from array import array
from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate
from types import TracebackType
from typing import Self, final

from ._errors import TfrError, TfrValueError
from ._library import (
    CData,
    borrow,
    call,
    encode_path,
    ensure_own_process,
    ffi,
    lib,
    make,
)
from ._options import with_options
from ._typing import Buffer, Path

__all__ = ["RecordWriter"]

#: Payloads are joined and passed on when they are about this size together; a larger one alone.
_BATCH = 64 << 10

_NULL, _OPEN = ffi.NULL, lib.TFR_UNKNOWN
_write = lib.tfr_writer_write
_write_many = lib.tfr_writer_write_many


@final
class RecordWriter:
    r"""Writes records to a TFRecord file, and the file's index along with it.

    Checksums are valid, and nothing is read again. `close` puts data and index in their places, the
    data first, each complete or not at all, and replaces older ones. A writer that is abandoned, by
    `abandon`, by an exception inside its `with` block, or because it is garbage, leaves no trace:
    older files are unchanged. A killed process leaves at most a temporary file, which the next
    writer of the same file removes.

    The writer buffers records, and writes many of them from a thread of its own. So one of the next
    calls raises an error, `flush` or `close` at the latest. All calls after it fail too, including
    `close`, and nothing is left of what was written.

    With `append=True` the records are written at the end of an existing file, or of a new one, and
    the index then has all of them. The index is checked as by `create_index(..., resume=True)`,
    and what it lacks is scanned: the file must consist of complete records with valid checksums.
    The file grows while it is written; abandoning the writer truncates it to its old size. A killed
    process leaves the old index and what it had written; `create_index(..., resume=True,
    allow_incomplete_tail=True)` completes the index.

    Args:
        path: the TFRecord file.
        index_path: its index; `path` with ".idx" appended if it is None. An event file of
            TensorBoard needs one, as with `create_index`.
        append: write at the end of an existing file.
        sync: `close` waits until data and index are on the disk, as `create_index` does.

    Raises:
        TfrOSError: a file cannot be created; more exactly, for instance, TfrPermissionError. Its
            `errno` is EBUSY if another writer writes it, or something creates its index.
        TfrValueError: both paths lead to one file.
        TfrMismatch: the index is not that of the existing file.
        TfrError: the existing file does not consist of complete records.

    Threads: many threads may use one writer at once; their records do not mix.
    In a forked process all calls raise TfrValueError, and the files are unchanged; a `with` block
    that ends there with an exception lets it pass.

    Examples:
        >>> import os, tempfile, tfr_index
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "train.tfrecord")
        ...     with RecordWriter(path) as writer:
        ...         writer.write(b"hello")
        ...         writer.write_many([b"", b"abc"])
        ...     with RecordWriter(path, append=True) as writer:
        ...         writer.write(b"one more")
        ...     tfr_index.read_index(path + ".idx").check(path, "full").uncovered_bytes
        ...     list(tfr_index.read_index(path + ".idx"))
        0
        [(0, 21), (21, 16), (37, 19), (56, 24)]
    """

    __slots__ = (
        "__weakref__",
        "_ended",
        "_gathered",
        "_limit",
        "_lock",
        "_native",
        "_process",
        "_size",
    )

    _native: CData
    #: A number of C: _OPEN, until the writer is closed or abandoned. The native call that finishes
    #: the file sets it, so that Ctrl-C leaves no doubt. Its destructor warns of a writer that was
    #: not closed: a `__del__` of every writer would swallow a Ctrl-C that comes when one goes.
    _ended: CData
    #: What `write` was given and the native writer has not, and about the size of that.
    _gathered: list[bytes]
    _size: int
    #: The size at which it is passed on; 0 once the writer is closed, or failed.
    _limit: int
    #: The process that the writer belongs to; 0 in one that was forked from it.
    _process: int
    #: Guards what is passed on. Re-entrant: a signal handler may pass something on while its own
    #: thread does. `_own_lock` returns it.
    _lock: threading.RLock

    def __init__(
        self,
        path: Path,
        index_path: Path | None = None,
        *,
        append: bool = False,
        sync: bool = False,
    ) -> None:
        data = encode_path(path)
        target = _NULL if index_path is None else encode_path(index_path)
        open_it = lib.tfr_writer_append if append else lib.tfr_writer_create
        self._gathered, self._size, self._limit = [], 0, _BATCH
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._ended = ffi.gc(ffi.new("uint64_t *", _OPEN), partial(_warn, repr(self)))
        _writers[id(self)] = weakref.ref(self)
        try:  # last: what comes after would keep the file for as long as a traceback keeps this
            self._native = with_options(
                lambda options: make("writer", open_it, data, target, options),
                checksums="auto",
                progress=None,
                threads=0,
                sync=sync,
            )
        except BaseException:
            self._let_go()
            raise

    def write(self, payload: Buffer) -> None:
        """Writes a record.

        Args:
            payload: `bytes` or any other object with the buffer protocol whose memory is
                contiguous. No other thread may change it during the call.

        Raises:
            TfrOSError: a file cannot be written.
            TfrValueError: the writer is closed; the payload's memory is not contiguous.
        """
        if type(payload) is bytes and len(payload) < _BATCH:
            # Without the lock: `close` sets the limit before it takes what is gathered, so that
            # payload, too, if the limit is still the old one.
            self._gathered.append(payload)
            self._size = size = self._size + len(payload) + 16
            if size >= self._limit:
                with self._own_lock():
                    self._expect(self._pass_on())
        elif type(payload) is bytes:
            self._write_now(payload)
        else:
            with borrow(payload) as pointer:
                self._write_now(pointer)

    def write_many(self, payloads: Iterable[Buffer]) -> None:
        """Writes a record for each payload.

        If the iterable raises, the payloads before are written, and the exception passes.

        Raises:
            TfrOSError, TfrValueError: as `write`.
        """
        write = self.write
        for payload in payloads:
            write(payload)

    def _own_lock(self) -> threading.RLock:
        """The lock, which a forked process does not wait for."""
        try:
            ensure_own_process(self._process, "writer")
        except TfrValueError:
            self._gathered.clear()
            raise
        return self._lock

    def _write_now(self, payload: bytes | CData) -> None:
        with self._own_lock():
            self._expect(self._pass_on())
            self._expect(_write(self._native, payload, len(payload), _NULL))

    def _pass_on(self) -> int:
        """Passes on what is gathered; returns the status. The caller has the lock."""
        gathered = self._gathered
        if self.closed:
            gathered.clear()
            raise _closed_error()
        count = len(gathered)  # others append to it meanwhile
        if count == 0:
            return 0
        batch = gathered[:count]
        del gathered[:count]
        self._size = 0
        try:
            joined, offsets = _join(batch)
        except BaseException:  # no memory, or Ctrl-C, which does not come between here and the call
            gathered[:0] = batch
            raise
        return int(_write_many(self._native, joined, offsets, count, _NULL))

    def _expect(self, status: int) -> None:
        """Raises the native writer's error, unless the status is that of success."""
        if status:
            self._limit = 0
            if self.closed:
                raise _closed_error()
            call(lib.tfr_writer_flush, self._native)  # which fails with the same error, and says it

    def flush(self) -> None:
        """Hands all that was written so far to the system.

        Others can then read it at the end of an existing file; a new file appears only at `close`.
        It is not an `fsync`, even with `sync=True`.

        Raises:
            TfrOSError, TfrValueError: as `write`.
        """
        with self._own_lock():
            self._expect(self._pass_on())
            call(lib.tfr_writer_flush, self._native)

    @property
    def num_records(self) -> int:
        """How many records the file has, including those that it had before."""
        with self._own_lock():
            return int(lib.tfr_writer_num_records(self._native)) + len(self._gathered)

    @property
    def closed(self) -> bool:
        """Whether the writer is closed or abandoned."""
        return bool(self._ended[0] != _OPEN)

    def close(self) -> None:
        """Puts data and index in their places; does nothing if the writer is closed.

        Raises:
            TfrOSError: a file cannot be written. Then nothing is left of what was written, unless
                the error says that the data is in its place and its index is not.
            TfrMismatch: another program wrote to the existing file; it is left as it is.
        """
        if self.closed:
            return
        with self._own_lock():
            if not self.closed:
                self._limit = 0
                self._pass_on()  # if that fails, so does the call below
                try:
                    call(lib.tfr_writer_finish, self._native, self._ended)
                except TfrError:
                    self._let_go()
                    raise
                self._let_go()

    def _let_go(self) -> None:
        """The writer is closed; no warning is due."""
        if not self.closed:
            self._ended[0] = 0
        ffi.gc(self._ended, None)
        _writers.pop(id(self), None)

    def abandon(self) -> None:
        """Discards what was written: the files are as they were before the writer.

        Examples:
            >>> import os, tempfile
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     writer = RecordWriter(os.path.join(directory, "train.tfrecord"))
            ...     writer.write(b"hello")
            ...     writer.abandon()
            ...     os.listdir(directory)
            []
        """
        if not self.closed:
            self._own_lock()
            self._ended[0] = 0
            self._native = _NULL  # the last to let go of it frees it
            self._let_go()
            self._limit = 0
            self._gathered.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        elif self._process == os.getpid():
            self.abandon()


def _warn(name: str, ended: CData, warn: Callable[..., None] = warnings.warn) -> None:
    if ended[0] == _OPEN:
        message = f"{name} was not closed: nothing is left of what it wrote"
        warn(message, ResourceWarning, stacklevel=2, source=ended)


#: The open writers, so that a forked process can give up those that it has from its parent.
#: Some are dead; a WeakSet would drop them by Python code, which would swallow a Ctrl-C.
_writers: dict[int, weakref.ref[RecordWriter]] = {}


def _give_up_writers() -> None:
    for reference in _writers.values():
        writer = reference()
        if writer is not None:
            writer._process = writer._limit = 0
            ffi.gc(writer._ended, None)  # no warning


os.register_at_fork(after_in_child=_give_up_writers)


def _join(batch: list[bytes]) -> tuple[bytes, CData]:
    """The payloads, one behind the other, and where each starts, and the last ends."""
    ends = array("L", accumulate(map(len, batch), initial=0))
    return b"".join(batch), ffi.from_buffer("size_t[]", ends)


def _closed_error() -> TfrValueError:
    return TfrValueError("the writer is closed", "TFR_ERR_INVALID_ARGUMENT")
