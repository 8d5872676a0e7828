"""`Sampler`: the record numbers of an epoch, for PyTorch's DataLoader."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sized
from typing import Any, final

from ._arguments import integer, refuse
from ._dataset import Dataset
from ._order import Order
from ._typing import Remainder, Shuffle

__all__ = ["Sampler"]

# A state must agree in these with the sampler that it resumes, or its position means other records.
_FIXED = ("num_records", "world_size", "remainder")
_TAKEN = ("seed", "shuffle", "chunk_records", "epoch", "start")


@final
class Sampler:
    """The records of one rank in each epoch, for the `sampler` of PyTorch's DataLoader.

    It iterates over an `Order`, so it takes constant memory for any number of records, starts at
    once, and resumes in the middle of an epoch at no cost. It has the methods of PyTorch's
    `DistributedSampler` and of a stateful object, so torchdata's `StatefulDataLoader` saves and
    restores it. It does not need PyTorch.

    An epoch always has the same order, until `set_epoch` sets another epoch.

    Args:
        data: the data set, or its number of records.
        seed: shuffles the records, in each epoch in another order. None: they come in sequence.
        shuffle: what the seed shuffles: "records", or "chunks" for compressed files.
        chunk_records: how many records a chunk has, as for `Order`.
        rank: which part of the records to take. None: the rank of `torch.distributed`, if that is
            initialized, else 0.
        world_size: how many parts there are. None: as for `rank`, else 1.
        remainder: what to do if the number of records is not a multiple of `world_size`. With
            "pad", as with `DistributedSampler`, and with "drop", all ranks have the same number, as
            distributed training needs it.

    Raises:
        TfrValueError: only one of `rank` and `world_size` is given, `rank` is not less than
            `world_size`, or another argument is out of range, as for `Order`.

    Examples:
        >>> sampler = Sampler(5, seed=7)
        >>> list(sampler)
        [3, 0, 2, 1, 4]
        >>> sampler.set_epoch(1)
        >>> list(sampler)
        [4, 0, 3, 1, 2]

        To resume after two batches of two records each:

        >>> state = sampler.state_dict(start=2 * 2)
        >>> resumed = Sampler(5, seed=7)
        >>> resumed.load_state_dict(state)
        >>> list(resumed)
        [2]
    """

    def __init__(
        self,
        data: Sized | int,
        *,
        seed: int | None = None,
        shuffle: Shuffle = "records",
        chunk_records: int | None = None,
        rank: int | None = None,
        world_size: int | None = None,
        remainder: Remainder = "pad",
    ) -> None:
        if (rank is None) != (world_size is None):
            raise refuse("rank and world_size belong together: pass both of them, or neither")
        if rank is None or world_size is None:
            rank, world_size = _rank_and_world_size()
        num_records = data if isinstance(data, Dataset) else _count(data)
        # The epoch's order, from the record on at which the next iteration starts.
        self._order = Order(
            num_records,
            seed=seed,
            shuffle=shuffle,
            chunk_records=chunk_records,
            rank=rank,
            world_size=world_size,
            remainder=remainder,
        )
        self._position = 0  # how many of the rank's records this epoch has given so far

    @property
    def order(self) -> Order:
        """The order of the next iteration."""
        return self._order

    @property
    def epoch(self) -> int:
        """The number of the epoch."""
        epoch: int = self._order.state_dict()["epoch"]
        return epoch

    def set_epoch(self, epoch: int) -> None:
        """Sets the number of the epoch. Another number starts at the epoch's first record.

        The same number changes nothing, so a loop may call this after `load_state_dict`.
        """
        if epoch != self.epoch:
            self._order = self._order.replace(epoch=epoch, start=0)
            self._position = 0

    def __len__(self) -> int:
        """How many records the next iteration has."""
        return len(self._order)

    def __iter__(self) -> Iterator[int]:
        order = self._order
        start = self._position = order.state_dict()["start"]
        self._order = order.replace(start=0)
        for self._position, record in enumerate(order, start + 1):
            yield record

    def state_dict(self, start: int | None = None) -> dict[str, Any]:
        """Returns a plain dict from which `load_state_dict` continues.

        Args:
            start: how many of its records the rank has used in this epoch, such as
                `steps * batch_size`. None: as many as the sampler has given. A DataLoader with
                `num_workers` asks for records ahead, so pass a number there;
                `StatefulDataLoader` needs none.

        Raises:
            TfrValueError: the rank has fewer than `start` records in this epoch.
        """
        order = self._order.replace(start=self._position if start is None else start)
        state = order.state_dict()
        del state["rank"]  # all ranks have the same state
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state: with its shuffle and epoch, after the records that were used.

        All ranks may load the state of one.

        Raises:
            TfrValueError: the state is that of a data set with another number of records, or it is
                in the middle of an epoch with another `world_size` or `remainder`; or it is not
                one that `state_dict` returned.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"the state must be a dict, not {type(state).__name__}")
        for name in (*_FIXED, *_TAKEN):
            if name not in state:
                raise refuse(f"the state has no {name!r}: pass what state_dict() returned")
        own, start = self._order.state_dict(), state["start"]
        for name in _FIXED if start else _FIXED[:1]:
            if state[name] != own[name]:
                raise refuse(
                    f"the state has {name} {state[name]!r}, but the sampler {own[name]!r}: it can "
                    "only continue with the same one"
                )
        self._order = self._order.replace(**{name: state[name] for name in _TAKEN})
        self._position = start

    def __repr__(self) -> str:
        return f"<tfr_index.Sampler of {self._order!r}>"


def _count(data: Sized | int) -> int:
    return len(data) if isinstance(data, Sized) else integer("data", data)


def _rank_and_world_size() -> tuple[int, int]:
    """Those of torch.distributed, as PyTorch's own sampler takes them."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()
