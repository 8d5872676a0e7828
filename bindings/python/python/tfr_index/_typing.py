"""The types of arguments."""

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import Buffer
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    Buffer = object

from ._errors import Damage

__all__ = ["Buffer", "CheckLevel", "Checksums", "Path", "Progress", "Salvage"]

#: A path as the functions of `os` take it.
Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

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

#: Told how far a scan is: `progress(bytes_done, bytes_total, records)`. What it returns cancels
#: the scan if it is true, what it raises cancels the scan and is raised from there.
Progress: TypeAlias = Callable[[int, int, int], object]

#: Told of each region that is left out of an index. What it returns cancels the scan if it is true,
#: what it raises cancels the scan and is raised from there. `list.append` is one.
Salvage: TypeAlias = Callable[[Damage], object]
