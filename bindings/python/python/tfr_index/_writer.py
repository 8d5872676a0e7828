"""`RecordWriter`: writes TFRecord files together with their indexes."""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from array import array
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate
from types import TracebackType
from typing import Any, NoReturn, Self, final

from ._encode import native_columns
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
from ._typing import Buffer, Compression, Path

__all__ = ["RecordWriter"]

#: Bytes: small payloads are passed on together when they reach this size; a larger one alone.
_BATCH = 64 << 10

_NULL, _OPEN = ffi.NULL, lib.TFR_UNKNOWN
_write = lib.tfr_writer_write
_write_many = lib.tfr_writer_write_many


@final
class RecordWriter:
    r"""Writes records to a TFRecord file, together with the index of the file.

    Checksums are valid, and nothing is read again. `close` puts first the data and then the index
    in their places, and replaces older files; each file appears complete or not at all. `abandon`,
    an exception inside the `with` block, and garbage collection discard the writer: older files are
    unchanged. A killed process leaves at most a temporary file, which the next writer of the same
    file removes.

    The writer buffers records, and writes most of them on a thread of its own. So a failed write
    raises its error in a later call, at the latest in `flush` or `close`. After that, all calls
    fail, including `close`, and everything that was written is discarded.

    With `append=True`, the writer adds records to the end of an existing file, or creates a file.
    The index then has old and new records. The writer checks the index as
    `create_index(..., resume=True)` does, and scans the records that the index lacks: the file must
    consist of complete records with valid checksums. The file grows during writing; abandoning the
    writer truncates it to its old size. A killed process leaves the old index and the data written
    so far; `create_index(..., resume=True, allow_incomplete_tail=True)` completes the index.

    Any number of threads may use one writer at the same time; each record stays in one piece. In a
    forked process all calls raise TfrValueError, and the files are unchanged. A `with` block that
    ends there with an exception lets it propagate.

    Args:
        path: the TFRecord file.
        index_path: the index of the file. None appends ".idx" to `path`. It is required for an
            event file of TensorBoard, as in `create_index`.
        append: write at the end of an existing file.
        sync: `close` waits until data and index are on the disk, as `create_index` does.
        compression: "gzip" writes a gzip file, which TensorFlow reads with the compression type
            "GZIP". Each 256 KiB are a member of their own, so that any record can be read without
            the bytes before; this costs one percent of the size. The seek file appears beside the
            index. The name should end with ".gz". A compressed file cannot be appended to.

    Raises:
        TfrOSError: a file cannot be created. The class says more, such as TfrPermissionError. The
            `errno` is EBUSY if another writer has the file, or another call writes its index.
        TfrValueError: both paths lead to the same file.
        TfrMismatch: the index is not the index of the existing file.
        TfrError: the existing file does not consist of complete records.

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
    #: A C integer: _OPEN until the writer is closed or abandoned. The native call that finishes the
    #: file sets it, so that it is right even after Ctrl-C. Its destructor warns if the writer was
    #: not closed: a `__del__` method would swallow a Ctrl-C that comes while it runs.
    _ended: CData
    #: The payloads that `write` has taken and not yet passed on, and about their size in bytes.
    _gathered: list[bytes]
    _size: int
    #: The size at which they are passed on; 0 after the writer was closed or has failed.
    _limit: int
    #: The process that the writer belongs to; 0 in a process that was forked from it.
    _process: int
    #: Guards passing payloads on. Re-entrant: a signal handler may do so while its own thread does.
    #: Use it by `_own_lock`.
    _lock: threading.RLock

    def __init__(
        self,
        path: Path,
        index_path: Path | None = None,
        *,
        append: bool = False,
        sync: bool = False,
        compression: Compression | None = None,
    ) -> None:
        data = encode_path(path)
        target = _NULL if index_path is None else encode_path(index_path)
        open_it = lib.tfr_writer_append if append else lib.tfr_writer_create
        self._gathered, self._size, self._limit = [], 0, _BATCH
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._ended = ffi.gc(ffi.new("uint64_t *", _OPEN), partial(_warn, os.fsdecode(path)))
        _writers[id(self)] = weakref.ref(self)
        try:  # last: if a later step failed, its traceback would keep the file open
            self._native = with_options(
                lambda options: make("writer", open_it, data, target, options),
                checksums="auto",
                progress=None,
                threads=0,
                sync=sync,
                compression=compression,
            )
        except BaseException:
            self._let_go()
            raise

    def write(self, payload: Buffer) -> None:
        """Writes one record.

        Args:
            payload: `bytes` or any other object with the buffer protocol whose memory is
                contiguous. No other thread may change it during the call.

        Raises:
            TfrOSError: a file cannot be written.
            TfrValueError: the writer is closed; the memory of the payload is not contiguous.
        """
        if type(payload) is bytes and len(payload) < _BATCH:
            # Needs no lock: `close` sets the limit before it takes the gathered payloads. So if the
            # limit below is still the old one, `close` takes this payload too.
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

        If the iterable raises an exception, the records before it are written, and the exception
        propagates.

        Raises:
            TfrOSError: as `write`.
            TfrValueError: as `write`.
        """
        write = self.write
        for payload in payloads:
            write(payload)

    def write_examples(self, features: Mapping[Any, Any]) -> None:
        """Writes a `tf.train.Example` for each row of columns of values.

        This is much faster than making protobufs. The bytes are those of protobuf's deterministic
        serialization: names are sorted. Nothing is written if a value is invalid.

        Args:
            features: a column for each feature, by name. All have an item for each record:

                - a numpy array, a tensor or another array, whose first dimension is the records;
                - a list of values, or of lists or arrays of values, which may differ in length;
                - a `Ragged` or a `BytesColumn`, as `read_columns` returns them.

                Which values are allowed, and what becomes of them, is as for `encode_example`.

        Raises:
            TfrValueError: the columns have different numbers of records, or a column has values of
                different kinds, or too large ones: `feature` names it. Or as `write`.
            TfrOSError: as `write`.
            ImportError: numpy is not installed.

        Examples:
            >>> import os, tempfile, numpy
            >>> from tfr_index import Reader, infer_features
            >>> columns = {"label": numpy.arange(3), "words": [["a"], [], ["few", "words"]]}
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = os.path.join(directory, "train.tfrecord")
            ...     with RecordWriter(path) as writer:
            ...         writer.write_examples(columns)
            ...     Reader(path).read_columns([2, 0], infer_features(path))["words"].to_list()
            [[b'few', b'words'], [b'a']]
        """
        records, columns, _keep = native_columns(features)
        with self._own_lock():
            self._expect(self._pass_on())
            try:
                call(lib.tfr_writer_write_examples, self._native, records, columns, len(columns))
            except TfrError as error:
                if self.closed:
                    raise _closed_error() from None
                if not isinstance(error, (TfrValueError, MemoryError)):
                    self._limit = 0  # each call has the error
                raise

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a RecordWriter cannot be pickled: it belongs to the process that made it; let each "
            "process write a file of its own"
        )

    def _own_lock(self) -> threading.RLock:
        """The lock. It raises in a forked process, where nothing might ever release the lock."""
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
        """Passes the gathered payloads on; returns the status. The caller holds the lock."""
        gathered = self._gathered
        if self.closed:
            gathered.clear()
            raise _closed_error()
        count = len(gathered)  # other threads may append to it now
        if count == 0:
            return 0
        batch = gathered[:count]
        del gathered[:count]
        self._size = 0
        try:
            joined, offsets = _join(batch)
        except BaseException:  # MemoryError, or Ctrl-C, which cannot come between this and the call
            gathered[:0] = batch
            raise
        return int(_write_many(self._native, joined, offsets, count, _NULL))

    def _expect(self, status: int) -> None:
        """Raises the error of the native writer, unless the status is 0."""
        if status:
            self._limit = 0
            if self.closed:
                raise _closed_error()
            call(lib.tfr_writer_flush, self._native)  # fails again, and raises the writer's error

    def flush(self) -> None:
        """Passes everything written so far to the operating system.

        If the writer appends to an existing file, others can then read it. A new file appears only
        at `close`. This is not an `fsync`, even with `sync=True`.

        Raises:
            TfrOSError: as `write`.
            TfrValueError: as `write`.
        """
        with self._own_lock():
            self._expect(self._pass_on())
            call(lib.tfr_writer_flush, self._native)

    @property
    def num_records(self) -> int:
        """The number of records in the file, including those that it had before.

        Examples:
            >>> import os, tempfile
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     with RecordWriter(os.path.join(directory, "train.tfrecord")) as writer:
            ...         writer.write_many([b"hello", b"world"])
            ...         writer.num_records
            2
        """
        with self._own_lock():
            return int(lib.tfr_writer_num_records(self._native)) + len(self._gathered)

    @property
    def closed(self) -> bool:
        """Whether the writer is closed or abandoned."""
        return bool(self._ended[0] != _OPEN)

    def close(self) -> None:
        """Puts data and index in their places. Does nothing if the writer is closed.

        Raises:
            TfrOSError: a file cannot be written. Everything that was written is discarded, unless
                the error says that the data is in its place and its index is not.
            TfrMismatch: another program wrote to the existing file, which is left as it is.
        """
        if self.closed:
            return
        with self._own_lock():
            if not self.closed:
                self._limit = 0
                self._pass_on()  # if this fails, the call below fails too
                try:
                    call(lib.tfr_writer_finish, self._native, self._ended)
                except TfrError:
                    self._let_go()
                    raise
                self._let_go()

    def _let_go(self) -> None:
        """Marks the writer as closed, so that no warning follows."""
        if not self.closed:
            self._ended[0] = 0
        ffi.gc(self._ended, None)
        _writers.pop(id(self), None)

    def abandon(self) -> None:
        """Discards everything that was written. The files are as they were before the writer.

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
            self._native = _NULL  # freed when no other thread uses it
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


def _warn(path: str, ended: CData, warn: Callable[..., None] = warnings.warn) -> None:
    if ended[0] == _OPEN:
        message = f"{path}: the RecordWriter was not closed, so its records are discarded"
        message += ": use a with statement, or call close()"
        warn(message, ResourceWarning, stacklevel=2, source=ended)


#: The open writers, so that a forked process can give up those of its parent. Some references may
#: be dead: a WeakSet would remove these by Python code, which would swallow a Ctrl-C.
_writers: dict[int, weakref.ref[RecordWriter]] = {}


def _give_up_writers() -> None:
    for reference in _writers.values():
        writer = reference()
        if writer is not None:
            writer._process = writer._limit = 0
            ffi.gc(writer._ended, None)  # no warning


os.register_at_fork(after_in_child=_give_up_writers)


def _join(batch: list[bytes]) -> tuple[bytes, CData]:
    """The concatenated payloads, and the offset where each starts and the last one ends."""
    ends = array("L", accumulate(map(len, batch), initial=0))
    return b"".join(batch), ffi.from_buffer("size_t[]", ends)


def _closed_error() -> TfrValueError:
    return TfrValueError("the writer is closed", "TFR_ERR_INVALID_ARGUMENT")
