"""Copies of data sets in files of other sizes."""

import os
from collections.abc import Iterable

from ._arguments import integer, path_list, refuse
from ._errors import TfrError, TfrWarning, warn
from ._files import c_paths, native_shards
from ._library import (
    CData,
    call,
    callback,
    encode_path,
    exception_of,
    ffi,
    is_interrupt,
    lib,
    take,
)
from ._options import with_options
from ._typing import Checksums, Compression, Path, Progress

__all__ = ["reshard"]


def reshard(
    paths: Path | Iterable[Path],
    directory: Path,
    *,
    shards: int | None = None,
    shard_bytes: int | None = None,
    shuffle: int | None = None,
    name: str = "train",
    indexes: Iterable[Path | None] | None = None,
    index_dir: Path | None = None,
    pattern: str | None = None,
    allow_missing: bool = False,
    checksums: Checksums = "auto",
    salvage: bool = False,
    threads: int = 0,
    sync: bool = False,
    compression: Compression | None = None,
    progress: Progress | None = None,
) -> str:
    """Copies the records of a data set to new TFRecord files in a new directory.

    Each file has its index, and a manifest has all of them: `train-00000-of-00008.tfrecord`,
    `train-00000-of-00008.tfrecord.idx` and so on, and `train.manifest.json`. Each record is
    checked, and its frame is copied as it is. The directory appears complete or not at all. The
    next call for the same directory removes what a killed process left.

    A `TfrWarning` names each index that was found but not used, each region that `salvage` left
    out, and each file that was written without valid checksums: its records cannot be checked, and
    their copies have valid checksums. Another one names a directory in `paths` that the new
    directory is in: it then has both data sets.

    Args:
        paths: files, directories, patterns and manifests, as for `Dataset`, in order.
        directory: the new directory. It must not exist, or be empty.
        shards: the number of new files; the numbers of their records differ by at most 1.
        shard_bytes: about how many bytes each new file has. Give either this or `shards`.
        shuffle: a seed: record `i` of the copy is record `Permutation(n, seed)[i]` of the set.
            None keeps the order.
        name: how the names of the new files begin.
        indexes: the indexes of the files, in the same order; None for one that is found beside its
            file. A given index may select, reorder and repeat records.
        index_dir: a directory with the indexes, as for `Dataset`.
        pattern: as for `Dataset`.
        allow_missing: as for `Dataset`.
        checksums: "auto", or "full" to refuse files that were written without valid checksums.
        salvage: leave out damaged records instead of failing. This reads the files twice, and uses
            no indexes.
        threads: the number of threads; 0 means one per processor, at most 8.
        sync: wait until the files are on the disk before the directory appears.
        compression: "gzip" compresses the new files, as `RecordWriter` does, and adds ".gz" to
            their names. The size of `shard_bytes` is then that of the decompressed data.
        progress: called as `progress(bytes_done, bytes_total, records)`. A true result cancels the
            call. An exception cancels it too, and the call raises that exception.

    Returns:
        The path of the manifest.

    Raises:
        TfrError: a record is damaged: see `path`, `record`, `offset`.
        TfrMismatch: a file was changed meanwhile, or is not what the manifest or
            `dataset_info.json` says that lists it: its size and its time of modification must be
            the same, and its number of records, unless its index selects some.
        TfrOSError: a file cannot be read or written. The `errno` is ENOTEMPTY if the directory is
            not empty, EBUSY if another call is writing it.
        TfrValueError: an argument is invalid, or a new file would have no record.
        TfrCancelled: `progress` returned a true value.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "old.tfrecord")
        ...     with RecordWriter(path) as writer:
        ...         for payload in (b"a", b"b", b"c"):
        ...             _ = writer.write(payload)
        ...     new = os.path.join(directory, "new")
        ...     _ = reshard([path], new, shards=2)
        ...     list(Dataset([os.path.join(new, "train-00001-of-00002.tfrecord")]))
        [b'b', b'c']
    """
    if (shards is None) == (shard_bytes is None):
        raise refuse("give either shards or shard_bytes")
    count = integer("shards", 0 if shards is None else shards, bits=64)
    size = integer("shard_bytes", 0 if shard_bytes is None else shard_bytes, bits=64)
    seed = ffi.NULL
    if shuffle is not None:
        seed = ffi.new("uint64_t *", integer("shuffle", shuffle, bits=64))
    if indexes is not None and index_dir is not None:
        raise refuse("indexes and index_dir cannot both be given: pass one of them")
    sources = path_list(paths)
    found = native_shards(
        sources,
        index_dir,
        pattern=pattern,
        allow_missing=allow_missing,
        allow_repeated=indexes is not None,
    )
    index_natives, _keep = ffi.NULL, None
    if indexes is not None:
        given, files = list(indexes), lib.tfr_shards_len(found)
        if len(given) != files:
            raise refuse(f"indexes has {len(given)} items for {files} files")
        index_natives, _keep = c_paths(given)
    warnings: list[TfrError] = []
    kept = BaseException()

    def add(_context: CData, warning: CData) -> None:
        warnings.append(exception_of(warning))

    on_warning = callback("tfr_warning_fn", add, None, kept)
    target, start = encode_path(directory), name.encode()

    def copy(options: CData) -> None:
        call(
            lib.tfr_reshard,
            found,
            index_natives,
            target,
            start,
            count,
            size,
            seed,
            options,
            on_warning,
            ffi.NULL,
        )

    with_options(
        copy,
        checksums=checksums,
        progress=progress,
        threads=threads,
        salvage=salvage,
        sync=sync,
        compression=compression,
    )
    if is_interrupt(kept):
        raise take(kept)
    for warning in warnings:
        warn(TfrWarning(warning, str(warning)))
    for source in map(os.fsdecode, sources):
        if _is_inside(new := os.fsdecode(directory), source):
            text = f"{new}: is in {source}, so {source} now has both data sets"
            warn(TfrWarning(refuse(text), text))
            break
    return os.path.join(os.fsdecode(directory), f"{name}.manifest.json")


def _is_inside(directory: str, around: str) -> bool:
    """Whether a directory is inside another one."""
    inner, outer = os.path.realpath(directory), os.path.realpath(around)
    return os.path.isdir(outer) and os.path.commonpath([inner, outer]) == outer
