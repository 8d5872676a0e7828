"""`search`: the records of a `Dataset` that have a payload."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from ._handle import Handle
from ._index import OVERHEAD

__all__ = ["search"]


def search(handle: Handle, records: range, payload: object) -> Iterator[int]:
    """Yields the places in `records` with this payload. Only payloads of the same size are read."""
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        return
    size = memoryview(payload).nbytes + (0 if handle.settings["raw_frames"] else OVERHEAD)
    backwards = records.step < 0
    ascending = records[::-1] if backwards else records
    shards = range(handle.num_shards())
    for shard in reversed(shards) if backwards else shards:
        whole = handle.records_of(shard)
        bounds = bisect_left(ascending, whole.start), bisect_left(ascending, whole.stop)
        ours = ascending[slice(*bounds)]
        if not ours:
            continue
        sizes = handle.index_of(shard).sizes
        handle.report()
        for record in reversed(ours) if backwards else ours:
            if sizes[record - whole.start] == size:
                is_equal = handle.read(record) == payload
                handle.report()
                if is_equal:
                    yield records.index(record)
