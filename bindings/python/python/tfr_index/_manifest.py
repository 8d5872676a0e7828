"""`Manifest`: the files of a data set, and how many records each has, in one JSON file."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, NamedTuple, cast, final, overload

from ._arguments import ensure_callable, integer, path_list, refuse
from ._errors import TfrCancelled, TfrError, TfrFileNotFoundError
from ._executor import SentShards, Shard, by_executor, is_cancelled
from ._files import c_paths, decoded, native_shards, shards_of
from ._library import CData, call, encode_path, ffi, lib, make, text
from ._manifest_row import ManifestRow
from ._options import with_options
from ._remote import is_url, read, resolved, write
from ._remote_manifest import present, rows_of, size_of_all, unchanged
from ._remote_shards import RemoteFiles, are_remote, find_remote_files
from ._typing import Checksums, Path, Progress

__all__ = ["ENDING", "Changes", "Manifest", "lists_urls"]

#: How the name of a manifest ends.
ENDING = b".manifest.json"
_NO_MTIME = -(2**63)
#: The first bytes of a manifest, which say that it is one.
_START = 4096
#: Threads that look for the sizes of files, which waits for storage.
_LOOKING = 32


class Changes(NamedTuple):
    """What `Manifest.refresh` found."""

    added: list[str]
    """Shards that were not in the manifest."""
    changed: list[str]
    """Shards with another size or time of modification."""
    gone: list[str]
    """Shards that are no longer in the set."""
    indexed: list[str]
    """Shards that have the same size and time of modification, and an index now."""
    reordered: bool
    """Whether shards that were in the manifest are now in another order."""


@final
class Manifest(Sequence[ManifestRow]):
    r"""The shards of a data set, in order, and how many records each has: a sequence of rows.

    A manifest is kept in a JSON file, so that a program knows the length of the set without opening
    a shard. The file names its shards relative to itself: the directory that holds both can be
    moved. Make one with `build`, `read`, `from_tfds` or `from_rows`.

    Any number of threads may use it at the same time, except during `refresh`.

    Examples:
        >>> import pathlib, tempfile
        >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for shard in range(3):
        ...         path = pathlib.Path(directory, f"train-{shard}.tfrecord")
        ...         _ = path.write_bytes(frame * 2)
        ...     file = f"{directory}/train.manifest.json"
        ...     Manifest.build(directory).write(file)
        ...     manifest = Manifest.read(file)
        ...     len(manifest), manifest.total_records, manifest[2].records
        (3, 6, 2)
    """

    __slots__ = ("__weakref__", "_native", "_rows")

    _native: CData
    _rows: list[ManifestRow]

    def __init__(self) -> None:
        raise TypeError("make a Manifest with Manifest.build(), read(), from_tfds() or from_rows()")

    @classmethod
    def _of(cls, native: CData) -> Manifest:
        manifest = cls.__new__(cls)
        manifest._native = native
        manifest._load()
        return manifest

    def _load(self) -> None:
        row = ffi.new("tfr_manifest_row *")
        rows = []
        for number in range(lib.tfr_manifest_len(self._native)):
            call(lib.tfr_manifest_get, self._native, number, row)
            path, index_path = row.path, row.index_path
            rows.append(
                ManifestRow(
                    os.fsdecode(ffi.string(path)),
                    row.bytes,
                    row.records,
                    None if row.mtime_ns == _NO_MTIME else row.mtime_ns,
                    os.fsdecode(ffi.string(index_path)) if index_path else None,
                    text(row.etag) if row.etag else None,
                )
            )
        self._rows = rows

    @classmethod
    def build(
        cls,
        paths: Path | Iterable[Path],
        *,
        index_dir: Path | None = None,
        pattern: str | None = None,
        allow_missing: bool = False,
        checksums: Checksums = "auto",
        progress: Progress | None = None,
        threads: int = 0,
        executor: Executor | None = None,
    ) -> Manifest:
        """Looks at the files of a set and counts their records.

        The counts come from the indexes; a file without one beside it that fits is scanned, and no
        index is written. So create the indexes first.

        Args:
            paths: files, directories and patterns, as for `Dataset`.
            index_dir: a directory with the indexes, as for `Dataset`.
            pattern: as for `Dataset`.
            allow_missing: as for `Dataset`.
            checksums: as for `create_index`, for files that are scanned.
            progress: as for `create_index`, for all files together.
            threads: how many files to count at the same time. 0 chooses.
            executor: does the work in chunks of files, as for `create_indexes`. `progress` is
                called after each chunk.

        Raises:
            TfrFileNotFoundError: a file does not exist, or has no index in `index_dir`.
            TfrError: a file is damaged or not a TFRecord file, or a worker that counts its records
                is killed twice. The error names it.
            TfrMismatch: a file keeps changing.
            BrokenExecutor: the executor has failed, and not because of a file.
        """
        files = path_list(paths)
        listed = _listed_urls(files)
        if listed or are_remote(files):
            if listed is None:
                found = find_remote_files(files, None, None, index_dir, pattern, allow_missing)
            elif index_dir is None and pattern is None:
                found = present(listed, allow_missing=allow_missing)
            else:
                raise refuse("index_dir and pattern cannot be given with a manifest of URLs")
            if executor is not None:
                ensure_callable("progress", progress)
                given: list[Shard] = [(path, found.index_paths.get(path)) for path in found.paths]
                settings = {"checksums": checksums, "threads": threads}
                counted = by_executor(executor, _count_remote, given, settings, _lost)
                total = size_of_all(found) if progress else 0
                return cls.from_rows(_told(counted, progress, total))
            return cls.from_rows(rows_of(found, checksums, threads, progress))
        shards = native_shards(files, index_dir, pattern=pattern, allow_missing=allow_missing)
        if executor is not None:
            settings = {"checksums": checksums, "threads": threads}
            return cls.from_rows(_count_by(executor, shards_of(shards), settings, progress))
        return cls._of(_build(shards, progress, checksums=checksums, threads=threads))

    @classmethod
    def from_rows(cls, rows: Iterable[ManifestRow]) -> Manifest:
        """Makes a manifest of rows that are known, such as those of other manifests.

        Raises:
            TfrValueError: the rows have more than 2**64 - 1 records.

        Examples:
            >>> rows = [ManifestRow(f"data/{name}", 21, 1, None, None) for name in "ab"]
            >>> Manifest.from_rows(rows)
            <Manifest of 2 shards, 2 records>
        """
        given = list(rows)
        paths, _paths = c_paths(row.path for row in given)
        indexes, _indexes = c_paths(row.index_path for row in given)
        etags, _etags = c_paths(row.etag for row in given)
        native = ffi.new("tfr_manifest_row[]", len(given))
        for number, row in enumerate(given):
            native[number].path, native[number].index_path = paths[number], indexes[number]
            native[number].bytes = integer("bytes", row.bytes, bits=64)
            native[number].records = integer("records", row.records, bits=64)
            native[number].mtime_ns = _NO_MTIME if row.mtime_ns is None else row.mtime_ns
            native[number].etag = etags[number]
        return cls._of(make("manifest", lib.tfr_manifest_from_rows, native, len(given)))

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Reads a manifest file. No shard is opened.

        Raises:
            TfrOSError: the file cannot be read.
            TfrValueError: the file is not a manifest; `record` is the row. Or a newer version of
                this package wrote it.
        """
        if is_url(path):
            return _read_at_url(cast(str, path))
        return cls._of(make("manifest", lib.tfr_manifest_read, encode_path(path)))

    @classmethod
    def from_tfds(
        cls,
        directory: Path,
        split: str,
        *,
        progress: Progress | None = None,
        threads: int = 0,
    ) -> Manifest:
        """Takes the counts of a split from the `dataset_info.json` of TensorFlow Datasets.

        No shard is opened, unless the sizes of the shards contradict `dataset_info.json`: then the
        records of each are counted, to find the one that was cut or replaced.

        Args:
            directory: the directory with the shards and `dataset_info.json`, or the path of that
                file.
            split: the name of a split, such as "train".
            progress: as for `build`.
            threads: as for `build`.

        Raises:
            TfrFileNotFoundError: there is no `dataset_info.json`, or a shard is missing.
            TfrValueError: the set has no such split, or is not of TFRecord files.
            TfrMismatch: a shard has another number of records.
        """
        given = encode_path(directory), split.encode()
        return cls._of(
            with_options(
                lambda options: make("manifest", lib.tfr_manifest_from_tfds, *given, options),
                checksums="auto",
                progress=progress,
                threads=threads,
            )
        )

    def write(self, path: Path) -> None:
        """Writes a manifest file, which appears complete or not at all.

        Raises:
            TfrOSError: the file cannot be written; then an existing file is unchanged.
            TfrValueError: the name does not end with ".json", or the file exists and is not a
                manifest. Or the path of a shard is not UTF-8.
        """
        if not is_url(path):
            call(lib.tfr_manifest_write, self._native, encode_path(path))
            return
        if not are_remote([row.path for row in self]):
            raise refuse(f"{os.fsdecode(path)}: the manifest's files are local: write it to a file")
        with tempfile.TemporaryDirectory(prefix="tfr-index-") as directory:
            url = cast(str, path)
            local = pathlib.Path(directory, os.path.basename(url))
            with contextlib.suppress(TfrFileNotFoundError):
                local.write_bytes(read(url, end=_START))  # which the library refuses or replaces
            try:
                call(lib.tfr_manifest_write, self._native, encode_path(local))
            except TfrError as error:
                message = str(error).replace(os.fspath(local), url)
                raise type(error)(message, error.status, url) from None
            write(url, local, only_new=False)

    def write_tfds(self, directory: Path, split: str) -> None:
        """Writes SPLIT-info.json in `directory`, for `tfds.folder_dataset.write_metadata`.

        TFDS then makes its `dataset_info.json` without reading the records. It looks for the file
        in the directory of the shards.

        Raises:
            TfrValueError: the shards do not have names that TFDS can read, such as
                pics-train.tfrecord-00000-of-00008.
        """
        call(lib.tfr_manifest_write_tfds, self._native, encode_path(directory), split.encode())

    def refresh(
        self,
        paths: Path | Iterable[Path] | None = None,
        *,
        index_dir: Path | None = None,
        pattern: str | None = None,
        allow_missing: bool = False,
        checksums: Checksums = "auto",
        progress: Progress | None = None,
        threads: int = 0,
    ) -> Changes:
        """Brings the manifest up to date, and returns what changed. Writes no file.

        Rows of files with the same size and time of modification stay as they are. The records of
        other files are counted.

        Args:
            paths: the files of the set now, as for `build`. None: those of the manifest.
            index_dir: as for `build`.
            pattern: as for `build`. Needs `paths`.
            allow_missing: as for `build`. Without `paths`, files of the manifest that do not exist
                are left out.
            checksums: as for `build`.
            progress: as for `build`.
            threads: as for `build`.

        Raises:
            TfrError: as for `build`. The manifest is then as it was.
        """
        if paths is None and pattern is not None:
            raise refuse("pattern needs paths: without them, the manifest names all files")
        given = paths
        if paths is None or isinstance(paths, (str, bytes, os.PathLike)):
            given = [row.path for row in self] if paths is None else [paths]
        if are_remote(given := list(given)):  # type: ignore[arg-type]
            if paths is None and index_dir is None:
                found = present(self, allow_missing=allow_missing)
            else:
                found = find_remote_files(given, None, None, index_dir, pattern, allow_missing)
            return self._refresh_remote(found, checksums, threads, progress)
        if paths is None and index_dir is not None:
            paths = [row.path for row in self if not allow_missing or os.path.exists(row.path)]
        if paths is None:
            shards = make("shards", lib.tfr_manifest_shards, self._native)
            if allow_missing:
                shards = _present(shards)
        else:
            shards = native_shards(paths, index_dir, pattern=pattern, allow_missing=allow_missing)
        changes = with_options(
            lambda options: make(
                "changes", lib.tfr_manifest_refresh, self._native, shards, options
            ),
            checksums=checksums,
            progress=progress,
            threads=threads,
        )
        self._load()

        def names(change: int) -> list[str]:
            numbers = range(lib.tfr_changes_len(changes, change))
            found = (lib.tfr_changes_path(changes, change, number) for number in numbers)
            return [os.fsdecode(ffi.string(path)) for path in found]

        return Changes(
            names(lib.TFR_CHANGE_ADDED),
            names(lib.TFR_CHANGE_CHANGED),
            names(lib.TFR_CHANGE_GONE),
            names(lib.TFR_CHANGE_INDEXED),
            bool(lib.tfr_changes_reordered(changes)),
        )

    def _refresh_remote(
        self,
        files: RemoteFiles,
        checksums: Checksums,
        threads: int,
        progress: Progress | None,
    ) -> Changes:
        same, indexed = unchanged(self, files)
        others = [path for path in files.paths if path not in same]
        new = {row.path: row for row in rows_of(files.only(others), checksums, threads, progress)}
        before, now = dict.fromkeys(row.path for row in self), dict.fromkeys(files.paths)
        manifest = Manifest.from_rows((same | new)[path] for path in now)
        self._native, self._rows = manifest._native, manifest._rows
        return Changes(
            [path for path in others if path not in before],
            [path for path in others if path in before],
            [path for path in before if path not in now],
            indexed,
            [path for path in now if path in before] != [path for path in before if path in now],
        )

    @property
    def total_records(self) -> int:
        """The number of records of all shards."""
        total: int = lib.tfr_manifest_total_records(self._native)
        return total

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> ManifestRow: ...

    @overload
    def __getitem__(self, row: slice) -> list[ManifestRow]: ...

    def __getitem__(self, row: int | slice) -> ManifestRow | list[ManifestRow]:
        try:
            return self._rows[row]
        except IndexError:
            raise IndexError(f"row {row} is not in {self!r}") from None

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Manifest) else NotImplemented

    def __reduce__(self) -> tuple[object, tuple[list[ManifestRow]]]:
        return Manifest.from_rows, (self._rows,)

    __hash__ = None  # type: ignore[assignment] # refresh() changes it

    def __repr__(self) -> str:
        return f"<Manifest of {len(self)} shards, {self.total_records} records>"


