"""`tfr-index cat` for files at URLs."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator

from .._create import scan
from .._errors import Skipped, TfrError, with_path
from .._index import Index
from .._reader import Reader
from .._remote import RemoteFile
from . import files, output
from .files import Member
from .progress import Progress
from .verdict import index_at

__all__ = ["cat"]

_NUMBERS = re.compile(r"[0-9][0-9-]*")
#: Bytes that are written at once.
_PIECE = 4 << 20
_CONTROL = re.compile("[\0-\x08\x0b\x0e-\x1f\x7f]")  # the others are white space, for Rust
#: Takes bytes; returns False if no more can be written.
Write = Callable[[bytes], bool]
#: The first and the last record; None: the last one of the file.
Numbers = tuple[int, int | None]


def cat(options: argparse.Namespace, progress: Progress) -> int:
    """Prints the records of files, or writes them to a file."""
    given, numbers = _split(options.paths)
    given += files.listed_paths(options)
    indexes, more = _split(options.index)
    numbers += more
    members = files.find(options, given, allow_repeated=True)
    if len(indexes) == 1 and (indexes[0].endswith("/") or os.path.isdir(indexes[0])):
        members = files.with_index_dir(members, indexes[0])
    elif indexes:
        members = files.with_indexes(members, indexes)
    if len(members.files) > 1 and numbers:
        number = len(members.files)
        raise output.Usage(f"record numbers need a single FILE, not {number}")
    copy = _Copy(options, [_numbers(word) for word in numbers], bool(indexes))
    if options.output in (None, "-"):
        return _print(copy, members.files, only_text=options.output is None)
    progress.interrupted = lambda: "interrupted, nothing was written"
    return _write(copy, members.files, options.output, progress)


def _split(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """The paths, and the record numbers."""
    paths: list[str] = []
    numbers: list[str] = []
    for word in words:
        (numbers if _NUMBERS.fullmatch(word) else paths).append(word)
    return paths, numbers


def _numbers(word: str) -> Numbers:
    first, dash, last = word.partition("-")
    return int(first), int(last) if last else None if dash else int(first)


class _Copy:
    """Copies records of files."""

    def __init__(
        self, options: argparse.Namespace, numbers: list[Numbers], has_indexes: bool
    ) -> None:
        self._options, self._numbers, self._has_indexes = options, numbers, has_indexes
        self.regions = 0

    def one(self, member: Member, write: Write) -> None:
        """Copies the records of a file."""
        path, options = member.path, self._options
        with self._opened(member) as reader:
            if not self._has_indexes and member.listed and not options.salvage:
                member.listed.ensure_count(path, len(reader))
            for first, last in self._ranges(path, len(reader)):
                if not _write_all(reader[first:last], write):
                    return

    def _opened(self, member: Member) -> Reader:
        path, options = member.path, self._options
        file = RemoteFile(path)
        if member.listed:
            member.listed.ensure_same(path, file.size, file.etag)

        def on_skipped(skipped: Skipped) -> None:
            self.regions += 1
            output.note(output.words(output.skipped_text(path, skipped)))

        index: Index | None = None
        if options.salvage:
            how = {"salvage": True, "on_skipped": on_skipped, "checksums": options.checksums}
            index = scan(file, **how)
        elif member.index_path:
            index = index_at(member.index_path)
        return Reader(file, index, options.checksums, raw_frames=options.frames)

    def explained(self, error: Exception, path: str) -> str:
        """The error, with the file, and how to skip a damaged payload."""
        if not isinstance(error, TfrError):
            return str(error)
        text = str(with_path(error, path))
        if self._options.salvage and error.status == "TFR_ERR_PAYLOAD_CRC":
            text += "; to skip damaged payloads, use --checksums full"
        return text

    def _ranges(self, path: str, count: int) -> Iterator[tuple[int, int]]:
        """The records to copy, as ranges without their ends."""
        if not self._numbers:
            yield 0, count
        ranges = []
        for first, last in self._numbers:
            end = max(first, count - 1) if last is None else last
            if end >= count:
                raise output.Failure(
                    f"{path}: record {end}: out of range, the index has {count} records"
                )
            ranges.append((first, end + 1))
        yield from ranges


def _write_all(payloads: Iterable[bytes], write: Write) -> bool:
    """Writes payloads, some at once: all of these, or none if one cannot be read."""
    piece: list[bytes] = []
    size = 0
    for payload in payloads:
        piece.append(payload)
        size += len(payload)
        if size >= _PIECE:
            if not write(b"".join(piece)):
                return False
            piece, size = [], 0
    return write(b"".join(piece))


def _print(copy: _Copy, members: list[Member], *, only_text: bool) -> int:
    """Prints the files. If one fails, the next ones are printed all the same."""
    failed = False
    only_text = only_text and sys.stdout is not None and sys.stdout.isatty()
    closed = False

    def write(data: bytes) -> bool:
        nonlocal closed
        if only_text and _is_binary(data):
            raise output.Failure(
                "the records are not text: pipe them, write them to a file with -o FILE, or use "
                "-o - to print them on the terminal"
            )
        closed = not output.write(data)
        return not closed

    for member in members:
        if closed:
            break
        try:
            copy.one(member, write)
        except (TfrError, output.Failure) as error:
            failed = True
            output.fail(copy.explained(error, member.path))
    if failed:
        return 1
    return 3 if copy.regions else 0


def _write(copy: _Copy, members: list[Member], path: str, progress: Progress) -> int:
    """Writes the files to a new file, which appears only if none fails."""
    if os.path.lexists(path):
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            with open(path, "ab", buffering=0) as stream:  # a FIFO or a device
                return _write_to(copy, members, stream.write)
        raise output.Failure(f"{path}: File exists (os error 17)")
    directory = os.path.dirname(path) or "."
    try:
        handle, temporary = tempfile.mkstemp(".tmp", ".tfr-index.", directory)
    except OSError as error:
        raise output.Failure(f"{path}: {output.system_error(error)}") from None
    progress.temporary = temporary
    try:
        with open(handle, "wb") as file:
            status = _write_to(copy, members, file.write)
        if status != 1:
            os.chmod(temporary, 0o666 & ~_umask())
            os.link(temporary, path)
        return status
    except OSError as error:
        raise output.Failure(f"{path}: {output.system_error(error)}") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _write_to(copy: _Copy, members: list[Member], write: Callable[[bytes], object]) -> int:
    def put(data: bytes) -> bool:
        write(data)
        return True

    for member in members:
        try:
            copy.one(member, put)
        except (TfrError, output.Failure) as error:
            return output.fail(copy.explained(error, member.path))
    return 3 if copy.regions else 0


def _umask() -> int:
    mask = os.umask(0o77)
    os.umask(mask)
    return mask


def _is_binary(data: bytes) -> bool:
    try:
        return _CONTROL.search(data.decode()) is not None
    except UnicodeDecodeError:
        return True
