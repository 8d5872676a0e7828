"""Iteration over records: read in pieces, and ahead of the caller if reading is slow."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._reader import Reader

__all__ = ["iterate"]

#: Seconds per byte: above this, reading waits for more than memory, and a thread reads ahead.
_SLOW = 2e-9

#: The most records in a piece.
_MANY = 1 << 14


def iterate(records: Reader) -> Iterator[bytes]:
    """All payloads of a reader, read in pieces that grow."""
    start, most = 0, 16
    ahead: _Piece | None = None
    while start < len(records):
        piece = ahead or _Piece(records, start, most)
        payloads = piece.result()
        if payloads is None:  # it failed: read one by one, so that the error comes at its record
            stop = min(start + piece.most, len(records))
            yield from map(records.__getitem__, range(start, stop))
            start, most, ahead = stop, 16, None
            continue
        start += len(payloads)
        most = min(2 * len(payloads), _MANY)
        ahead = None
        if piece.was_slow and start < len(records):
            ahead = _Piece(records, start, most)
            ahead.load_ahead()
        yield from payloads
        del payloads  # frees their memory for the next piece


class _Piece:
    """A piece of the records, read by the caller when it is needed or by a thread before that."""

    def __init__(self, records: Reader, start: int, most: int) -> None:
        self.records, self.start, self.most = records, start, most
        self.payloads: list[bytes] | None = None
        self.was_slow = False
        self.thread: threading.Thread | None = None

    def load(self) -> None:
        begun = time.perf_counter()
        # The caller reads the records one by one then, and gets the error at its record.
        with contextlib.suppress(Exception):
            self.payloads = self.records._load_piece(self.start, self.most)
            self.was_slow = time.perf_counter() - begun > _SLOW * sum(map(len, self.payloads))

    def load_ahead(self) -> None:
        thread = threading.Thread(target=self.load, name="tfr_index reads ahead")
        with contextlib.suppress(RuntimeError):  # no thread can start while Python exits
            thread.start()
            self.thread = thread

    def result(self) -> list[bytes] | None:
        """The payloads. None if reading failed, or if the thread is in the parent of a fork."""
        if self.thread is None:
            self.load()
        else:
            self.thread.join()
        payloads, self.payloads = self.payloads, None
        return payloads
