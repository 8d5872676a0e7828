"""`Reader`: the records of a TFRecord file."""

from __future__ import annotations

import contextlib
import os
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, cast, final, overload

from ._arguments import refuse
from ._columns import Columns, Wanted
from ._cpython import new_bytes, new_small_bytes
from ._errors import TfrMismatch, TfrWarning, warn
from ._features import Features
from ._files import find_index
from ._index import OVERHEAD, Index
from ._iterate import iterate
from ._library import CData, call, encode_path, exception_of, ffi, keeping, lib, make
from ._memory import (
    LARGE,
    allocate,
    are_large,
    cut,
    each,
    give_memory,
    give_small,
    take_memory,
    take_small,
)
from ._numpy import numbers_of
from ._options import with_options
from ._payloads import Payloads, ensure_no_mask, number_in, plain
from ._remote import SMALL, START, is_url
from ._remote_index import fitting_index, index_beside, read_remote_index
from ._source import Decompressed, File, Memory, Source, file_or_source
from ._typing import Buffer, Checksums, Data, OnSkipped, Path, Progress

__all__ = ["Reader"]

_PIECE = 1 << 20  # bytes of small payloads to read in one call: they stay in the cache
_LARGE_PIECE = 16 << 20  # bytes of large payloads to read in one call: enough for two threads
_DISTANT_PIECE = 32 << 20  # of a remote file: enough for some requests at the same time
_NULL = ffi.NULL
_OK, _OUT_OF_RANGE = lib.TFR_OK, lib.TFR_ERR_OUT_OF_RANGE
_INVALID_ARGUMENT = lib.TFR_ERR_INVALID_ARGUMENT
_sizes, _offsets = lib.tfr_reader_sizes, lib.tfr_reader_offsets
_read, _read_many = lib.tfr_reader_read, lib.tfr_reader_read_many
_read_each = lib.tfr_reader_read_each


