"""Creating, scanning and reading indexes: the functions that most programs start with."""

from collections.abc import Callable
from functools import partial
from typing import cast, overload

from ._arguments import ensure_one_of, refuse
from ._files import ONLY, ensure_path_to_update
from ._index import Index
from ._library import CData, borrow, call, encode_path, ffi, lib
from ._options import with_options
from ._remote import WHOLE, is_url, modified
from ._remote_fetch import Fetch
from ._remote_index import (
    create_remote_index,
    ensure_place_beside,
    is_up_to_date,
    read_remote_index,
)
from ._source import File, file_or_source
from ._typing import Buffer, Checksums, Data, Only, OnSkipped, Path, Progress, ReadMode

__all__ = ["create_index", "index_bytes", "read_index", "scan"]


@overload
def create_index(
    tfrecord_path: Data,
    index_path: Path | None = None,
    *,
    only: None = None,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
    resume: bool = False,
    sync: bool = False,
    mode: ReadMode = "auto",
    max_bytes: int | None = None,
) -> int: ...


@overload
def create_index(
    tfrecord_path: Path,
    index_path: Path | None = None,
    *,
    only: Only,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
    resume: bool = False,
    sync: bool = False,
    mode: ReadMode = "auto",
    max_bytes: int | None = None,
) -> int | None: ...


