"""TFRecord frames in plain Python, from the format's description: slow, and easy to check."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable

OVERHEAD = 16  # length 8, its checksum 4, the payload's checksum 4


def _castagnoli_table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _castagnoli_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


CHECKSUMS = {
    "crc32c": lambda data: masked(crc32c(data)),
    "ieee": lambda data: masked(zlib.crc32(data)),  # what some writers store by mistake
    "zeros": lambda data: 0,  # what others store to save time
}


def frame(payload: bytes, checksums: str = "crc32c") -> bytes:
    checksum = CHECKSUMS[checksums]
    length = struct.pack("<Q", len(payload))
    return b"".join(
        [
            length,
            struct.pack("<I", checksum(length)),
            payload,
            struct.pack("<I", checksum(payload)),
        ]
    )


def tfrecord(payloads: Iterable[bytes], checksums: str = "crc32c") -> bytes:
    return b"".join(frame(payload, checksums) for payload in payloads)


def sparse_tfrecord(path: str | os.PathLike[str], size: int) -> None:
    """Writes a file of one record, of any size, that takes no disk space."""
    length = struct.pack("<Q", size - OVERHEAD)
    with open(path, "wb") as file:
        file.write(length + struct.pack("<I", CHECKSUMS["crc32c"](length)))
        file.truncate(size)


def walk(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) of every frame of good data, from its lengths only."""
    entries = []
    offset = 0
    while offset < len(data):
        (length,) = struct.unpack_from("<Q", data, offset)
        entries.append((offset, length + OVERHEAD))
        offset += length + OVERHEAD
    assert offset == len(data)
    return entries


def payload_of(frame: bytes) -> bytes:
    return frame[12:-4]


def payloads(data: bytes) -> list[bytes]:
    return [payload_of(data[offset : offset + size]) for offset, size in walk(data)]


def index_text(entries: Iterable[tuple[int, int]]) -> str:
    return "".join(f"{offset} {size}\n" for offset, size in entries)
