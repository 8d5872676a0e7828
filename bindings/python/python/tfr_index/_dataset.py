"""`Dataset`: many TFRecord files as one sequence."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter, methodcaller
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar, final, overload

from ._arguments import integer, refuse
from ._errors import TfrMismatch, TfrWarning, warn
from ._files import find_indexes, find_shards
from ._index import Index
from ._iterate import iterate
from ._open_files import OpenFiles
from ._reader import Reader
from ._typing import Checksums, Path

__all__ = ["Dataset", "Place"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_OPENING_THREADS = 8


class Place(NamedTuple):
    """Where a record of a data set is: the result of `Dataset.locate`.

    Examples:
        >>> path, record = Place("train-2.tfrecord", 1)
        >>> path, record
        ('train-2.tfrecord', 1)
    """

    path: Path
    """The file of the record, one of `Dataset.paths`."""
    record: int
    """The number of the record in that file: its number in the index, if that selects records."""


@final
class Dataset(Sequence[Item], Generic[Item]):
    r"""The records of many TFRecord files, also called shards, as one sequence.

    PyTorch calls this a map-style data set, and Grain a random access data source. A slice is a
    data set too, and shares the open files.

    The constructor opens every file once, on several threads, to count the records. The indexes
    stay in memory, with 16 bytes for each record.

    Any number of threads may use one data set at the same time, and so may a forked process. A
    pickled copy opens files when it needs them. If the number of records in a file has changed
    since, this raises `TfrMismatch`.

    Args:
        paths: the files: a path, or an iterable of paths. A directory stands for the TFRecord files
            in it and below it. "train-*.tfrecord", "data/**/*.tfrecord", "train-{0..9}.tfrecord"
            and "train@8", which is train-00000-of-00008 and so on, stand for these files. Files
            that are found are sorted; indexes beside their files are skipped. A set that is named
            like train-00000-of-00008 must be complete, unless its files are given one by one. A
            file may be given twice only if `index` says which records are meant each time.
        index: where the records are: None, as for `Reader`, or a list with what `Reader` takes for
            each file. A `TfrWarning` is issued for each index that is found but not used.
        index_dir: a directory with an index for each file. It mirrors the directories of the files:
            the index of "data/a/x.tfrecord" is a/x.tfrecord.idx, if `paths` is "data".
        checksums: as for `Reader`.
        decode: a function that is called with each payload, such as a parser; the items of the data
            set are its results. None: the items are the payloads. To pickle the data set, pass a
            function of a module.
        max_open_files: how many of the files may be open at the same time. The data set closes the
            least recently used ones, and opens them again when they are needed. If more threads
            read than files may be open, some wait. If the process may open fewer files
            (`ulimit -n`), fewer are open.
        raw_frames: as for `Reader`.
        threads: as for `Reader`.

    Raises:
        TfrFileNotFoundError: a file does not exist, no file matches a pattern, a file of a set is
            missing, or `index_dir` has no index for a file.
        TfrValueError: there are no paths; a directory has no TFRecord file; a file belongs to
            another set, or is given twice; an argument is invalid.
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
        paths: Path | Iterable[Path],
        index: Sequence[Index | Path | None] | None = None,
        checksums: Checksums = "auto",
        *,
        index_dir: Path | None = None,
        decode: Callable[[bytes], Item] | None = None,
        max_open_files: int = 256,
        raw_frames: bool = False,
        threads: int = 0,
    ) -> None:
        max_open_files = integer("max_open_files", max_open_files, least=1)
        shards = find_shards(paths, index_dir, allow_repeated=index is not None)
        self._paths: list[Path] = [path for path, _ in shards]
        if isinstance(index, (Index, str, bytes, os.PathLike)):
            kind = type(index).__name__
            raise TypeError(f"index must be a list with an index for each file, not {kind}")
        if index is not None and len(index) != len(self._paths):
            raise refuse(
                f"index must have {len(self._paths)} items, one for each file, not {len(index)}"
            )
        self._indexes: list[Index | Path | None] = list(index or [None] * len(self._paths))
        if index_dir is not None:
            if index is not None:
                raise refuse("index and index_dir cannot both be given: pass one of them")
            self._indexes = list(find_indexes(shards))
        self._options: dict[str, Any] = {
            "checksums": checksums,
            "raw_frames": raw_frames,
            "threads": threads,
        }
        self._decode = decode
        self._max_open_files = max_open_files
        self._files = OpenFiles(len(self._paths), max_open_files)
        self._warnings: dict[int, TfrWarning] = {}
        self._counts = [-1] * len(self._paths)
        self._counts = self._count()
        self._starts = [0, *accumulate(self._counts)][:-1]
        self._records = range(sum(self._counts))
        for shard in sorted(self._warnings):
            warn(self._warnings[shard])

    def _count(self) -> list[int]:
        """The number of records in each file. Opening files waits for the disk, so threads help."""
        counts = [-1] * len(self._paths)
        errors: dict[int, BaseException] = {}
        shards = iter(range(len(self._paths)))

        def work() -> None:
            for shard in shards:
                try:
                    counts[shard] = self._use(shard, len)
                except BaseException as error:
                    errors[shard] = error
                if errors:
                    return

        helpers = []
        for _ in range(min(_OPENING_THREADS, len(counts)) - 1):
            helper = threading.Thread(target=work, name="tfr_index opens files")
            try:
                helper.start()
            except RuntimeError:
                break  # the system has no more threads: those that run do the work
            helpers.append(helper)
        try:
            work()
            for helper in helpers:
                helper.join()
        except BaseException as error:  # KeyboardInterrupt
            errors[-1] = error  # makes the helpers stop
        if errors:
            raise errors[min(errors)]
        return counts

    def _use(self, shard: int, work: Callable[[Reader], Result]) -> Result:
        """Returns `work(reader)` for a file's reader. `work` must not use another one."""
        return self._files.use(shard, self._open, work)

    def _open(self, shard: int, known: Index | None) -> Reader:
        path = self._paths[shard]
        index = self._indexes[shard] if known is None else known
        reader = Reader.__new__(Reader)
        reader._open(path, index, **self._options)
        count = self._counts[shard]
        if reader._warning is not None and shard not in self._warnings:
            self._warnings[shard] = reader._warning
            if count != -1:  # the constructor itself warns, in the order of the files
                warn(reader._warning)
        if count not in (-1, len(reader)):
            message = (
                f"{os.fsdecode(path)}: the file has {len(reader)} records, but had {count} before: "
                "create the Dataset again"
            )
            raise TfrMismatch(message, "TFR_ERR_MISMATCH", os.fsdecode(path), count)
        return reader

    @property
    def paths(self) -> list[Path]:
        """The paths of the files. A slice has all files of its data set."""
        return list(self._paths)

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
        return [self._use(shard, attrgetter("index")) for shard in range(len(self._paths))]

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
        shard, number = self._find(record)
        return Place(self._paths[shard], number)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, record: int) -> Item: ...

    @overload
    def __getitem__(self, record: slice) -> Dataset[Item]: ...

    def __getitem__(self, record: int | slice) -> Item | Dataset[Item]:
        if isinstance(record, slice):
            return self._part(self._records[record])
        shard, number = self._find(record)
        payload = self._files.use(shard, self._open, itemgetter(number))
        return self._item(shard, number, payload)

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
        places = [self._find(record) for record in records]
        wanted: dict[int, list[int]] = {}
        for shard, number in places:
            wanted.setdefault(shard, []).append(number)
        found = {
            shard: iter(self._use(shard, methodcaller("read_many", numbers)))
            for shard, numbers in wanted.items()
        }
        return [self._item(shard, number, next(found[shard])) for shard, number in places]

    def __getitems__(self, records: Iterable[int]) -> list[Item]:
        """The name under which PyTorch and Grain call `read_many` for a batch."""
        return self.read_many(records)

    def __contains__(self, item: object) -> bool:
        """Whether a record has this payload; see `index`."""
        return any(True for _ in self._equal_to(item))

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        r"""Returns the number of the first record with this payload.

        Like `in` and `count`, this reads only payloads of the same size.

        Raises:
            ValueError: no record has this payload.
            TypeError: the data set has a `decode` function, so it would have to read all records.

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
        if self._decode is not None:
            message = "a Dataset with decode= cannot be searched: create one without decode="
            raise TypeError(f"{message} to search for a payload, or search list(dataset)")
        start = 0
        for shard, numbers in self._runs():
            for place in self._use(shard, methodcaller("_of_size", payload, numbers)):
                if self[start + place] == payload:
                    yield start + place
            start += len(numbers)

    def _find(self, record: int) -> tuple[int, int]:
        """The shard of a record, and the record's number in it."""
        try:
            number = self._records[record]
            shard = bisect_right(self._starts, number) - 1
        except IndexError:
            raise IndexError(f"record {record} is not in {self!r}") from None
        except TypeError:
            kind = type(record).__name__
            message = f"a record number must be an integer, not {kind}"
            raise TypeError(f"{message}: for several records, use read_many()") from None
        return shard, number - self._starts[shard]

    def _item(self, shard: int, number: int, payload: bytes) -> Item:
        if self._decode is None:
            return payload  # type: ignore[return-value] # then Item is bytes
        try:
            return self._decode(payload)
        except Exception as error:
            error.add_note(f"while decoding record {number} of {os.fsdecode(self._paths[shard])}")
            raise

    def _part(self, records: range) -> Dataset[Item]:
        part: Dataset[Item] = Dataset.__new__(Dataset)
        part.__dict__ = {**self.__dict__, "_records": records}
        return part

    def __iter__(self) -> Iterator[Item]:
        """Yields all records, file by file. If reading is slow, a thread reads ahead."""
        for shard, numbers in self._runs():
            payloads = iterate(_Records(self, shard, numbers))
            for number, payload in zip(numbers, payloads, strict=True):
                yield self._item(shard, number, payload)

    def _runs(self) -> Iterator[tuple[int, range]]:
        """The records in their order: the shards, each with the numbers of its records."""
        backwards = self._records.step < 0
        records = self._records[::-1] if backwards else self._records
        shards = range(len(self._paths))
        for shard in reversed(shards) if backwards else shards:
            first = self._starts[shard]
            ours = records[
                bisect_left(records, first) : bisect_left(records, first + self._counts[shard])
            ]
            if ours:
                numbers = range(ours.start - first, ours.stop - first, ours.step)
                yield shard, numbers[::-1] if backwards else numbers

    def __reversed__(self) -> Iterator[Item]:
        return iter(self[::-1])

    def close(self) -> None:
        """Closes the files. Using the data set again opens them again."""
        self._files.close()

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
        names = [os.fsdecode(path) for path in self._paths]
        named = f"{names[0]} to {names[-1]}" if len(names) > 1 else names[0]
        return f"<tfr_index.Dataset of {len(self)} records of {named}>"

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["_files"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._files = OpenFiles(len(self._paths), self._max_open_files)


class _Records:
    """Some records of one file, which is in use only while a piece of them is read."""

    def __init__(self, dataset: Dataset[Any], shard: int, numbers: range) -> None:
        self._dataset, self._shard, self._numbers = dataset, shard, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, record: int) -> bytes:
        payload: bytes = self._dataset._use(self._shard, itemgetter(self._numbers[record]))
        return payload

    def _load_piece(self, start: int, most: int) -> list[bytes]:
        def load(reader: Reader) -> list[bytes]:
            return reader._part(self._numbers)._load_piece(start, most)

        return self._dataset._use(self._shard, load)