def _read_at_url(url: str) -> Manifest:
    """Reads a manifest at a URL. What it names relative to itself is in its directory there."""
    with tempfile.TemporaryDirectory(prefix="tfr-index-") as directory:
        local = os.path.realpath(directory)
        path = pathlib.Path(local, os.path.basename(url))
        path.write_bytes(read(url))
        rows = list(Manifest.read(path))
    home = url.rpartition("/")[0]

    def there(path: str) -> str:
        return path if is_url(path) else resolved(path.replace(local, home, 1))

    def moved(row: ManifestRow) -> ManifestRow:
        index_path = row.index_path and there(row.index_path)
        return row._replace(path=there(row.path), index_path=index_path)

    return Manifest.from_rows(map(moved, rows))


def _count_remote(
    shards: list[Shard], settings: dict[str, Any], call: str
) -> list[ManifestRow | TfrError]:
    """The rows of some files at URLs, in a worker. If one fails, its error in place of all."""
    try:
        index_paths: dict[str, str | None] = {path: index for path, index in shards if index}
        paths = [path for path, _ in shards]
        files = RemoteFiles(paths, index_paths=index_paths, are_named=True)
        return list(rows_of(files, progress=lambda *_: is_cancelled(call), **settings))
    except TfrError as error:
        return [error] * len(shards)


