"""`Indexer`: indexes a stream while it arrives."""

from __future__ import annotations

import os
import threading
from typing import NoReturn, final

from ._errors import TfrError
from ._index import Index
from ._library import borrow, call, ensure_own_process, ffi, lib, make
from ._options import with_options
from ._typing import Buffer, Checksums

__all__ = ["Indexer"]

#: The most entries that one native call returns.
CAPACITY = 1 << 16


@final
class Indexer:
    r"""Indexes a stream, such as a download, a pipe or the output of a decompressor.

    The stream comes in pieces of any size. The indexer needs a few kilobytes of memory, however
    large the records are.

    Several threads may use one indexer, and wait for one another. In a forked process all calls
    raise TfrValueError.

    Args:
        checksums: as for `tfr_index.create_index`.

    Examples:
        >>> indexer = Indexer(checksums="full")
        >>> list(indexer.push(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3eh"))
        []
        >>> list(indexer.push(b"ello\xbb\x1f\x1c\x19"))
        [(0, 21)]
        >>> indexer.finish()

        The records of a compressed file:

        >>> import gzip, io
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
        >>> indexer, entries = Indexer(), []
        >>> with gzip.open(io.BytesIO(gzip.compress(record * 100))) as stream:
        ...     while piece := stream.read(1 << 20):
        ...         entries += indexer.push(piece)
        >>> indexer.finish()
        >>> len(entries)
        100
    """

    __slots__ = ("__weakref__", "_lock", "_native", "_process")

    def __init__(self, checksums: Checksums = "auto") -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._native = with_options(
            lambda options: make("indexer", lib.tfr_indexer_new, options),
            checksums=checksums,
            progress=None,
            threads=0,
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Indexer cannot be pickled: it belongs to the process that made it")

    def _own_lock(self) -> threading.Lock:
        """The lock. It raises in a forked process, where nothing might ever release the lock."""
        ensure_own_process(self._process, "indexer")
        return self._lock

    def push(self, data: Buffer) -> Index:
        """Takes the next bytes of the stream; returns entries for the records that they complete.

        Args:
            data: `bytes` or any other object with the buffer protocol, as for
                `tfr_index.index_bytes`.

        Raises:
            TfrError: the stream is not TFRecord data, or is damaged: see `status`, `record` and
                `offset`. If the call has entries for records before the damage, it returns these,
                and the next call raises the error. Every later call raises it again.
        """
        entries = bytearray()
        with borrow(data) as pointer, self._own_lock():
            size, taken = len(pointer), 0
            capacity = min(size // 16 + 1, CAPACITY)
            room = ffi.new("tfr_entry[]", capacity)
            taken_out, count_out = ffi.new("size_t *"), ffi.new("size_t *")
            while True:
                rest = (pointer + taken, size - taken, room, capacity, taken_out, count_out)
                try:
                    call(lib.tfr_indexer_push, self._native, *rest)
                except TfrError:
                    if entries:
                        break
                    raise
                taken += taken_out[0]
                entries += ffi.buffer(room, 16 * count_out[0])
                if taken == size:
                    break
        complete = ffi.from_buffer("tfr_entry[]", entries)
        return Index._made_by(lib.tfr_index_from_entries, complete, len(complete))

    def finish(self) -> None:
        """Checks that the stream ends after a complete record. More data may be pushed after it.

        Raises:
            TfrError: the stream ends inside a record; or `push` has found damage.
        """
        with self._own_lock():
            call(lib.tfr_indexer_finish, self._native)
