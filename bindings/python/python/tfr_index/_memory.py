"""Memory that payloads are read to: blocks for reuse, or directly their objects."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from ._cpython import addresses_of, new_bytes
from ._library import CData, ffi, keeping

__all__ = [
    "LARGE",
    "SPARE",
    "Each",
    "Small",
    "allocate",
    "are_large",
    "cut",
    "each",
    "give_memory",
    "give_small",
    "take_memory",
    "take_small",
]

SPARE = 4 << 20  # bytes of a block from which small payloads are copied
LARGE = 16 << 10  # bytes of a payload above which a copy costs more than avoiding it

allocate = ffi.new_allocator(should_clear_after_alloc=False)


class Small:
    """A block for one small payload, which is copied from it."""

    __slots__ = ("content", "memory", "size_out")

    def __init__(self) -> None:
        self.memory = allocate("uint8_t[]", LARGE)
        self.content = ffi.buffer(self.memory)
        self.size_out = ffi.new("size_t *")


# Blocks for reuse, as fresh memory costs as much as reading: as many as threads have read at the
# same time.
_small: list[Small] = []
_spare: list[CData] = []

give_small = _small.append


def take_small() -> Small:
    try:
        return _small.pop()
    except IndexError:
        return Small()


def take_memory() -> CData:
    """A block of `SPARE` bytes."""
    try:
        return _spare.pop()
    except IndexError:
        return allocate("uint8_t[]", SPARE)


def give_memory(memory: CData) -> None:
    if len(_spare) < 8:
        _spare.append(memory)


def are_large(offsets: list[int]) -> bool:
    """Whether payloads are too large to be copied, or too many for one spare block."""
    return offsets[-1] > min(SPARE, LARGE * (len(offsets) - 1))


def cut(memory: CData, offsets: list[int]) -> list[bytes]:
    """Copies payloads from the memory where they are concatenated."""
    data = ffi.buffer(memory, offsets[-1])
    return [data[start:end] for start, end in pairwise(offsets)]


class Each(NamedTuple):
    """Payloads that are not read yet, and their memory as C arrays."""

    payloads: list[bytes]
    buffers: CData
    capacities: CData


def each(offsets: list[int]) -> Each:
    """Makes `bytes` objects to read payloads into. For small ones, a copy is faster."""
    sizes = [end - start for start, end in pairwise(offsets)]
    payloads = list(map(new_bytes, sizes))
    buffers = ffi.cast("uint8_t **", ffi.from_buffer(addresses := addresses_of(payloads)))
    return Each(payloads, keeping(buffers, addresses), ffi.new("size_t[]", sizes))