def _told(
    results: Generator[ManifestRow | TfrError, None, None], progress: Progress | None, total: int
) -> list[ManifestRow]:
    """The rows from workers. After each, `progress` is told of the files so far."""
    rows: list[ManifestRow] = []
    done = records = 0
    with contextlib.closing(results):
        for row in results:
            if isinstance(row, TfrError):
                raise row
            rows.append(row)
            done, records = min(done + row.bytes, total), records + row.records
            if progress and progress(done, total, records):
                raise TfrCancelled("cancelled by progress", "TFR_ERR_CANCELLED")
    return rows


def _listed_urls(paths: Sequence[Path]) -> Manifest | None:
    """The manifest, if the only path is that of one of URLs."""
    if len(paths) != 1 or not os.fsencode(paths[0]).endswith(ENDING):
        return None
    listed = Manifest.read(paths[0])
    return listed if lists_urls(listed._native) else None


def lists_urls(manifest: CData) -> bool:
    """Whether the first row of a native manifest is that of a URL."""
    row = ffi.new("tfr_manifest_row *")
    if lib.tfr_manifest_len(manifest) == 0:
        return False
    call(lib.tfr_manifest_get, manifest, 0, row)
    return is_url(decoded(row.path))


def _present(shards: CData) -> CData:
    """The native shards that exist."""
    return _native([shard for shard in shards_of(shards) if os.path.exists(shard[0])])


