"""How one call reads a remote file: the arguments `mode` and `max_bytes`."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from . import _remote
from ._arguments import ensure_one_of, integer, refuse
from ._errors import TfrOSError
from ._remote import RemoteFile
from ._typing import Buffer, ReadMode

__all__ = ["Fetch", "FetchedFile"]

_MODES = ("auto", "stream", "ranges", "headers")
#: From this size on, payloads are skipped in the mode "headers". Smaller ones take less time than
#: another request, wherever the server is.
_LEAST_SKIP = 64 << 10
#: A size that is never reached: nothing is skipped.
_NEVER = (1 << 64) - 1


class Fetch(NamedTuple):
    """What a caller says about how a remote file is read."""

    mode: ReadMode = "auto"
    max_bytes: int | None = None

    @classmethod
    def of(
        cls, mode: ReadMode, max_bytes: int | None, *, reads_payloads: str | None, threads: int
    ) -> Fetch:
        """Checks the arguments. `reads_payloads` is the argument that asks for all payloads."""
        ensure_one_of("mode", mode, _MODES)
        if max_bytes is not None:
            max_bytes = integer("max_bytes", max_bytes, least=_remote.START)
        if mode == "headers" and reads_payloads:
            raise refuse(f"mode='headers' reads no payloads: omit it, or {reads_payloads}")
        if mode == "stream" and threads > 1:
            raise refuse(f"mode='stream' reads with one thread: omit threads={threads}")
        return cls(mode, max_bytes)

    @property
    def is_default(self) -> bool:
        return self == Fetch()

    @property
    def reads_all(self) -> bool:
        return self.mode in ("stream", "ranges")

    def ensure_default(self) -> None:
        """Raises TfrValueError if an argument is set, for data that is not remote."""
        if not self.is_default:
            raise refuse("mode and max_bytes are for URLs and RemoteFiles: other data has none")

    def open(self, path: str, store: Any = None, *, start: int) -> RemoteFile | FetchedFile:
        """Opens a file with a request that reads its first bytes along, at most `start`."""
        if self.mode == "stream":
            file, stream = RemoteFile._with_stream(path, store)
            return FetchedFile(file, self).streamed(stream)
        start = _remote.START if self.mode == "headers" else min(start, self.max_bytes or start)
        file = RemoteFile._with_start(path, store, start)
        if self.is_default:
            return file
        return FetchedFile(file, self, memoryview(file._start).nbytes)

    def open_again(self, file: RemoteFile) -> RemoteFile | FetchedFile:
        """The same for a file that is open."""
        if self.is_default:
            return file
        fetched = FetchedFile(file, self)
        return fetched.streamed(file._stream()) if self.mode == "stream" else fetched


class FetchedFile:
    """A remote file, as one call reads it.

    Args:
        file: the file.
        how: how it is read.
        fetched: the bytes that were fetched so far.

    Raises:
        TfrOSError: all of it is needed, and has too many bytes.
    """

    def __init__(self, file: RemoteFile, how: Fetch, fetched: int = 0) -> None:
        self.file, self.size, self._how, self._fetched = file, file.size, how, fetched
        self._lock = threading.Lock()
        self.stream: _Stream | None = None
        if how.reads_all:
            self._ensure_allowed(file.size)

    def streamed(self, pieces: Iterator[Buffer]) -> FetchedFile:
        """Reads the file from these pieces, which are all of it, in order."""
        self.stream = _Stream(pieces, self.file.path)
        return self

    def pread(self, size: int, offset: int) -> Buffer:
        """As that of the file."""
        size = max(0, min(size, self.size - offset))
        if self.stream is not None:
            with self._lock:
                if (piece := self.stream.read(size, offset)) is not None:
                    return piece
        with self._lock:
            fetched = self._fetched + self.file._not_in_memory(size, offset)
            self._ensure_allowed(fetched)
            self._fetched = fetched
        return self.file.pread(size, offset)

    def _looks_compressed(self) -> bool:
        return _remote.looks_compressed(self.file.path, bytes(self.pread(2, 0)))

    def _beside(self, end: str) -> RemoteFile:
        return self.file._beside(end)

    def _native_cost(self) -> tuple[int, int, int]:
        return self.file._native_cost()

    @property
    def least_skip(self) -> int | None:
        """The fewest bytes that are skipped; None: by the cost."""
        if self._how.mode == "auto":
            return None
        return _LEAST_SKIP if self._how.mode == "headers" else _NEVER

    def _ensure_allowed(self, fetched: int) -> None:
        most = self._how.max_bytes
        if most is None or fetched <= most:
            return
        path = self.file.path
        message = (
            f"{path}: to read this, {fetched:,} bytes or more of its {self.size:,} must be "
            f"fetched, but max_bytes is {most:,}: raise it"
        )
        if self._how.mode != "headers":
            message += ", or pass mode='headers'"
        raise TfrOSError(message, path=path, errno=errno.EDQUOT)


class _Stream:
    """The bytes of one request, in order. Keeps the first ones, which are read again."""

    def __init__(self, pieces: Iterator[Buffer], path: str) -> None:
        self._pieces, self._path = pieces, path
        self._at = 0  # where `_piece` starts
        self._piece = memoryview(b"")
        self.start = bytearray()
        while len(self.start) < _remote.START and self._advance():
            self.start += self._piece
        # All that was read so far is one piece.
        self._piece, self._at = memoryview(bytes(self.start)), 0
        del self.start[_remote.START :]

    def read(self, size: int, offset: int) -> Buffer | None:
        """The bytes at a position; None: they have passed."""
        if offset < self._at:
            is_kept = offset + size <= len(self.start)
            return bytes(self.start[offset : offset + size]) if is_kept else None
        parts: list[memoryview] = []
        missing = size
        while missing > 0:
            inside = offset - self._at
            if inside >= len(self._piece):
                if not self._advance():
                    message = (
                        f"{self._path}: the server sent {offset} bytes, and not all: try again"
                    )
                    raise TfrOSError(message, path=self._path, errno=errno.EIO)
                continue
            part = self._piece[inside : inside + missing]
            parts.append(part)
            offset, missing = offset + len(part), missing - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _advance(self) -> bool:
        """Takes the next piece. Returns whether there is one."""
        self._at += len(self._piece)
        with _remote.explained(self._path, "read"):
            self._piece = memoryview(next(self._pieces, b""))
        return len(self._piece) > 0
