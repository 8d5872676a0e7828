"""`Dataset`: many TFRecord files as one sequence."""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar, final, overload

from ._arguments import integer, refuse
from ._batches import Batches, payloads_of, view_of
from ._columns import Columns, Wanted
from ._decode import Decoder
from ._errors import TfrMismatch
from ._features import Features
from ._handle import Handle, Place, Skips
from ._index import Index
from ._library import CData, call, ffi, lib, make
from ._manifest import Manifest
from ._memory import LARGE, give_small, take_small
from ._numpy import numbers_of
from ._order import Order
from ._origin import Origin, find_origin
from ._payloads import Payloads, ensure_no_mask, number_in, plain
from ._remote_shards import RemoteFiles
from ._rows import read_columns, read_rows, rows_of
from ._search import search
from ._typing import Buffer, Checksums, OnError, Path

__all__ = ["Dataset"]

Item = TypeVar("Item")

# Of local files, and of remote ones, where each piece or batch is some requests at the same time.
# More gained nothing with 20 ms and 100 MB/s.
_PIECE = 2 << 20, 32 << 20  # bytes to read at once in an iteration
_PIECE_RECORDS = 4 << 10  # records to read at once
_AHEAD = 2, 4  # batches to read ahead
_NULL = ffi.NULL
_OK, _read = lib.TFR_OK, lib.tfr_dataset_read