def _native(shards: Sequence[Shard]) -> CData:
    paths, _paths = c_paths([path for path, _ in shards])
    indexes, _indexes = c_paths([index for _, index in shards])
    return make("shards", lib.tfr_shards_from_paths, paths, indexes, len(shards))


def _build(
    shards: CData, progress: Progress | None, *, checksums: Checksums, threads: int
) -> CData:
    """The native manifest of native shards."""
    return with_options(
        lambda options: make("manifest", lib.tfr_manifest_build, shards, options),
        checksums=checksums,
        progress=progress,
        threads=threads,
    )


def _count_some(
    shards: list[Shard], settings: dict[str, Any], call: str
) -> list[ManifestRow | TfrError]:
    """The rows of some files, in a worker. If a file fails, its error in place of all."""
    try:
        manifest = _build(_native(shards), lambda *_: is_cancelled(call), **settings)
        return list(Manifest._of(manifest))
    except TfrError as error:
        return [error] * len(shards)


def _count_by(
    executor: Executor,
    shards: list[Shard],
    settings: dict[str, Any],
    progress: Progress | None,
) -> list[ManifestRow]:
    ensure_callable("progress", progress)
    sent = SentShards(shards)
    total = _size_of_all(shards) if progress else 0
    results = by_executor(executor, _count_some, sent.shards, settings, _lost)
    try:
        rows = _told(results, progress, total)
    except TfrError as error:
        sent.name_as_given(error)
        raise

    def given(row: ManifestRow) -> ManifestRow:
        index_path = row.index_path and sent.given(row.index_path)
        return row._replace(path=sent.given(row.path), index_path=index_path)

    return list(map(given, rows))


def _size_of_all(shards: list[Shard]) -> int:
    """The bytes of all files. A file that is missing is an error of the worker that gets it."""

    def size(shard: Shard) -> int:
        try:
            return os.path.getsize(shard[0])
        except OSError:
            return 0

    with ThreadPoolExecutor(_LOOKING) as threads:
        return sum(threads.map(size, shards))


def _lost(_shard: Shard, error: TfrError) -> ManifestRow | TfrError:
    return error
