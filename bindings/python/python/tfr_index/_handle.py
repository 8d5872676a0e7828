"""The native data set that a `Dataset` shares with its slices, and what it has to report."""

from __future__ import annotations

from typing import Any, NamedTuple

from ._cpython import new_bytes, new_small_bytes
from ._errors import TfrError, TfrWarning, warn
from ._files import decoded
from ._index import Index
from ._library import CData, call, exception_of, ffi, lib, make
from ._memory import LARGE, are_large, cut, each, give_memory, take_memory
from ._options import with_options
from ._origin import Origin
from ._typing import Buffer

__all__ = ["Handle", "Place", "Skips"]


class Place(NamedTuple):
    """Where a record of a data set is: the result of `Dataset.locate`.

    Examples:
        >>> path, record = Place("train-2.tfrecord", 1)
        >>> path, record
        ('train-2.tfrecord', 1)
    """

    path: str
    """The file of the record, one of `Dataset.paths`."""
    record: int
    """The number of the record in that file: its number in the index, if that selects records."""


class Skips(NamedTuple):
    """What a `Dataset` left out because of `on_error="skip"`: `Dataset.skipped`.

    Examples:
        >>> skips = Skips(0, [])
        >>> skips.records
        0
    """

    records: int
    """The number of records. A record counts each time that it is left out."""
    errors: list[TfrError]
    """The reasons, up to 1000: an error for each bad record, with its path and number, or one for
    all records of a batch that are in a file that cannot be opened; and one for each file of which
    no records could be counted when the data set was opened: it is empty."""


class Handle:
    """A native data set, with its origin, its settings, and the warnings that were issued."""

    __slots__ = (
        "_num_warnings",
        "is_large",
        "is_lazy",
        "issued",
        "native",
        "origin",
        "settings",
        "skips",
    )

    def __init__(self, origin: Origin, settings: dict[str, Any], issued: list[str]) -> None:
        self.origin = origin
        self.settings = settings
        self.issued = dict.fromkeys(issued, "")  # the texts of the warnings
        self.skips = settings["on_error"] == "skip"
        self.is_large = False  # whether the last payloads that were read were large
        self.is_lazy = origin.is_lazy  # whether files are opened, and may be warned of, later
        self._num_warnings = 0  # when they were last looked at
        self.native = with_options(origin.open, progress=None, **settings)

    def path(self, shard: int) -> str:
        return decoded(lib.tfr_dataset_path(self.native, shard))

    def paths(self) -> list[str]:
        return [self.path(shard) for shard in range(self.num_shards())]

    def num_shards(self) -> int:
        count: int = lib.tfr_dataset_num_shards(self.native)
        return count

    def index_of(self, shard: int) -> Index:
        return Index._made_by(lib.tfr_dataset_index_of, self.native, shard)

    def locate(self, record: int) -> Place:
        shard, number = ffi.new("size_t *"), ffi.new("uint64_t *")
        call(lib.tfr_dataset_locate, self.native, record, shard, number)
        return Place(self.path(shard[0]), number[0])

    def records_of(self, shard: int) -> range:
        first, count = ffi.new("uint64_t *"), ffi.new("uint64_t *")
        call(lib.tfr_dataset_records_of, self.native, shard, first, count)
        return range(first[0], first[0] + count[0])

    def read(self, record: int) -> bytes:
        """Reads a payload of any size."""
        size_out = ffi.new("size_t *")
        call(lib.tfr_dataset_sizes, self.native, [record], 1, size_out)
        size = size_out[0]
        payload = new_bytes(size) if size > LARGE else new_small_bytes(size)
        call(lib.tfr_dataset_read, self.native, record, payload, size, ffi.NULL)
        return payload

    def read_many(self, column: Buffer) -> list[bytes]:
        """Reads the payloads of a column of numbers, 8 bytes each.

        Raises:
            IndexError: a number is out of range.
        """
        numbers = ffi.from_buffer("uint64_t[]", column)
        count = len(numbers)
        offsets_out = ffi.new("size_t[]", count + 1)
        payloads = None
        if not self.is_large:
            memory = take_memory()
            given = numbers, count, memory, len(memory), offsets_out
            # TFR_ERR_INVALID_ARGUMENT: they need more memory.
            allowed = lib.TFR_ERR_INVALID_ARGUMENT
            if self._call(lib.tfr_dataset_read_many, *given, allowed=allowed) == lib.TFR_OK:
                payloads = cut(memory, offsets := ffi.unpack(offsets_out, count + 1))
            give_memory(memory)
        if payloads is None:
            self._call(lib.tfr_dataset_offsets, numbers, count, offsets_out)
            payloads, *buffers = each(offsets := ffi.unpack(offsets_out, count + 1))
            call(lib.tfr_dataset_read_each, self.native, numbers, count, *buffers)
        self.is_large = are_large(offsets)
        return payloads

    def _call(self, function: CData, *arguments: CData, allowed: int = lib.TFR_OK) -> int:
        """Calls a function; again, for its error, if it fails with another than this status."""
        status: int = function(self.native, *arguments, ffi.NULL)
        if status == lib.TFR_ERR_OUT_OF_RANGE:
            raise IndexError
        if status not in (lib.TFR_OK, allowed):
            call(function, self.native, *arguments)
        return status

    def skipped(self) -> Skips:
        errors: list[TfrError] = []
        while (error := self._error(lib.tfr_dataset_skipped, len(errors))) is not None:
            errors.append(error)
        return Skips(lib.tfr_dataset_num_skipped(self.native), errors)

    def report(self) -> None:
        """Issues the warnings that are new, each once and in the order of the files."""
        count = lib.tfr_dataset_num_warnings(self.native)
        if count != self._num_warnings:
            for number in range(count):
                error = self._error(lib.tfr_dataset_warning, number)
                if error is not None and self._is_new(text := str(error)):
                    warn(TfrWarning(error, text))
            self._num_warnings = count
        if self.skips and lib.tfr_dataset_num_skipped(self.native) > 0 and self._is_new(_SKIPS):
            error = self._error(lib.tfr_dataset_skipped, 0)
            if error is not None:
                warn(TfrWarning(error, f"{error}; {_SKIPS}"))

    def _is_new(self, text: str) -> bool:
        own = f"{text}."[:-1]  # another object, so that of two threads one finds its own
        return self.issued.setdefault(text, own) is own

    def _error(self, function: CData, number: int) -> TfrError | None:
        native = make("error", function, self.native, number)
        return exception_of(native) if native else None


_SKIPS = "such records are skipped (Dataset.skipped counts them)"
