"""How much decompressed data is kept."""

from ._arguments import integer
from ._library import lib

__all__ = ["cache_bytes", "set_cache_bytes"]


def set_cache_bytes(size: int) -> None:
    """Sets how many bytes of decompressed data this process may keep, of all compressed files.

    The default is 64 MiB. Data in use comes on top. A random record of a compressed file needs the
    chunk of about 200 KiB that it is in: a larger cache makes it more likely that the chunk is
    there. With 0, each read decompresses its chunk from the chunk's start. What is too much goes at
    once. Each data set that is read in an order with `shuffle="chunks"` needs 48 MiB; with less,
    its records cost up to 25 times as much. A forked process has the number of its parent.

    Args:
        size: the number of bytes.

    Raises:
        TfrValueError: it is negative.

    Examples:
        >>> set_cache_bytes(256 << 20)
        >>> cache_bytes() >> 20
        256
        >>> set_cache_bytes(64 << 20)
    """
    lib.tfr_set_cache_bytes(integer("size", size))


def cache_bytes() -> int:
    """Returns the number of bytes that `set_cache_bytes` sets."""
    return int(lib.tfr_cache_bytes())
