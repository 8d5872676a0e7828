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
from ._files import ensure_each_once, files, find_index
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
    """Where a record of a data set is: what `Dataset.locate` returns."""

    path: Path
    """Its file, one of `Dataset.paths`."""
    record: int
    """Its number in that file: in the file's index, where that selects or reorders records."""


@final
class Dataset(Sequence[Item], Generic[Item]):
    r"""The records of many TFRecord files, the shards, as one sequence.

    It is what PyTorch calls a map-style data set, and Grain a random access data source. Slices are
    data sets, too; they share the open files.

    Args:
        paths: the files: a path, a pattern such as "train-*.tfrecord", or an iterable of these.
            The files that match a pattern are sorted; indexes beside their files are left out. A
            file may be given twice only if `index` says which records are meant each time.
        index: where the records are: None, as for `Reader`, or for each file what `Reader` takes.
            Each index that is found and not used is a `TfrWarning`.
        index_dir: a directory with an index for each file, as for `Reader`.
        checksums: as for `Reader`.
        decode: called with each payload; the data set gives what it returns, such as a parsed
            record. None: the data set gives the payloads. A data set that is pickled needs a
            function of a module here.
        max_open_files: how many of the files may be open at once. The data set closes the least
            recently used ones, and opens them again when they are needed; if more threads read,
            some wait. If the process may open fewer (`ulimit -n`), fewer are open.
        raw_frames: as for `Reader`.
        threads: as for `Reader`.

    Raises:
        TfrFileNotFoundError: a file does not exist, no file matches a pattern, or `index_dir` has
            no index of a file.
        TfrValueError: there are no paths; a file is given twice; an argument cannot be used.
        TfrError: as `Reader`; the error names the file.

    The constructor opens all files once, by several threads, to count their records. The indexes
    stay in memory, 16 bytes for each record.

    Threads and processes: as `Reader`. A pickled copy opens the files as it needs them. A file
    whose number of records has changed since is a `TfrMismatch`.

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
        self._paths = files(paths)
        if isinstance(index, (Index, str, bytes, os.PathLike)):
            raise TypeError("index must be a list, with an index for each file")
        if index is not None and len(index) != len(self._paths):
            raise refuse(
                f"index must have one item for each of {len(self._paths)} files, not {len(index)}"
            )
        if index is None:
            ensure_each_once(self._paths)
        self._indexes: list[Index | Path | None] = list(index or [None] * len(self._paths))
        if index_dir is not None:
            if index is not None:
                raise refuse("index and index_dir cannot both be given")
            self._indexes = [find_index(path, index_dir) for path in self._paths]
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
        """How many records each file has. Opening files waits for the disk, so threads help."""
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
                break  # there are no more threads: fewer do the work
            helpers.append(helper)
        try:
            work()
            for helper in helpers:
                helper.join()
        except BaseException as error:  # KeyboardInterrupt
            errors[-1] = error  # which ends the helpers
        if errors:
            raise errors[min(errors)]
        return counts

    def _use(self, shard: int, work: Callable[[Reader], Result]) -> Result:
        """What `work` returns for a file's reader. It must not use another one."""
        return self._files.use(shard, self._open, work)

    def _open(self, shard: int, known: Index | None) -> Reader:
        path = self._paths[shard]
        index = self._indexes[shard] if known is None else known
        reader = Reader.__new__(Reader)
        reader._open(path, index, **self._options)
        count = self._counts[shard]
        if reader._warning is not None and shard not in self._warnings:
            self._warnings[shard] = reader._warning
            if count != -1:  # else the constructor warns, in the order of the files
                warn(reader._warning)
        if count not in (-1, len(reader)):
            message = f"{os.fsdecode(path)}: has {len(reader)} records, but had {count} before"
            raise TfrMismatch(message, "TFR_ERR_MISMATCH", os.fsdecode(path), count)
        return reader

    @property
    def paths(self) -> list[Path]:
        """The files. A slice has all those of its data set."""
        return list(self._paths)

    @property
    def indexes(self) -> list[Index]:
        r"""The index of each file, in the order of `paths`: of all its records.

        They say, for instance, how large records are. No payload is read.

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
        r"""The file of a record, and its number there. Nothing is read.

        Raises:
            IndexError: there is no record of that number.

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
        r"""Many records, in this order: faster than one after the other.

        Args:
            records: their numbers, as for `Reader.read_many`.

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
        """`read_many`, as PyTorch and Grain call it for a batch."""
        return self.read_many(records)

    def __contains__(self, item: object) -> bool:
        """Whether a record has this payload; see `index`."""
        return any(True for _ in self._equal_to(item))

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The first record with this payload. Only payloads of the same size are read.

        The same holds for `in` and `count`.

        Raises:
            ValueError: no record has it.
            TypeError: the data set decodes its records, so all would have to be read.
        """
        records = range(len(self))[start:stop]
        for place in self[start:stop]._equal_to(value):
            return records[place]
        raise ValueError("no record has this payload")

    def count(self, value: Any) -> int:
        """How many records have this payload; see `index`."""
        return sum(1 for _ in self._equal_to(value))

    def _equal_to(self, payload: object) -> Iterator[int]:
        """The records that have this payload."""
        if self._decode is not None:
            message = "only payloads can be found: use a Dataset without decode="
            raise TypeError(f"{message}, or compare the items of list(dataset)")
        start = 0
        for shard, numbers in self._runs():
            for place in self._use(shard, methodcaller("_of_size", payload, numbers)):
                if self[start + place] == payload:
                    yield start + place
            start += len(numbers)

    def _find(self, record: int) -> tuple[int, int]:
        """The shard that a record is in, and its number there."""
        try:
            number = self._records[record]
            shard = bisect_right(self._starts, number) - 1
        except IndexError:
            raise IndexError(f"record {record} is not in {self!r}") from None
        except TypeError:
            kind = type(record).__name__
            message = f"a record number must be an integer, not {kind}"
            raise TypeError(f"{message}: read_many() takes many") from None
        return shard, number - self._starts[shard]

    def _item(self, shard: int, number: int, payload: bytes) -> Item:
        if self._decode is None:
            return payload  # type: ignore[return-value] # then Item is bytes
        try:
            return self._decode(payload)
        except Exception as error:
            error.add_note(f"in record {number} of {os.fsdecode(self._paths[shard])}")
            raise

    def _part(self, records: range) -> Dataset[Item]:
        part: Dataset[Item] = Dataset.__new__(Dataset)
        part.__dict__ = {**self.__dict__, "_records": records}
        return part

    def __iter__(self) -> Iterator[Item]:
        """All records, one file after the other; the next ones are read meanwhile."""
        for shard, numbers in self._runs():
            payloads = iterate(_Records(self, shard, numbers))
            for number, payload in zip(numbers, payloads, strict=True):
                yield self._item(shard, number, payload)

    def _runs(self) -> Iterator[tuple[int, range]]:
        """The records in their order, by files: a shard, and the numbers there."""
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
        """Closes the files. Further use of the data set opens them again."""
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
    """Some records of one file, which is in use only while they are read."""

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