def create_index(
    tfrecord_path: Data,
    index_path: Path | None = None,
    *,
    only: Only | None = None,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
    resume: bool = False,
    sync: bool = False,
    mode: ReadMode = "auto",
    max_bytes: int | None = None,
) -> int | None:
    r"""Indexes a TFRecord file into an index file, in constant memory.

    After an error, an existing index is unchanged.

    A file may be compressed with gzip, zlib or TensorFlow's Snappy, here and wherever a TFRecord
    file is named. Offsets are then those of the decompressed data, and a seek file is written
    beside the index.

    Args:
        tfrecord_path: the path of the file to index; a URL such as "s3://bucket/train.tfrecord", or
            a `RemoteFile`; or an object that is read: memory such as a `memoryview`, a binary file
            that can seek (`io.BytesIO`, a member of an archive, a file of fsspec, obstore or
            pyarrow), or an object with a `size` and a method `pread(size, offset)`, which many
            threads call at the same time. The call raises what the methods raise. For a stream,
            which cannot seek, use `Indexer`.
        index_path: the index to write, a path or a URL. None appends ".idx" to `tfrecord_path`. It
            is required for an object that is read, and for an event file of TensorBoard ("tfevents"
            in its name): TensorBoard would take an index beside it for a newer event file.
        only: "missing": create the index only if it does not exist. "stale": also if it is older
            than the file, does not end where the file ends, or cannot be read. If nothing is to be
            done, this reads metadata twice and a few bytes. It needs the path of a file.
        checksums: which checksums of the file must be valid. "auto": those of the lengths, unless
            the first one is invalid; then the file counts as written without checksums. "none":
            none. "length": those of the lengths. "full": those of lengths and payloads; this reads
            the whole file. The structure is always checked.
        progress: called now and then as `progress(bytes_done, bytes_total, records)`. A true result
            cancels the call. An exception cancels it too, and the call raises that exception.
        threads: 1 uses only the calling thread. n > 1 starts n workers. 0, the default, chooses:
            one for each processor, more if they wait for the disk, 1 for an object that must seek.
            The result does not depend on it.
        salvage: skip damaged regions instead of raising an error: the index has the good records.
            After a damaged header, the scan continues at the next valid one. With
            `checksums="full"` it also skips records with a damaged payload. It needs checksums:
            "none" is an error, and "auto" counts as "length".
        allow_incomplete_tail: accept a file that ends inside a record, because it is still being
            written. The index leaves that record out. It needs checksums, as `salvage` does.
        on_skipped: called as `on_skipped(skipped)`, with a `Skipped`, for each skipped region. A
            true result cancels the call. An exception cancels it too, and the call raises that
            exception. Without `on_skipped`, one `TfrWarning` sums up the damaged regions.
        resume: continue an existing index: scan only what was appended to the file since. The index
            must cover all of the earlier file. While one call, or a `RecordWriter` that appends to
            the file, writes the index, a second one raises TfrOSError with the `errno` EBUSY.
        sync: wait until the index is on the disk (`fsync`), which takes some milliseconds. Without
            it, a killed process leaves the old index or the complete new one, but a crash of the
            system or a power cut may leave an empty or partial one. With it, these too leave the
            old index or the new one, and the new one after the call has returned. The promise is as
            good as that of the system and the disk.
        mode: how a file at a URL, or a `RemoteFile`, is read: see `ReadMode`. "auto", the default,
            chooses by what a request costs. Other data has no mode.
        max_bytes: the most bytes of a file at a URL, or a `RemoteFile`, that are fetched. If more
            are needed, the call raises TfrOSError with the `errno` EDQUOT, before it fetches them.

    Returns:
        The number of records in the index; with `only`, None if the index is left unchanged.

    Raises:
        TfrError: the file is not a TFRecord file, or is damaged: see `status`, `record`, `offset`.
        TfrOSError: a file cannot be opened, read or written. The class says more, such as
            TfrFileNotFoundError, which is also a FileNotFoundError.
        TfrValueError: an argument is invalid; both paths lead to the same file; the file has no
            size; the file to resume is not an index.
        TfrMismatch: the index to resume is not the index of the earlier file.
        TfrCancelled: `progress` or `on_skipped` returned a true value.

    Examples:
        >>> import pathlib, tempfile
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     _ = path.write_bytes(record + record)
        ...     print(create_index(path))
        ...     print(pathlib.Path(directory, "train.tfrecord.idx").read_text(), end="")
        2
        0 21
        21 21

        Indexing the good records of a damaged file:

        >>> skipped = []
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     _ = path.write_bytes(record + b"x" * 30 + record)
        ...     print(create_index(path, salvage=True, on_skipped=skipped.append))
        ...     print(pathlib.Path(directory, "train.tfrecord.idx").read_text(), end="")
        2
        0 21
        51 21
        >>> skipped[0].start, skipped[0].end, skipped[0].record
        (21, 51, 1)
    """
    if is_url(index_path) or (index_path is None and is_url(tfrecord_path)):
        if resume:
            raise refuse("resume needs the path of an index: an index at a URL is written whole")
        make = partial(
            create_index,
            tfrecord_path,
            checksums=checksums,
            progress=progress,
            threads=threads,
            salvage=salvage,
            allow_incomplete_tail=allow_incomplete_tail,
            on_skipped=on_skipped,
            mode=mode,
            max_bytes=max_bytes,
        )
        return _create_at_url(tfrecord_path, index_path, only, make)
    fetch = _fetch(mode, max_bytes, checksums, threads)
    source = file_or_source(tfrecord_path, start=WHOLE, fetch=fetch)
    if index_path is None and not isinstance(source, File):
        raise refuse("index_path must be given: the data has no path to which .idx can be appended")
    if only is not None:
        ensure_path_to_update(only, source)
    function = source.choose(lib.tfr_index_create, lib.tfr_index_create_from_source)
    target = ffi.NULL if index_path is None else encode_path(index_path)
    count_out = ffi.new("uint64_t *")
    with source as data:

        def create(options: CData) -> None:
            if only is None:
                call(function, data, target, options, count_out)
            else:
                call(lib.tfr_index_update, data, target, ONLY[only], options, count_out)

        with_options(
            create,
            checksums=checksums,
            progress=progress,
            threads=threads or source.threads,
            salvage=salvage,
            allow_incomplete_tail=allow_incomplete_tail,
            on_skipped=on_skipped,
            resume=resume,
            sync=sync,
        )
    count = int(count_out[0])
    return None if count == lib.TFR_UNKNOWN else count


