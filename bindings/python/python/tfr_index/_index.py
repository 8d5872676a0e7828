"""`Index`: the table of contents of a TFRecord file."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import final, overload

from ._arguments import ensure_one_of
from ._edit import Edits
from ._errors import TfrValueError
from ._library import CData, borrow, call, encode_path, ffi, keeping, lib, make
from ._options import with_options
from ._remote import START, WHOLE
from ._remote_fetch import Fetch
from ._source import file_or_source
from ._typing import Buffer, CheckLevel, Checksums, Data, Path, Progress, ReadMode

__all__ = ["OVERHEAD", "Fit", "Index"]

OVERHEAD = 16  # bytes of a frame besides its payload

_LEVELS = {
    "quick": lib.TFR_CHECK_QUICK,
    "headers": lib.TFR_CHECK_HEADERS,
    "full": lib.TFR_CHECK_FULL,
}


@dataclass(frozen=True)
class Fit:
    r"""How an index fits its data: the result of `Index.check`.

    Attributes:
        uncovered_bytes: how many bytes of the data no entry covers: damage and, if the index is
            partial, records.
        partial: whether the index lacks valid records. A `Reader` does not use such an index if it
            finds it beside its data.
        reordered: whether an entry starts before the previous one.
        repeated: whether an entry appears twice.
        checksums_skipped: whether no checksum was verified: the data has no valid ones, or the
            caller passed `checksums="none"`.

    Examples:
        >>> import tfr_index
        >>> data = memoryview(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0" * 3)
        >>> index = tfr_index.scan(data)
        >>> index[1:].check(data)  # doctest: +NORMALIZE_WHITESPACE
        Fit(uncovered_bytes=21, partial=True, reordered=False, repeated=False,
            checksums_skipped=False)
    """

    uncovered_bytes: int
    partial: bool
    reordered: bool
    repeated: bool
    checksums_skipped: bool


@final
class Index(Edits):
    r"""An immutable sequence of `(offset, size)` entries, one for each record of a TFRecord file.

    `offset` is the byte where the record's frame starts, and `size` is the size of the frame in
    bytes. The payload is the `size - 16` bytes from `offset + 12`. Entries may be in any order,
    leave gaps and overlap: an index may select and reorder records. A slice is an index too.

    Any number of threads may use one index at the same time.

    Args:
        entries: any iterable of pairs of integers.

    Raises:
        TfrValueError: a size is below 16, or a record ends after byte 2**63 - 1.
        TypeError: an entry is not a pair, or has anything but integers.
        ValueError: an entry has more or fewer than two items.

    Examples:
        >>> index = Index([(0, 21), (21, 16), (37, 316)])
        >>> index[1]
        (21, 16)
        >>> index[::2]
        <tfr_index.Index of 2 records>
        >>> list(index[::-1])
        [(37, 316), (21, 16), (0, 21)]
        >>> (21, 16) in index
        True
    """

    __slots__ = ("__weakref__", "_native", "_offsets", "_payload_sizes", "_sizes")

    _native: CData
    _offsets: memoryview
    _sizes: memoryview
    _payload_sizes: memoryview | None  # None until they are asked for

    def __init__(self, entries: Iterable[tuple[int, int]] = ()) -> None:
        numbers = array("Q")
        for offset, size in entries:
            try:
                numbers.append(offset)
                numbers.append(size)
            except OverflowError:
                record = len(numbers) // 2
                message = f"entry {record}: offset and size must be between 0 and 2**64 - 1"
                raise TfrValueError(message, "TFR_ERR_INVALID_INDEX", record=record) from None
        self._make(lib.tfr_index_from_entries, *_entries(numbers))

    @classmethod
    def from_text(cls, text: str | Buffer) -> Index:
        r"""Parses the text of an index file: a line "offset size" for each record.

        Spaces, tabs and carriage returns around the numbers are allowed, blank lines are skipped,
        and the last line needs no line feed.

        Raises:
            TfrValueError: a line is not two numbers, a size is below 16, or a record ends after
                byte 2**63 - 1. The `offset` of the error is the byte where the line starts.

        Examples:
            >>> list(Index.from_text("0 21\n21 16\n"))
            [(0, 21), (21, 16)]
        """
        with borrow(text.encode(errors="surrogatepass") if isinstance(text, str) else text) as data:
            return cls._made_by(lib.tfr_index_from_text, data, len(data))

    @classmethod
    def _made_by(cls, function: Callable[..., int], *arguments: CData) -> Index:
        """The index that a native function creates."""
        index = cls.__new__(cls)
        index._make(function, *arguments)
        return index

    def _make(self, function: Callable[..., int], *arguments: CData) -> None:
        native = self._native = make("index", function, *arguments)
        size = 16 * lib.tfr_index_len(native)
        entries = keeping(lib.tfr_index_entries(native), native)
        memory = memoryview(ffi.buffer(entries, size) if size else b"")
        numbers = memory.toreadonly().cast("Q")
        self._offsets, self._sizes = numbers[0::2], numbers[1::2]
        self._payload_sizes = None

    @property
    def offsets(self) -> memoryview:
        """The offsets of the frames in bytes: a read-only view of the index's memory, format "Q".

        The view is strided, and keeps the memory alive. `numpy.asarray(index.offsets)` is an array
        without a copy.

        Examples:
            >>> Index([(0, 21), (21, 16)]).offsets.tolist()
            [0, 21]
        """
        return self._offsets[:]

    @property
    def sizes(self) -> memoryview:
        """The sizes of the frames in bytes: a view like `offsets`.

        Examples:
            >>> Index([(0, 21), (21, 16)]).sizes.tolist()
            [21, 16]
        """
        return self._sizes[:]

    @property
    def payload_sizes(self) -> memoryview:
        """The sizes of the payloads in bytes: a read-only, contiguous view of format "Q".

        The first use computes them; from then on they take 8 bytes per record.

        Examples:
            >>> Index([(0, 21), (21, 16)]).payload_sizes.tolist()
            [5, 0]
        """
        if self._payload_sizes is None:
            sizes = array("Q", map((-OVERHEAD).__add__, self._sizes))
            self._payload_sizes = memoryview(sizes).toreadonly()
        return self._payload_sizes[:]

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, record: int) -> tuple[int, int]: ...

    @overload
    def __getitem__(self, record: slice) -> Index: ...

    def __getitem__(self, record: int | slice) -> tuple[int, int] | Index:
        if isinstance(record, slice):
            return self._slice(record)
        try:
            number = operator.index(record)
        except TypeError:
            kind = type(record).__name__
            message = f"a record number must be an integer or a slice, not {kind}"
            raise TypeError(f"{message}: for several records, use select()") from None
        try:
            return self._offsets[number], self._sizes[number]
        except IndexError:
            message = f"record {number} is not in {self!r}"
            raise IndexError(message) from None

    def _slice(self, part: slice) -> Index:
        offsets, sizes = self._offsets[part], self._sizes[part]
        numbers = memoryview(bytearray(16 * len(offsets))).cast("Q")
        numbers[0::2], numbers[1::2] = offsets, sizes
        return Index._made_by(lib.tfr_index_from_entries, *_entries(numbers))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._offsets, self._sizes, strict=True)

    def __contains__(self, entry: object) -> bool:
        entries: Iterator[object] = iter(self)
        return entry in entries

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Index):
            return NotImplemented
        return self._offsets == other._offsets and self._sizes == other._sizes

    def __repr__(self) -> str:
        return f"<tfr_index.Index of {len(self)} records>"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Index.from_text, (self.to_text(),)

    def to_text(self) -> str:
        r"""The index as the text of an index file.

        Raises:
            TfrMemoryError: there is not enough memory for the text.

        Examples:
            >>> Index([(0, 21), (21, 16)]).to_text()
            '0 21\n21 16\n'
        """
        size_out = ffi.new("size_t *")

        def to_text(text_out: CData, error_out: CData) -> int:
            return int(lib.tfr_index_to_text(self._native, text_out, size_out, error_out))

        text = make("text", to_text)
        return str(ffi.buffer(text, size_out[0]), "ascii")

    def write(self, index_path: Path) -> None:
        """Writes the index to a file. After an error, an existing file is unchanged.

        Raises:
            TfrOSError: the file cannot be written.

        Examples:
            >>> import pathlib, tempfile
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord.idx")
            ...     Index([(0, 21), (21, 16)]).write(path)
            ...     print(path.read_text(), end="")
            0 21
            21 16
        """
        call(lib.tfr_index_write, self._native, encode_path(index_path))

    def check(
        self,
        tfrecord_path: Data,
        level: CheckLevel = "quick",
        *,
        allow_partial: bool = False,
        checksums: Checksums = "auto",
        progress: Progress | None = None,
        threads: int = 0,
        mode: ReadMode = "auto",
        max_bytes: int | None = None,
    ) -> Fit:
        r"""Checks that this is the index of a TFRecord file.

        Each entry must be inside the file and start at the header of a frame of its size. Different
        entries may not overlap. An index may select, reorder and repeat records, and leave out
        damage. At every level, the check searches the bytes that no entry covers for valid records.

        Args:
            tfrecord_path: the file, or an object that is read, as for `tfr_index.create_index`.
            level: how much of the file is read. "quick": the headers of the first record, the last
                record and 64 records between them, which takes milliseconds. "headers": every
                header. "full": every header and every payload.
            allow_partial: accept an index that ends before the last valid record. Otherwise such an
                index is stale, because the file has grown since.
            checksums: whether checksums must be valid. "auto": yes, if the first one in the file is
                valid or one bit off. "length" and "full": yes. "none": no. `level` decides whether
                payloads are verified.
            progress: as for `tfr_index.create_index`.
            threads: as for `tfr_index.create_index`.
            mode: as for `tfr_index.create_index`. "headers" cannot be combined with the level
                "full", which reads payloads.
            max_bytes: as for `tfr_index.create_index`.

        Raises:
            TfrMismatch: it is the index of another file. `record` is the number of the bad entry
                that comes first in the data.
            TfrStale: the file has grown or has become shorter. `record` is the number of the first
                record that the index lacks, or for which the file is too short.
            TfrError: the index fits, but the data is damaged (`status` is TFR_ERR_LENGTH,
                TFR_ERR_LENGTH_CRC or TFR_ERR_PAYLOAD_CRC); or the data is not TFRecord data, such
                as a compressed file (TFR_ERR_NOT_TFRECORD).
            TfrOSError: the file cannot be read. The class says more, such as TfrFileNotFoundError.
            TfrValueError: an argument is invalid.
            TfrCancelled: `progress` returned a true value.

        Examples:
            >>> import pathlib, tempfile, tfr_index
            >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(record * 2)
            ...     index = tfr_index.scan(path)
            ...     print(index.check(path).uncovered_bytes)
            ...     _ = path.write_bytes(record * 3)
            ...     try:
            ...         index.check(path)
            ...     except tfr_index.TfrStale as error:
            ...         print(error.record, error.offset)
            0
            2 42
        """
        ensure_one_of("level", level, _LEVELS)
        payloads = "level='full'" if level == "full" else None
        fetch = Fetch.of(mode, max_bytes, reads_payloads=payloads, threads=threads)
        source = file_or_source(
            tfrecord_path, start=WHOLE if level == "full" else START, fetch=fetch
        )
        function = source.choose(lib.tfr_index_check, lib.tfr_index_check_source)
        fit = ffi.new("tfr_fit *")

        def check(options: CData) -> None:
            call(lib.tfr_options_set_allow_partial, options, bool(allow_partial))
            with source as data:
                call(function, self._native, data, _LEVELS[level], options, fit)

        threads = threads or source.threads
        with_options(check, checksums=checksums, progress=progress, threads=threads)
        return Fit(
            uncovered_bytes=int(fit.uncovered_bytes),
            partial=bool(fit.flags & lib.TFR_FIT_PARTIAL),
            reordered=bool(fit.flags & lib.TFR_FIT_REORDERED),
            repeated=bool(fit.flags & lib.TFR_FIT_REPEATED),
            checksums_skipped=bool(fit.flags & lib.TFR_FIT_CHECKSUMS_SKIPPED),
        )


def _entries(numbers: Buffer) -> tuple[CData, int]:
    """Alternating offsets and sizes as a C array, and its length."""
    entries = ffi.from_buffer("tfr_entry[]", numbers)
    return entries, len(entries)