@final
class Reader:
    r"""The records of a TFRecord file: a sequence of payloads, any of which can be read.

    A slice of a reader is a reader, which shares the open file.

    `reader[record]`, iteration and the other methods that read a record raise:

    - IndexError: there is no record with that number.
    - TfrMismatch: the index is not the index of the data.
    - TfrError: the record is damaged; `record` is its number in the file's index.
    - TfrOSError: the file cannot be read.
    - ValueError: the reader is closed.
    - Any exception that the methods of `data` raise.

    Any number of threads may use one reader at the same time without waiting for one another. A
    forked process may use it too, except for an object that must seek: its reads raise
    TfrValueError there. Unpickling a reader opens the file again. The pickle of a reader of memory
    contains the data.

    Args:
        data: the path of the file; or its bytes in memory, or an object that is read by its
            methods, as for `tfr_index.scan`. (The last two have no index beside them.) Random reads
            of small records are fastest from a mapped file, such as `mmap.mmap`. But if another
            process truncates a mapped file, reading beyond its new end kills this process with
            SIGBUS.
        index: where the records are. An `Index`, or the path of one, is used as it is: it may
            select, reorder and repeat records, and each record is checked when it is read. None
            uses the index beside the file (the path with ".idx" appended) if that is an index of
            this file and accounts for every valid record: none starts in a gap of the index, before
            its first entry or after its last one. Otherwise the reader scans the file, without
            writing an index; if there was an index, a `TfrWarning` says why it is not used.
        index_dir: a directory that must contain the index. `find_index` finds it there by the
            file's name, and the reader uses it as it is, as if given as `index`.
        checksums: what is checked when a record is read, besides that its length matches the index.
            "full": the checksums of length and payload. "length": the checksum of the length.
            "auto": as "full", unless the file was written without valid checksums. "none": nothing,
            not even the length.
        raw_frames: return whole frames, with the 12 bytes before the payload and the 4 after it.
        threads: the most threads for one call. 1 uses only the calling thread. 0 chooses.
        salvage: as for `tfr_index.create_index`, if the reader scans the file.
        allow_incomplete_tail: as `salvage`.
        on_skipped: as `salvage`.
        progress: as `salvage`.

    Raises:
        TfrError: the reader has to scan the file, which is not a TFRecord file or is damaged.
        TfrOSError: a file cannot be read. The class says more, such as TfrFileNotFoundError.
        TfrValueError: an argument is invalid.
        Exception: whatever the methods of `data` raise.

    Examples:
        >>> import pathlib, tempfile
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
        >>> directory = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(directory.name, "train.tfrecord")
        >>> _ = path.write_bytes(record * 3)
        >>> with Reader(path) as reader:
        ...     print(len(reader), reader[1], reader[-1])
        ...     print(list(reader[1:]))
        3 b'hello' b'hello'
        [b'hello', b'hello']
        >>> directory.cleanup()
    """

    __slots__ = (
        "__weakref__",
        "_given",
        "_index",
        "_is_large",
        "_is_pinned",
        "_native",
        "_overhead",
        "_records",
        "_source",
        "_whole",
    )

    _native: CData  # NULL when the reader is closed
    _source: File | Memory | Source | Decompressed
    _records: range  # the numbers of entries
    _whole: range  # the numbers of all entries
    _overhead: int  # bytes of a frame that are not part of the result
    _is_large: bool  # whether the last record that was read alone was larger than LARGE
    _index: Index | None  # all entries, once they are asked for
    _given: tuple[Any, ...]  # the arguments with which unpickling opens the reader again
    _is_pinned: bool  # whether that needs the index, although the reader was opened without one

    def __init__(
        self,
        data: Data,
        index: Index | Path | None = None,
        checksums: Checksums = "auto",
        *,
        index_dir: Path | None = None,
        raw_frames: bool = False,
        threads: int = 0,
        salvage: bool = False,
        allow_incomplete_tail: bool = False,
        on_skipped: OnSkipped | None = None,
        progress: Progress | None = None,
    ) -> None:
        if index_dir is not None:
            index = _found_in(index_dir, data, index)
        beside = index_beside(data) if index is None and not salvage else None
        # Without an index, the request that opens a small file reads it.
        start = SMALL if index is None and beside is None else START
        source = self._source = file_or_source(data, start=start)
        if beside is not None:
            index = fitting_index(beside, cast(Source | Decompressed, source))
        open_it = source.choose(lib.tfr_reader_open, lib.tfr_reader_from_source)
        if index is not None and not isinstance(index, Index):
            given: Index | Path | None = os.fspath(index)
            if is_url(index):
                index = read_remote_index(cast(str, index))
            else:
                index = Index._made_by(lib.tfr_index_read, encode_path(index))
        else:
            given = index
        native_index = _NULL if index is None else index._native

        def open_by(options: CData) -> CData:
            with source as native:
                reader = make("reader", open_it, native, native_index, options)
                source.keep()
                # When the reader is closed, other threads may still be in calls that use the data.
                return keeping(reader, source)

        native = self._native = with_options(
            open_by,
            checksums=checksums,
            progress=progress,
            threads=threads or source.threads,
            salvage=salvage,
            allow_incomplete_tail=allow_incomplete_tail,
            on_skipped=on_skipped,
            raw_frames=raw_frames,
        )
        count = lib.tfr_reader_len(native)
        warning = lib.tfr_reader_warning(native)
        self._overhead = 0 if raw_frames else OVERHEAD
        self._records = self._whole = range(count)
        self._is_large = False
        self._index = given if isinstance(given, Index) else None
        # A pickled copy has the same records, even if the file grows.
        self._is_pinned = bool(salvage or allow_incomplete_tail) and given is None
        if isinstance(source, File):
            data = os.fspath(cast(Path, data))
        elif isinstance(source, Source):
            data = cast(Data, source.data)  # of a URL, the version that was opened
        self._given = (data, given, checksums, bool(raw_frames), threads)
        if warning:
            warn(TfrWarning(exception_of(warning)))

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, record: int) -> bytes: ...

    @overload
    def __getitem__(self, record: slice) -> Reader: ...

    def __getitem__(self, record: int | slice) -> bytes | Reader:
        try:
            number: Any = self._records[record]
            if self._is_large:
                return self._read_large(number)
            small = take_small()
            read = _read(self._native, number, small.memory, LARGE, small.size_out, _NULL)
        except (IndexError, TypeError):  # TypeError for a slice
            if isinstance(record, slice):
                return self._part(self._records[record])
            return self._read_large(self._number(record))
        if read != _OK:
            if read == _INVALID_ARGUMENT:  # the record is larger than the block
                return self._read_large(number)
            # Only a failed read makes a second call, which returns the error.
            self._read_again(_read, self._native, number, small.memory, LARGE, small.size_out)
        payload: bytes = small.content[: small.size_out[0]]
        give_small(small)
        return payload

    def _read_large(self, number: int) -> bytes:
        """Reads a record of any size, or raises the error of its read."""
        size = self._size_of(number)
        self._is_large = size > LARGE
        payload = new_bytes(size) if self._is_large else new_small_bytes(size)
        if _read(self._native, number, payload, size, _NULL, _NULL) != _OK:
            self._read_again(_read, self._native, number, payload, size, _NULL)
        return payload

    def _part(self, records: range) -> Reader:
        part = Reader.__new__(Reader)
        for name in Reader.__slots__[1:]:
            setattr(part, name, getattr(self, name))
        part._records = records
        return part

    def _number(self, record: int) -> int:
        """The number of a record's entry in the index."""
        self._raise_if_closed()
        return number_in(self._records, record, self)

    def _size_of(self, number: int) -> int:
        self._raise_if_closed()
        size_out = ffi.new("size_t *")
        self._read_again(_sizes, self._native, [number], 1, size_out)
        return int(size_out[0])

    def _read_again(self, function: Callable[..., int], *arguments: Any) -> None:
        """Repeats a call that failed, to raise its error."""
        self._raise_if_closed()
        with self._source:
            call(function, *arguments)

    def _raise_if_closed(self) -> None:
        if not self._native:
            raise ValueError("the reader is closed")

    def read_many(self, records: Iterable[int]) -> list[bytes]:
        r"""Reads many payloads, in the order of `records`. This is faster than reading one by one.

        Args:
            records: record numbers in any order, also repeated: a list, a range, a numpy array or
                another iterable. Negative numbers count from the end.

        Raises:
            Exception: what `reader[record]` raises, for the first bad record in the order of
                `records`.
            TfrMemoryError: the payloads take more than 1 GiB, and more memory than the process can
                get.

        Examples:
            >>> import pathlib, tempfile
            >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(record * 3)
            ...     Reader(path).read_many([2, 0, -1])
            [b'hello', b'hello', b'hello']
        """
        return self._load(*self._find(records))

    def _load(self, numbers: CData, offsets: list[int]) -> list[bytes]:
        if are_large(offsets):
            return self._read_each(numbers, offsets)
        memory = take_memory()
        self._fill(numbers, memory, offsets[-1])
        payloads = cut(memory, offsets)
        give_memory(memory)
        return payloads

    def _read_each(self, numbers: CData, offsets: list[int]) -> list[bytes]:
        payloads, *memory = each(offsets)
        arguments = self._native, numbers, len(numbers), *memory
        if _read_each(*arguments, _NULL) != _OK:
            self._read_again(_read_each, *arguments)
        return payloads

    def read_buffer(self, records: Iterable[int]) -> Payloads:
        r"""Reads many payloads, as `read_many` does, into one block of memory without a copy.

        Examples:
            >>> import pathlib, tempfile
            >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(record * 3)
            ...     payloads = Reader(path).read_buffer([2, 0])
            >>> payloads.data.tobytes(), list(payloads.offsets)
            (b'hellohello', [0, 5, 10])
        """
        numbers, offsets = self._find(records)
        size = offsets[-1]
        buffer = allocate("uint8_t[]", max(1, size))
        self._fill(numbers, buffer, size)
        data = memoryview(ffi.buffer(buffer, size)).toreadonly()
        return Payloads(data.cast("B"), memoryview(array("Q", offsets)).toreadonly())

    def read_columns(self, records: Iterable[int], features: Features) -> Columns:
        r"""Reads many records of `tf.train.Example`, and returns features of them as columns.

        No protobuf is made, and TensorFlow is not needed; numpy is. Threads decode the records, if
        that helps. Features that are not wanted are not decoded.

        Args:
            records: record numbers, as for `read_many`.
            features: which features are wanted: `Bytes`, `Float` or `Int64` by name.
                `infer_features` finds those of a file.

        Raises:
            TfrExampleError: a record is not a `tf.train.Example`.
            TfrFeatureError: a record lacks a feature that has no default, or has values of another
                kind, or another number of them. `feature` names it.
            TfrValueError: the reader has `raw_frames`; the features contradict each other.
            ImportError: numpy is not installed.
            Exception: what `read_many` raises. An error is that of the first bad record in the
                order of `records`.

        Examples:
            >>> import pathlib, tempfile
            >>> from tfr_index import Bytes, Int64, RecordWriter
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     with RecordWriter(path) as writer:
            ...         writer.write_examples({"label": [7, 8, 9], "name": ["a", "few", "words"]})
            ...     batch = Reader(path).read_columns([2, 0], {"label": Int64(), "name": Bytes()})
            >>> batch["label"], batch["name"].to_list()
            (array([9, 7]), [b'words', b'a'])
        """
        self._raise_if_closed()
        wanted = Wanted.of(features)
        numbers = numbers_of(records, self._records, self._number)
        given = ffi.from_buffer("size_t[]", numbers), len(numbers), wanted.native
        with self._source:
            batch = make("batch", lib.tfr_reader_read_columns, self._native, *given)
        return Columns._of(batch, wanted, self._records)

    def _find(self, records: Iterable[int]) -> tuple[CData, list[int]]:
        """The numbers of the records' entries as a C array, and the offsets of the payloads."""
        if not isinstance(records, (list, tuple, range)):
            records = plain(records)
        else:
            ensure_no_mask(records)
        if self._is_whole():
            # Fails for negative numbers, for what is no number, and out of range.
            with contextlib.suppress(OverflowError, TypeError, IndexError):
                return self._offsets(
                    records if isinstance(records, memoryview) else array("Q", records)
                )
        numbers = array("Q", [self._number(record) for record in records])
        return self._offsets(numbers)

    def _offsets(self, column: Buffer) -> tuple[CData, list[int]]:
        self._raise_if_closed()
        numbers = ffi.from_buffer("size_t[]", column)
        count = len(numbers)
        offsets_out = ffi.new("size_t[]", count + 1)
        status = _offsets(self._native, numbers, count, offsets_out, _NULL)
        if status == _OUT_OF_RANGE:
            raise IndexError
        if status != _OK:
            self._read_again(_offsets, self._native, numbers, count, offsets_out)
        return numbers, ffi.unpack(offsets_out, count + 1)

    def _fill(self, numbers: CData, memory: CData, size: int) -> None:
        arguments = self._native, numbers, len(numbers), memory, size, _NULL
        if _read_many(*arguments, _NULL) != _OK:
            self._read_again(_read_many, *arguments)

    def _load_piece(self, start: int, most: int) -> list[bytes]:
        """One payload or more from `start`: at most `most`, and a few MiB."""
        numbers, offsets = self._offsets(array("Q", self._records[start : start + most]))
        size = _LARGE_PIECE if are_large(offsets) else _PIECE
        if isinstance(self._source, Source) and self._source.is_distant:
            size = _DISTANT_PIECE
        count = max(1, bisect_right(offsets, size) - 1)
        del offsets[count + 1 :]
        return self._load(numbers[0:count], offsets)

    def __iter__(self) -> Iterator[bytes]:
        """Yields all payloads.

        The reader reads a few MiB at a time. If that is slow, as from a disk, a thread reads ahead.
        """
        return iterate(self)

    def __reversed__(self) -> Iterator[bytes]:
        return iter(self[::-1])

    def __contains__(self, payload: object) -> bool:
        """Whether a record has this payload. Only payloads of the same size are read."""
        self._raise_if_closed()
        if not isinstance(payload, (bytes, bytearray, memoryview)):
            return False
        sizes, size = self._all_entries().sizes, memoryview(payload).nbytes + self._overhead
        candidates = (place for place, one in enumerate(self._records) if sizes[one] == size)
        return any(self[candidate] == payload for candidate in candidates)

    @property
    def index(self) -> Index:
        r"""The index: where the records of this reader, or of this slice, are.

        The first use makes it. From then on it takes 16 bytes of memory per record; without it, a
        reader of a whole file takes one to three.

        Examples:
            >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> list(Reader(memoryview(record * 3))[1:].index)
            [(21, 21), (42, 21)]
        """
        index, records = self._all_entries(), self._records
        if self._is_whole():
            return index
        return index[records.start : records.stop if records.stop >= 0 else None : records.step]

    def _all_entries(self) -> Index:
        if self._index is None:
            native = self._native  # another thread may close the reader meanwhile
            self._raise_if_closed()
            self._index = Index._made_by(lib.tfr_reader_index, native)
        return self._index

    def _is_whole(self) -> bool:
        return self._records == self._whole

    def close(self) -> None:
        """Closes the reader. The file is closed when the last of its slices is closed."""
        self._native = _NULL
        self._source = File(b"")

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<tfr_index.Reader of {len(self)} records of {_name(self._given[0])}>"

    def __reduce__(self) -> tuple[object, tuple[Any, ...]]:
        self._raise_if_closed()
        data, index, *others = self._given
        if self._is_pinned:
            index = self._all_entries()
        return _reopen, (self._records, data, index, *others)


def _reopen(
    records: range,
    data: Data,
    index: Index | Path | None,
    checksums: Checksums,
    raw_frames: bool,
    threads: int,
) -> Reader:
    """Unpickles a reader."""
    reader = Reader(data, index, checksums, raw_frames=raw_frames, threads=threads)
    if records and max(records[0], records[-1]) >= len(reader):
        name = _name(data)
        message = (
            f"{name}: the file has {len(reader)} records, fewer than when the reader was pickled: "
            "open a new reader"
        )
        raise TfrMismatch(message, "TFR_ERR_MISMATCH", name, len(reader))
    return reader._part(records)


def _name(data: Data) -> str:
    if isinstance(data, (str, bytes)):
        return os.fsdecode(data)
    # Memory may have a repr() with all of its bytes: too long for a message.
    return repr(data) if hasattr(data, "read") else object.__repr__(data)


def _found_in(index_dir: Path, data: Data, index: Index | Path | None) -> str:
    if index is not None:
        raise refuse("index and index_dir cannot both be given: pass one of them")
    if not isinstance(file_or_source(data), File):
        raise refuse("index_dir needs the path of a file: its name is also the name of the index")
    return find_index(cast(Path, data), index_dir)
