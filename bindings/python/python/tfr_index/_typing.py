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
    """A binary file, or what looks like one."""

    def seek(self, offset: int, whence: int = 0, /) -> object: ...

    def tell(self) -> int: ...

    def read(self, size: int, /) -> Buffer: ...


#: A TFRecord file's path, or its bytes, or an object that is read through its own methods:
#:
#: - Anything with the buffer protocol: `bytearray`, `memoryview`, `mmap.mmap`, a numpy array; but
#:   `bytes` are a path, so give a `memoryview` of them. It is not copied, and must not change
#:   while it is read.
#: - A binary file that can seek, whatever is behind it: `io.BytesIO`, a member of an archive, a
#:   file of fsspec, obstore or pyarrow. Where it stands does not matter, nor does it stay there. A
#:   forked process cannot use a reader of one, but for a `BytesIO` and a file of the system's as
#:   `open` and `tempfile` give it, which are read without their position.
#: - Anything with a method `pread(size, offset)` that many threads may call at once, or
#:   `read_at(size, offset)`, as pyarrow's files have; and with its size as the attribute `size`, as
#:   a method of that name, or found by `seek` and `tell`.
Data: TypeAlias = Path | Buffer | PositionedReader | SeekableReader

#: Which checksums a scan holds a file to; structure is always checked.
#:
#: - "auto": if the first header's checksum holds, all headers' must; if it doesn't, the file
#:   counts as written without checksums.
#: - "none": none.
#: - "length": every header's.
#: - "full": every header's and every payload's; all of the file is read.
Checksums: TypeAlias = Literal["auto", "none", "length", "full"]

#: How much of the data `Index.check` reads.
#:
#: - "quick": the headers of the first record, of the last and of 64 between them.
#: - "headers": every header.
#: - "full": every header and every payload.
CheckLevel: TypeAlias = Literal["quick", "headers", "full"]

#: What `Index.shard` shares out evenly.
#:
#: - "records": the shards' numbers of them differ by one at most.
#: - "bytes": a shard's frames have as many as its equal share, give or take the largest frame's.
ShardBy: TypeAlias = Literal["records", "bytes"]

#: What becomes of the remainder where the records are no multiple of the shards.
#:
#: - "keep": some have one record more; no record is lost or there twice.
#: - "drop": all have as many as the smaller ones; the last of each larger one is in none.
#: - "pad": all have as many as the larger ones; the smaller ones end with the next one's first.
Remainder: TypeAlias = Literal["keep", "drop", "pad"]

#: Told how far a scan is: `progress(bytes_done, bytes_total, records)`. What it returns cancels
#: the scan if it is true, what it raises cancels the scan and is raised from there.
Progress: TypeAlias = Callable[[int, int, int], object]

#: Called for each region that a scan skips. What it returns cancels the scan if it is true, what it
#: raises cancels the scan and is raised from there. `list.append` is one.
OnSkipped: TypeAlias = Callable[[Skipped], object]