def _fetch(mode: ReadMode, max_bytes: int | None, checksums: Checksums, threads: int) -> Fetch:
    payloads = "checksums='full'" if checksums == "full" else None
    return Fetch.of(mode, max_bytes, reads_payloads=payloads, threads=threads)


def _create_at_url(
    data: Data, index_path: Path | None, only: Only | None, create: Callable[[str], int]
) -> int | None:
    if index_path is None:
        ensure_place_beside(cast(str, data))
    url = f"{cast(str, data)}.idx" if index_path is None else cast(str, index_path)
    if only is not None:
        ensure_one_of("only", only, ONLY)
        if only == "missing" and modified(url) is not None:
            return None
        if only == "stale" and is_url(data) and is_up_to_date(cast(str, data), url):
            return None
    return create_remote_index(url, create, only_new=only == "missing")


def read_index(index_path: Path) -> Index:
    r"""Reads an index file.

    Raises:
        TfrOSError: the file cannot be read. The class says more, such as TfrFileNotFoundError.
        TfrValueError: the file is not an index. The error names the line.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "train.tfrecord.idx")
        ...     with open(path, "w") as file:
        ...         _ = file.write("0 21\n21 16\n")
        ...     index = read_index(path)
        >>> index[1]
        (21, 16)
    """
    if is_url(index_path):
        return read_remote_index(cast(str, index_path))
    return Index._made_by(lib.tfr_index_read, encode_path(index_path))


def scan(
    tfrecord_path: Data,
    *,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
    mode: ReadMode = "auto",
    max_bytes: int | None = None,
) -> Index:
    r"""Indexes a TFRecord file in memory, with 16 bytes for each record. It writes no file.

    Arguments and errors are those of `create_index`; it can also raise TfrMemoryError.

    Examples:
        >>> import os, tempfile
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "train.tfrecord")
        ...     with open(path, "wb") as file:
        ...         _ = file.write(record + record)
        ...     index = scan(path)
        >>> offset, size = index[1]
        >>> (record + record)[offset + 12 : offset + size - 4]
        b'hello'

        Data that has no path:

        >>> import io, zipfile
        >>> with zipfile.ZipFile(io.BytesIO(), "w") as archive:
        ...     archive.writestr("train.tfrecord", record + record)
        ...     with archive.open("train.tfrecord") as member:
        ...         list(scan(member))
        [(0, 21), (21, 21)]
    """
    fetch = _fetch(mode, max_bytes, checksums, threads)
    source = file_or_source(tfrecord_path, start=WHOLE, fetch=fetch)
    function = source.choose(lib.tfr_index_scan, lib.tfr_index_from_source)
    with source as data:
        return with_options(
            lambda options: Index._made_by(function, data, options),
            checksums=checksums,
            progress=progress,
            threads=threads or source.threads,
            salvage=salvage,
            allow_incomplete_tail=allow_incomplete_tail,
            on_skipped=on_skipped,
        )


def index_bytes(
    data: Buffer,
    *,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
) -> Index:
    r"""Indexes TFRecord data in memory.

    The other arguments, and the errors, are those of `scan`.

    Args:
        data: `bytes` or any other object with the buffer protocol whose memory is contiguous,
            such as `bytearray`, `memoryview`, `mmap.mmap` or a numpy array. The memory is not
            copied, and no other thread may change it during the call.

    Examples:
        >>> index = index_bytes(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        >>> list(index)
        [(0, 21)]
    """
    with borrow(data) as pointer:
        return with_options(
            lambda options: Index._made_by(
                lib.tfr_index_from_bytes, pointer, len(pointer), options
            ),
            checksums=checksums,
            progress=progress,
            threads=threads,
            salvage=salvage,
            allow_incomplete_tail=allow_incomplete_tail,
            on_skipped=on_skipped,
        )
