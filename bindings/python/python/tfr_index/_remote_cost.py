"""How long requests take, as far as this process has seen."""

from __future__ import annotations

from collections import deque
from statistics import median_high, median_low
from threading import Lock
from typing import Any, TypeAlias

__all__ = ["DEFAULT_COST", "ReadCost", "cost_of", "note"]

#: Seconds of a round trip, bytes a second of one request, and requests at the same time.
ReadCost: TypeAlias = tuple[float, float, int]
#: That of an object store near by: what is assumed where nothing is measured.
DEFAULT_COST: ReadCost = (0.02, 100e6, 128)

#: The last requests count, of a store's files that were opened: a median of these is not that of
#: the first one, which also makes a connection, nor that of one which a cache answered.
_LAST = 9
#: Bodies with fewer bytes arrive with the first ones.
_LEAST_BODY = 1 << 20
#: What is measured is at least and at most this: a busy machine is slow for a while.
_LATENCY = 0.0002, 0.25
_BANDWIDTH = 1e6, 1e10
#: Stores that are remembered.
_STORES = 64


class _Seen:
    def __init__(self, store: Any) -> None:
        self.store = store  # so that no other one gets its id
        self.latencies: deque[float] = deque(maxlen=_LAST)
        self.bandwidths: deque[float] = deque(maxlen=_LAST)


_seen: dict[int, _Seen] = {}
_lock = Lock()


def note(store: Any, latency: float, size: int, seconds: float) -> None:
    """Notes a request: the seconds until it was answered, and then until all bytes were there."""
    with _lock:
        seen = _seen.pop(id(store), None) or _Seen(store)
        _seen[id(store)] = seen
        if len(_seen) > _STORES:
            del _seen[next(iter(_seen))]
        seen.latencies.append(latency)
        if size >= _LEAST_BODY:
            seen.bandwidths.append(size / max(seconds, 1e-9))


def cost_of(store: Any) -> ReadCost:
    """What a request costs, by the last ones that were noted."""
    latency, bandwidth, at_once = DEFAULT_COST
    with _lock:
        seen = _seen.get(id(store))
        if seen is not None:
            latency = _within(median_low(seen.latencies), *_LATENCY)
            if seen.bandwidths:
                bandwidth = _within(median_high(seen.bandwidths), *_BANDWIDTH)
    return latency, bandwidth, at_once


def _within(number: float, least: float, most: float) -> float:
    return min(max(number, least), most)
