"""The types of arguments."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._source import GzipSource
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    Buffer = object

from ._errors import Skipped

__all__ = [
    "Buffer",
    "CheckLevel",
    "Checksums",
    "Compression",
    "Data",
    "OnError",
    "OnSkipped",
    "Only",
    "Path",
    "Progress",
    "ReadMode",
    "Remainder",
    "ShardBy",
    "Shuffle",
]

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""A path, as the functions of `os` take it."""


class PositionedReader(Protocol):
    """An object that reads at any position.

    Its size is an attribute or a method `size`; without one, `seek` and `tell` find it.
    """

    def pread(self, size: int, offset: int, /) -> Buffer:
        """Returns at most `size` bytes from `offset`, and none only at the end."""


class SeekableReader(Protocol):
    """A binary file, or an object with its methods."""

    def seek(self, offset: int, whence: int = 0, /) -> object: ...

    def tell(self) -> int: ...

    def read(self, size: int, /) -> Buffer: ...


Data: TypeAlias = "Path | Buffer | PositionedReader | SeekableReader | GzipSource"
"""A TFRecord file: its path, its URL, its bytes in memory, or an object with methods that read it.

- A URL, such as "s3://bucket/train.tfrecord", or a `RemoteFile`.
- Memory: any object with the buffer protocol, such as `bytearray`, `memoryview`, `mmap.mmap` or a
  numpy array. `bytes` are taken as a path: to pass data, use `memoryview(data)`. The memory is not
  copied, and must not change while it is read.
- A binary file that can seek: `io.BytesIO`, a member of an archive, a file of fsspec, obstore or
  pyarrow. Reading does not depend on its position, but changes it. A forked process cannot use a
  `Reader` of such a file. The exceptions are `BytesIO` and files from `open` or `tempfile`: reading
  them does not use their position.
- An object with a method `pread(size, offset)`, or `read_at(size, offset)` as pyarrow's files have,
  that many threads may call at the same time. Its size is the attribute or method `size`; without
  one, `seek` and `tell` find it.
- A `GzipSource`, which decompresses one of these.
"""

Checksums: TypeAlias = Literal["auto", "none", "length", "full"]
"""Which checksums must be valid. The structure is always checked.

- "auto": those of all headers, if that of the first header is valid; otherwise the file counts as
  written without checksums.
- "none": none.
- "length": those of all headers.
- "full": those of all headers and payloads; this reads the whole file.
"""

Compression: TypeAlias = Literal["gzip"]
"""How data is compressed that `RecordWriter` and `reshard` write."""

CheckLevel: TypeAlias = Literal["quick", "headers", "full"]
"""How much of the data `Index.check` reads.

- "quick": the headers of the first record, the last record and 64 records between them.
- "headers": every header.
- "full": every header and every payload.
"""

Only: TypeAlias = Literal["missing", "stale"]
"""Which indexes `create_index` creates.

- "missing": those that do not exist.
- "stale": also those that are older than their data, do not end where the data ends, or cannot be
  read.
"""

ReadMode: TypeAlias = Literal["auto", "stream", "ranges", "headers"]
"""How a scan reads a file at a URL, or a `RemoteFile`.

- "auto": as what a request costs says: a small file with one request, a larger one by ranges, many
  at the same time, and of large records the headers only.
- "stream": with one request, in order, by one thread. For servers that allow few requests.
- "ranges": by ranges of some MB, in order, many at the same time. It skips no payload, but for the
  rest of one that is larger than a range.
- "headers": few bytes: it skips payloads of 64 KiB and more, even if reading them is faster.

A compressed file is read whole in each mode, by ranges, too.
"""

ShardBy: TypeAlias = Literal["records", "bytes"]
"""What `Index.shard` divides evenly.

- "records": the number of records; two shards differ by at most one.
- "bytes": the bytes of the frames; a shard differs from an equal share by at most the largest
  frame.
"""

Remainder: TypeAlias = Literal["keep", "drop", "pad"]
"""What `Index.shard` does if the number of records is not a multiple of the number of shards.

- "keep": some shards have one record more; each record is in one shard.
- "drop": all shards have the smaller number; each larger one loses its last record.
- "pad": all shards have the larger number; each smaller one ends with the first record of the next
  shard.
"""

Shuffle: TypeAlias = Literal["records", "chunks"]
"""What the seed of an `Order` shuffles.

- "records": all records.
- "chunks": chunks of neighbouring records, and the records of a dozen chunks at a time. For
  compressed files, of which a record alone costs as much as many neighbours.
"""

OnError: TypeAlias = Literal["raise", "skip"]
"""What a `Dataset` does with a record or a file that cannot be read.

A record whose `features` cannot be decoded is a bad record, too.

- "raise": the call raises the error.
- "skip": iteration and batches leave the record out, or the records of the file.
  `Dataset.skipped` counts them and has the errors, and a `TfrWarning` says so once.
"""

Progress: TypeAlias = Callable[[int, int, int], object]
"""A function that a scan calls now and then, as `progress(bytes_done, bytes_total, records)`.

A true result cancels the scan. An exception cancels it too, and the call raises that exception.
"""

OnSkipped: TypeAlias = Callable[[Skipped], object]
"""A function that a scan calls for each region that it skips, such as a list's `append`.

A true result cancels the scan. An exception cancels it too, and the call raises that exception.
"""
