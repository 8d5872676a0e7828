"""The types of arguments."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    Buffer = object

from ._errors import Skipped

__all__ = [
    "Buffer",
    "CheckLevel",
    "Checksums",
    "Data",
    "OnSkipped",
    "Only",
    "Path",
    "Progress",
    "Remainder",
    "ShardBy",
]

#: A path as the functions of `os` take it.
Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class PositionedReader(Protocol):
    """Reads at any position. Its size is an attribute or a method `size`, or `seek` finds it."""

    def pread(self, size: int, offset: int, /) -> Buffer:
        """At most `size` bytes from `offset` on; none only at the end."""


class SeekableReader(Protocol):
    """A binary file, or an object with its methods."""

    def seek(self, offset: int, whence: int = 0, /) -> object: ...

    def tell(self) -> int: ...

    def read(self, size: int, /) -> Buffer: ...


#: A TFRecord file's path, or its bytes, or an object that is read through its own methods:
#:
#: - Anything with the buffer protocol: `bytearray`, `memoryview`, `mmap.mmap`, a numpy array.
#:   `bytes` are a path: pass a `memoryview` of them. The memory is not copied, and must not change
#:   while it is read.
#: - A binary file that can seek: `io.BytesIO`, a member of an archive, a file of fsspec, obstore or
#:   pyarrow. Its position does not matter, and changes. A forked process cannot use a reader of
#:   one, except for a `BytesIO` and a file from `open` or `tempfile`, which are read without their
#:   position.
#: - Anything with a method `pread(size, offset)` that many threads may call at once, or
#:   `read_at(size, offset)`, as pyarrow's files have. Its size is the attribute or method `size`,
#:   or found by `seek` and `tell`.
Data: TypeAlias = Path | Buffer | PositionedReader | SeekableReader

#: Which checksums must be valid. The structure is always checked.
#:
#: - "auto": if the first header's checksum is valid, those of all headers; otherwise the file
#:   counts as written without checksums.
#: - "none": none.
#: - "length": those of all headers.
#: - "full": those of all headers and payloads, which reads all of the file.
Checksums: TypeAlias = Literal["auto", "none", "length", "full"]

#: How much of the data `Index.check` reads.
#:
#: - "quick": the headers of the first record, of the last and of 64 between them.
#: - "headers": every header.
#: - "full": every header and every payload.
CheckLevel: TypeAlias = Literal["quick", "headers", "full"]

#: Which indexes `create_index` makes.
#:
#: - "missing": those that do not exist.
#: - "stale": those, and the ones that are older than their data, do not end where it ends, or
#:   cannot be read.
Only: TypeAlias = Literal["missing", "stale"]

#: What `Index.shard` divides evenly.
#:
#: - "records": their numbers differ by at most one.
#: - "bytes": a shard's frames have its equal share of the bytes, give or take the largest frame.
ShardBy: TypeAlias = Literal["records", "bytes"]

#: What `Index.shard` does if the number of records is not a multiple of the number of shards.
#:
#: - "keep": some shards have one record more; each record is in one shard.
#: - "drop": all shards have the smaller number; the last record of each larger one is dropped.
#: - "pad": all shards have the larger number; each smaller one ends with the next one's first.
Remainder: TypeAlias = Literal["keep", "drop", "pad"]

#: Called now and then during a scan: `progress(bytes_done, bytes_total, records)`. A true result
#: cancels the scan; an exception cancels it, and the call raises that exception.
Progress: TypeAlias = Callable[[int, int, int], object]

#: Called for each region that a scan skips, such as a list's `append`. A true result cancels the
#: scan; an exception cancels it, and the call raises that exception.
OnSkipped: TypeAlias = Callable[[Skipped], object]
