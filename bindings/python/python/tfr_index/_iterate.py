"""Iteration over records: read in pieces, by a thread ahead of the caller where that helps."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Protocol

__all__ = ["Records", "iterate"]

#: Seconds a byte above which reading is slower than memory, so that a thread reads ahead.
_SLOW = 2e-9

#: Records that a piece has at most.
_MANY = 1 << 14


class Records(Protocol):
    """What can be iterated over in pieces: a reader, or records whose reader is not always open."""

    def __len__(self) -> int: ...

    def __getitem__(self, record: int) -> bytes: ...

    def _load_piece(self, start: int, most: int) -> list[bytes]: ...


def iterate(records: Records) -> Iterator[bytes]:
    """All payloads, in the pieces in which they are read."""
    start, most = 0, 16
    ahead: _Piece | None = None
    while start < len(records):
        piece = ahead or _Piece(records, start, most)
        payloads = piece.result()
        if payloads is None:  # one by one, up to the one at which it failed
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
        del payloads  # their memory is there for the next ones


class _Piece:
    """A piece of a reader's records, read by whom it is asked of, or by a thread before."""

    def __init__(self, records: Records, start: int, most: int) -> None:
        self.records, self.start, self.most = records, start, most
        self.payloads: list[bytes] | None = None
        self.was_slow = False
        self.thread: threading.Thread | None = None

    def load(self) -> None:
        begun = time.perf_counter()
        # Whoever wants the payloads meets the error again, at its record.
        with contextlib.suppress(Exception):
            self.payloads = self.records._load_piece(self.start, self.most)
            self.was_slow = time.perf_counter() - begun > _SLOW * sum(map(len, self.payloads))

    def load_ahead(self) -> None:
        thread = threading.Thread(target=self.load, name="tfr_index reads ahead")
        with contextlib.suppress(RuntimeError):  # when Python ends, none can be started
            thread.start()
            self.thread = thread

    def result(self) -> list[bytes] | None:
        """The payloads; None if it failed, or is in the process before a fork."""
        if self.thread is None:
            self.load()
        else:
            self.thread.join()
        payloads, self.payloads = self.payloads, None
        return payloads
