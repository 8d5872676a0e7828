"""`Batches`: the records of a data set in batches, read ahead."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NoReturn, TypeVar, final

from ._handle import Handle
from ._library import CData, call, ffi, keeping, lib, make
from ._memory import cut
from ._order import Order
from ._payloads import Payloads

__all__ = ["Batches", "data_of", "payloads_of", "view_of"]

Item = TypeVar("Item")

_WAIT = 100  # milliseconds after which a waiting thread handles signals such as Ctrl-C


@final
class Batches(Iterator[Item], Generic[Item]):
    r"""An iterator over batches: the result of `Dataset.batches`.

    The threads that read ahead belong to the library, and do not need the GIL. They end when the
    iterator is gone. Several threads may use one iterator: each batch goes to one of them. In a
    forked process the iterator continues, with threads of that process.

    After an error, the next call continues with the batch after the one that failed.

    Examples:
        >>> import pathlib, tempfile
        >>> frame = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19"
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     _ = path.write_bytes(frame * 5)
        ...     dataset = Dataset(path)
        ...     batches = dataset.batches(2)
        ...     print(next(batches), batches.records, batches.state())
        ...     resumed = dataset.batches(2, Order(5, start=batches.state()))
        ...     print([len(batch) for batch in resumed])
        [b'hello', b'hello'] [0, 1] 2
        [2, 1]
    """

    __slots__ = (
        "__weakref__",
        "_failed",
        "_handle",
        "_item",
        "_locks",
        "_native",
        "_numbers",
        "_records",
    )

    _failed: int | None  # where the last batch starts, if `decode` raised an error for it
    _handle: Handle
    _item: Callable[[CData, Sequence[int]], Item]
    _records: range  # those of the slice, as numbers in the data set
    _native: CData
    _numbers: Sequence[int]  # those of the last batch
    _locks: dict[int, Any]  # by process: a forked one cannot wait for threads of its parent

    def __init__(self) -> None:
        raise TypeError("call Dataset.batches() for batches")

    @classmethod
    def _of(
        cls,
        handle: Handle,
        records: range,
        order: Order,
        batch_size: int,
        item: Callable[[CData, Sequence[int]], Item],
        *,
        max_bytes: int = 0,
        prefetch: int = 2,
        drop_last: bool = False,
        features: CData | None = None,
    ) -> Batches[Item]:
        """Batches of a slice of the data set. `item` makes one of a native batch."""
        batches = cls.__new__(cls)
        batches._failed, batches._handle, batches._item = None, handle, item
        batches._records, batches._numbers, batches._locks = records, [], {}
        first = records.start if records else 0
        step = records.step if len(records) > 1 else 1  # that of a single record may be any number
        given = first, step, order._native, batch_size, max_bytes, prefetch, bool(drop_last)
        batches._native = make("batches", lib.tfr_batches_of, handle.native, *given)
        if features is not None:
            call(lib.tfr_batches_set_features, batches._native, features)
        return batches

    def _lock(self) -> Any:
        """The lock of this process. Re-entrant: a handler of a signal may ask for a batch."""
        return self._locks.setdefault(os.getpid(), threading.RLock())

    def __iter__(self) -> Batches[Item]:
        return self

    def __next__(self) -> Item:
        ready = ffi.new("int32_t *")
        with self._lock():
            while not ready[0]:
                call(lib.tfr_batches_wait, self._native, _WAIT, ready)
            start: int = lib.tfr_batches_state(self._native)
            self._failed = None
            batch = make("batch", lib.tfr_batches_next, self._native)
        self._handle.report()
        if not batch:
            raise StopIteration
        # A copy, which is a list only for who asks.
        size = 8 * lib.tfr_batch_len(batch)
        numbers = memoryview(ffi.buffer(lib.tfr_batch_records(batch), size)[:]).cast("Q")
        self._numbers = numbers
        try:
            return self._item(batch, numbers)
        except BaseException:
            self._failed = start
            raise

    @property
    def records(self) -> list[int]:
        """The numbers of the records of the last batch, in the data set or its slice."""
        return list(map(self._records.index, self._numbers))

    def state(self) -> int:
        """Where the next batch starts: how many of the order's records are before it.

        `Order.replace(start=state)` is the order from there on. After an error it is where the
        batch that failed starts, until the iterator continues. Call this in the thread that uses
        the batches: another one may get the next batch meanwhile.
        """
        with self._lock():
            state: int = lib.tfr_batches_state(self._native)
            return state if self._failed is None else self._failed

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "Batches cannot be pickled: pickle the data set, the order and state(), and continue "
            "with batches() of an order that starts there"
        )

    def __repr__(self) -> str:
        return f"<tfr_index.Batches of {len(self._records)} records, at {self.state()}>"


def payloads_of(batch: CData) -> list[bytes]:
    """The payloads of a native batch, copied."""
    offsets = ffi.unpack(lib.tfr_batch_offsets(batch), lib.tfr_batch_len(batch) + 1)
    return cut(lib.tfr_batch_bytes(batch), offsets)


def data_of(batch: CData) -> memoryview:
    """All payloads of a native batch, which stays alive as long as they are used."""
    size = lib.tfr_batch_offsets(batch)[lib.tfr_batch_len(batch)]
    return _view(batch, lib.tfr_batch_bytes(batch), size)


def view_of(batch: CData) -> Payloads:
    """The same, and where each of them is."""
    size = 8 * lib.tfr_batch_len(batch) + 8
    return Payloads(data_of(batch), _view(batch, lib.tfr_batch_offsets(batch), size).cast("Q"))


def _view(batch: CData, pointer: CData, size: int) -> memoryview:
    return memoryview(ffi.buffer(keeping(pointer, batch), size)).toreadonly().cast("B")