@final
class Dataset(Sequence[Item], Generic[Item]):
    r"""The records of many TFRecord files, also called shards, as one sequence.

    PyTorch calls this a map-style data set, and Grain a random access data source. A slice is a
    data set too, and shares the open files.

    The constructor opens every file once, several at the same time, to count the records. With a
    manifest it opens none: each file is opened, and compared with the manifest, when a record of it
    is first read. If a file is not what it was, this raises `TfrMismatch`, which names it.

    Any number of threads may use one data set at the same time, and so may a forked process. A
    pickled copy opens no file until it is used. The pickle of a data set of a manifest file has the
    path of that file, and not those of all shards.

    Args:
        paths: the files: a path, or an iterable of paths. A directory stands for the TFRecord files
            in it and below it. "train-*.tfrecord", "data/**/*.tfrecord", "train-{0..9}.tfrecord"
            and "train@8", which is train-00000-of-00008 and so on, stand for these files. Files
            that are found are sorted; indexes beside their files are skipped. A set that is named
            like train-00000-of-00008 must be complete, unless its files are given one by one. A
            file may be given twice only if `index` says which records are meant each time.
            Instead: a `Manifest`, or the path of a manifest file, whose name ends with
            ".manifest.json".
        index: where the records are: None, as for `Reader`, or a list with what `Reader` takes for
            each file. A `TfrWarning` is issued for each index that is found but not used.
        checksums: as for `Reader`.
        index_dir: a directory with an index for each file. It mirrors the directories of the files:
            the index of "data/a/x.tfrecord" is a/x.tfrecord.idx, if `paths` is "data".
        pattern: which names are data in a directory, such as "*.tfr".
        allow_missing: accept sets that lack files.
        split: a split of a data set of TensorFlow Datasets, such as "train". `paths` is then the
            directory with its `dataset_info.json`, which is the manifest, or the path of that file.
        store: a store of obstore or a file system of fsspec; `paths` are then paths in it. URLs
            need none: "s3://bucket/train-*.tfrecord" and "gs://bucket/train/" are listed, with
            what the environment says of credentials, through obstore (`pip install
            "tfr-index[remote]"`).
        decode: a function that is called with each payload, such as a parser; the items of the data
            set are its results. None: the items are the payloads. To pickle the data set, pass a
            function of a module.
        features: which features of `tf.train.Example` records are wanted: `Bytes`, `Float` or
            `Int64` by name. The items are then dicts by name, as PyTorch's `default_collate` takes
            them. A feature is a numpy scalar, or an array if it has a shape or is ragged; byte
            strings are `bytes`, in lists if there are several. `batches` gives `Columns`, which
            copy nothing. It excludes `decode` and `raw_frames`.
        max_open_files: how many of the files may be open at the same time. The data set closes the
            least recently used ones, and opens them again when they are needed. If more threads
            read than files may be open, some wait. None: half of what the process may open
            (`ulimit -n`).
        index_memory: how many bytes of memory the indexes may take. The data set drops the least
            recently used ones, and loads them again. None: no limit. They take one to three bytes
            for each record of a whole file, and 16 bytes for others.
        on_error: "raise", or "skip" to leave out records and files that cannot be read. Iteration,
            `batches` and `__getitems__`, which PyTorch calls, then have fewer records; `skipped`
            counts them, and a `TfrWarning` says so once. A file that the constructor cannot open
            counts as empty, with a warning; but all files of a `split` must be there.
            `dataset[record]` and `read_many` raise in any case.
        salvage: scan the files, without their indexes, for the records that are not damaged. A
            `TfrWarning` names each region that is left out.
        raw_frames: as for `Reader`.
        threads: as for `Reader`. With 1, batches are not read ahead.

    Raises:
        TfrFileNotFoundError: a file does not exist, no file matches a pattern, a file of a set is
            missing, or `index_dir` has no index for a file.
        TfrValueError: there are no paths; a directory has no TFRecord file; a file belongs to
            another set, or is given twice; a file is not a manifest; an argument is invalid.
        TfrError: as for `Reader`. The error names the file.

    Examples:
        >>> import pathlib, tempfile
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
        >>> directory = tempfile.TemporaryDirectory()
        >>> for shard in range(3):
        ...     _ = pathlib.Path(directory.name, f"train-{shard}.tfrecord").write_bytes(record * 2)
        >>> with Dataset(f"{directory.name}/train-*.tfrecord", decode=bytes.decode) as dataset:
        ...     print(len(dataset), dataset[5], list(dataset[1:3]))
        6 hello ['hello', 'hello']
        >>> directory.cleanup()
    """

    def __init__(
        self,
        paths: Path | Iterable[Path] | Manifest,
        index: Sequence[Index | Path | None] | None = None,
        checksums: Checksums = "auto",
        *,
        index_dir: Path | None = None,
        pattern: str | None = None,
        allow_missing: bool = False,
        split: str | None = None,
        store: Any = None,
        decode: Callable[[bytes], Item] | None = None,
        features: Features | None = None,
        max_open_files: int | None = None,
        index_memory: int | None = None,
        on_error: OnError = "raise",
        salvage: bool = False,
        raw_frames: bool = False,
        threads: int = 0,
    ) -> None:
        if decode is not None and not callable(decode):
            raise TypeError(f"decode must be a function, not {type(decode).__name__}")
        if features is not None and (decode is not None or raw_frames):
            other = "raw_frames" if raw_frames else "decode"
            raise refuse(f"features and {other} cannot both be given: pass one of them")
        wanted = None if features is None else Wanted(features)
        settings: dict[str, Any] = {
            "checksums": checksums,
            "max_open_files": max_open_files,
            "index_memory": index_memory,
            "on_error": on_error,
            "salvage": salvage,
            "raw_frames": raw_frames,
            "threads": threads,
        }
        origin = find_origin(paths, index, index_dir, pattern, allow_missing, split, store)
        if salvage and isinstance(origin, RemoteFiles):
            origin = origin.without_indexes()
        self._open(Handle(origin, settings, []), decode, wanted)
        self._handle.report()

    def _open(
        self, handle: Handle, decode: Callable[[bytes], Item] | None, wanted: Wanted | None
    ) -> None:
        self._handle, self._native, self._wanted = handle, handle.native, wanted
        self._decoder, self._decode = Decoder(handle, decode), decode
        self._records = self._whole = range(lib.tfr_dataset_len(handle.native))

    @property
    def paths(self) -> list[str]:
        """The paths of the files. A slice has all files of its data set."""
        return self._handle.paths()

    @property
    def indexes(self) -> list[Index]:
        r"""The indexes of the files, in the order of `paths`. A slice has all of them, complete.

        They tell, for instance, how large the records are. No payload is read.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame * 3)
            ...     [list(index.payload_sizes) for index in Dataset(path).indexes]
            [[5, 5, 5]]
        """
        found = [self._handle.index_of(shard) for shard in range(self._handle.num_shards())]
        self._handle.report()
        return found

    @property
    def skipped(self) -> Skips:
        r"""What was left out because of `on_error="skip"`, in this process.

        Examples:
            >>> import pathlib, tempfile, warnings
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
            ...     warnings.simplefilter("ignore")
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame + frame.replace(b"hello", b"jello") + frame)
            ...     dataset = Dataset(path, on_error="skip")
            ...     print(list(dataset), dataset.skipped.records, dataset.skipped.errors[0].record)
            [b'hello', b'hello'] 1 1
        """
        return self._handle.skipped()

    def locate(self, record: int) -> Place:
        r"""Returns the file of a record and the record's number in it, without reading.

        Raises:
            IndexError: there is no record with that number.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     for shard in range(3):
            ...         path = pathlib.Path(directory, f"train-{shard}.tfrecord")
            ...         _ = path.write_bytes(frame * 2)
            ...     path, record = Dataset(f"{directory}/*").locate(5)
            >>> pathlib.Path(path).name, record
            ('train-2.tfrecord', 1)
        """
        return self._handle.locate(self._number(record))

    def chunk_records(self) -> int:
        r"""Returns how many neighbouring records have about 2 MiB together, decompressed.

        It is a good size for the chunks of an `Order` that shuffles them, which takes it from here
        if it gets the data set. It comes from the sizes of some records of the first, the middle
        and the last file, which this opens if their indexes are not in memory. The same files give
        the same number.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame * 100)
            ...     dataset = Dataset(path)
            ...     print(dataset.chunk_records())
            ...     order = Order(dataset, seed=7, shuffle="chunks")
            99864
            >>> order
            tfr_index.Order(100, seed=7, shuffle='chunks', chunk_records=99864)
        """
        found = ffi.new("uint64_t *")
        call(lib.tfr_dataset_chunk_records, self._native, found)
        self._handle.report()
        # Records of a slice are further apart.
        records: int = found[0] // abs(self._records.step)
        return max(1, records)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, record: int) -> Item: ...

    @overload
    def __getitem__(self, record: slice) -> Dataset[Item]: ...

    def __getitem__(self, record: int | slice) -> Item | Dataset[Item]:
        if self._wanted is not None and not isinstance(record, slice):
            return self._load(self._column([record]))[0]
        try:
            number: Any = self._records[record]
            small = take_small()
            read = _read(self._native, number, small.memory, LARGE, small.size_out, _NULL)
        except (IndexError, TypeError):  # TypeError for a slice
            if isinstance(record, slice):
                return self._part(self._records[record])
            return self._item(self._number(record))
        if read != _OK:
            return self._item(number)
        payload: Any = small.content[: small.size_out[0]]
        give_small(small)
        if self._handle.is_lazy:
            self._handle.report()
        return payload if self._decode is None else self._decoder.one(payload, number)

    def _item(self, number: int) -> Item:
        """Reads a record of any size, or raises the error of its read."""
        payload = self._handle.read(number)
        self._handle.report()
        return self._decoder.one(payload, number)

    def _number(self, record: int) -> int:
        """The number of a record in the data set."""
        return number_in(self._records, record, self)

    def read_many(self, records: Iterable[int]) -> list[Item]:
        r"""Reads many records, in the order of `records`. This is faster than reading one by one.

        Args:
            records: record numbers, as for `Reader.read_many`.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame * 3)
            ...     Dataset(path).read_many([2, 0])
            [b'hello', b'hello']
        """
        if not isinstance(records, (list, tuple, range)):
            records = plain(records)
        else:
            ensure_no_mask(records)
        column: Buffer | None = None
        if self._records == self._whole:
            # Fails for negative numbers and for what is no number; reading, for numbers that are
            # out of range.
            with contextlib.suppress(OverflowError, TypeError, IndexError):
                column = records if isinstance(records, memoryview) else array("Q", records)
                return self._load(column)
        return self._load(self._column(records))

    def _column(self, records: Iterable[int]) -> array[int]:
        """The numbers of records in the data set. The first bad one is an error."""
        return array("Q", [self._number(record) for record in records])

    def _load(self, column: Buffer) -> list[Item]:
        if self._wanted is not None:
            rows = read_rows(self._handle, column, self._wanted)
            self._handle.report()
            return rows  # type: ignore[return-value] # then Item is a dict
        payloads = self._handle.read_many(column)
        self._handle.report()
        return self._decoder.many(payloads, ffi.from_buffer("uint64_t[]", column))

    def __getitems__(self, records: Iterable[int]) -> list[Item]:
        """The name under which PyTorch and Grain call `read_many` for a batch.

        With `on_error="skip"` the list lacks the records that cannot be read.
        """
        if not self._handle.skips:
            return self.read_many(records)
        column = self._column(records)
        if self._wanted is not None:
            columns = read_columns(self._handle, column, self._wanted, self._records)
            self._handle.report()
            return rows_of(columns)  # type: ignore[return-value]
        numbers = ffi.from_buffer("uint64_t[]", column)
        batch = make("batch", lib.tfr_dataset_read_batch, self._native, numbers, len(numbers))
        self._handle.report()
        return self._decoder.many(payloads_of(batch), lib.tfr_batch_records(batch))

    def read_columns(self, records: Iterable[int], features: Features) -> Columns:
        r"""Reads many records of `tf.train.Example`, and returns features of them as columns.

        With `on_error="skip"`, records that cannot be read or decoded are left out:
        `Columns.records` has the numbers of the others.

        Args:
            records: record numbers, as for `Reader.read_many`.
            features: as for `Reader.read_columns`.

        Raises:
            Exception: what `Reader.read_columns` raises. The error names the file.

        Examples:
            >>> import pathlib, tempfile
            >>> from tfr_index import Float, RecordWriter
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     with RecordWriter(path) as writer:
            ...         writer.write_examples({"box": [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]})
            ...     Dataset(path).read_columns(range(1, 3), {"box": Float(2)})["box"]
            array([[2., 3.],
                   [4., 5.]], dtype=float32)
        """
        wanted = Wanted.of(features)
        numbers = numbers_of(records, self._records, self._number)
        columns = read_columns(self._handle, numbers, wanted, self._records)
        self._handle.report()
        return columns

    @overload
    def batches(
        self,
        batch_size: int,
        order: Order | None = None,
        *,
        prefetch: int | None = None,
        drop_last: bool = False,
        features: Features,
    ) -> Batches[Columns]: ...

    @overload
    def batches(
        self,
        batch_size: int,
        order: Order | None = None,
        *,
        prefetch: int | None = None,
        drop_last: bool = False,
        buffers: Literal[False] = False,
    ) -> Batches[list[Item]]: ...

    @overload
    def batches(
        self,
        batch_size: int,
        order: Order | None = None,
        *,
        prefetch: int | None = None,
        drop_last: bool = False,
        buffers: Literal[True],
    ) -> Batches[Payloads]: ...

    def batches(
        self,
        batch_size: int,
        order: Order | None = None,
        *,
        prefetch: int | None = None,
        drop_last: bool = False,
        buffers: bool = False,
        features: Features | None = None,
    ) -> Batches[Any]:
        r"""Returns an iterator over batches of records, which threads read ahead.

        Args:
            batch_size: the number of records in a batch. The last one may have fewer.
            order: which record comes when, such as `Order(dataset, seed=7, epoch=3)`. None: in
                sequence. For a slice, the order is one of the records of the slice.
            prefetch: how many batches to read ahead, but no more than 1,024. None: 2, or 4 if the
                files are remote. With 0, the calling thread reads.
            drop_last: leave out the last batch if it has fewer records.
            buffers: give each batch as `Payloads`, one block of memory that is not copied. False:
                as a list of items.
            features: give each batch as `Columns` of these features, as `read_columns` does. The
                threads that read ahead decode them. None: those of the data set, if it has any.

        Raises:
            TfrValueError: the order has another number of records; `buffers` is given for a data
                set with `decode` or together with features; another argument is out of range.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame * 5)
            ...     dataset = Dataset(path)
            ...     for batch in dataset.batches(2, Order(5, seed=7)):
            ...         print(batch)
            ...     [bytes(batch.data) for batch in dataset[3:].batches(2, buffers=True)]
            [b'hello', b'hello']
            [b'hello', b'hello']
            [b'hello']
            [b'hellohello']
        """
        if buffers and self._decode is not None:
            raise refuse("buffers=True gives payloads: create the Dataset without decode=")
        wanted = self._wanted if features is None else Wanted(features)
        if buffers and wanted is not None:
            raise refuse("buffers=True gives payloads: pass it without features")
        if order is None:
            order = Order(len(self))
        elif not isinstance(order, Order):
            raise TypeError(f"order must be an Order, not {type(order).__name__}")
        elif order.state_dict()["num_records"] != len(self):
            count = order.state_dict()["num_records"]
            raise refuse(f"the order is one of {count} records, but the data set has {len(self)}")

        def item(batch: CData, numbers: Sequence[int]) -> list[Item] | Payloads | Columns:
            if wanted is not None:
                return Columns._of(batch, wanted, self._records)
            return view_of(batch) if buffers else self._decoder.many(payloads_of(batch), numbers)

        return Batches._of(
            self._handle,
            self._records,
            order,
            integer("batch_size", batch_size, least=1),
            item,
            prefetch=self._of_distance(_AHEAD)
            if prefetch is None
            else integer("prefetch", prefetch, bits=32),
            drop_last=drop_last,
            features=None if wanted is None else wanted.native,
        )

    def __contains__(self, item: object) -> bool:
        """Whether a record has this payload; see `index`."""
        return any(True for _ in self._equal_to(item))

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        r"""Returns the number of the first record with this payload.

        Like `in` and `count`, this reads only payloads of the same size.

        Raises:
            ValueError: no record has this payload.
            TypeError: the data set has `decode` or `features`, so it would have to read all
                records.

        Examples:
            >>> import pathlib, tempfile
            >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
            >>> with tempfile.TemporaryDirectory() as directory:
            ...     path = pathlib.Path(directory, "train.tfrecord")
            ...     _ = path.write_bytes(frame * 3)
            ...     dataset = Dataset(path)
            ...     dataset.index(b"hello"), dataset.count(b"hello"), b"other" in dataset
            (0, 3, False)
        """
        records = range(len(self))[start:stop]
        for place in self[start:stop]._equal_to(value):
            return records[place]
        raise ValueError("no record has this payload")

    def count(self, value: Any) -> int:
        """Returns how many records have this payload; see `index`."""
        return sum(1 for _ in self._equal_to(value))

    def _equal_to(self, payload: object) -> Iterator[int]:
        """The records that have this payload."""
        if self._decode is not None or self._wanted is not None:
            given = "decode=" if self._wanted is None else "features="
            message = f"a Dataset with {given} cannot be searched: create one without {given}"
            raise TypeError(f"{message} to search for a payload, or search list(dataset)")
        return search(self._handle, self._records, payload)

    def _of_distance(self, either: tuple[int, int]) -> int:
        """The first number for local files, the second one for remote ones."""
        return either[isinstance(self._handle.origin, RemoteFiles)]

    def _part(self, records: range) -> Dataset[Item]:
        part: Dataset[Item] = Dataset.__new__(Dataset)
        part.__dict__ = {**self.__dict__, "_records": records}
        return part

    def __iter__(self) -> Iterator[Item]:
        """Yields all records, file by file, in little memory. A thread reads ahead."""
        wanted = self._wanted

        def item(batch: CData, numbers: Sequence[int]) -> tuple[list[Any], Sequence[int]]:
            if wanted is not None:
                return rows_of(Columns._of(batch, wanted, self._records)), numbers
            return payloads_of(batch), numbers

        pieces = Batches._of(
            self._handle,
            self._records,
            Order(len(self)),
            _PIECE_RECORDS,
            item,
            max_bytes=self._of_distance(_PIECE),
            features=None if wanted is None else wanted.native,
        )
        for payloads, numbers in pieces:
            if self._decode is None:
                yield from payloads
            else:
                yield from map(self._decoder.one, payloads, numbers)
            del payloads  # frees their memory for the next piece

    def __reversed__(self) -> Iterator[Item]:
        return iter(self[::-1])

    def close(self) -> None:
        """Closes the files that no thread reads. Using the data set again opens them again."""
        call(lib.tfr_dataset_close_files, self._native)

    def __enter__(self) -> Dataset[Item]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        count = self._handle.num_shards()
        names = [self._handle.path(shard) for shard in sorted({0, count - 1}) if count]
        named = " to ".join(names) or "no files"
        return f"<tfr_index.Dataset of {len(self)} records of {named}>"

    def __reduce__(self) -> tuple[object, tuple[Any, ...]]:
        handle = self._handle
        origin = handle.origin.counted(handle.native)
        return _reopen, (
            origin,
            handle.settings,
            list(handle.issued),
            self._decode,
            None if self._wanted is None else self._wanted.features,
            self._records,
            len(self._whole),
        )


def _reopen(
    origin: Origin,
    settings: dict[str, Any],
    issued: list[str],
    decode: Callable[[bytes], Item] | None,
    features: Features | None,
    records: range,
    total: int,
) -> Dataset[Item]:
    """Unpickles a data set."""
    dataset: Dataset[Item] = Dataset.__new__(Dataset)
    wanted = None if features is None else Wanted(features)
    dataset._open(Handle(origin, settings, issued), decode, wanted)
    if len(dataset) != total:
        message = (
            f"{dataset!r}: the data set had {total} records when it was pickled: its manifest was "
            "changed; create the Dataset again"
        )
        raise TfrMismatch(message, "TFR_ERR_MISMATCH")
    return dataset._part(records)
