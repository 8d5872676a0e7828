"""`tf.train.Example` in plain Python, from protobuf's description: slow, and easy to check."""

from __future__ import annotations

import struct
from collections.abc import Mapping


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    encoded = b""
    while number > 127:
        encoded += bytes([number & 127 | 128])
        number >>= 7
    return encoded + bytes([number])


def block(field: int, content: bytes) -> bytes:
    """A field with a length: a message, a string, packed numbers."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def bytes_list(*values: bytes) -> bytes:
    """A `Feature` of byte strings."""
    return block(1, b"".join(block(1, value) for value in values))


def float_list(*values: float) -> bytes:
    """A `Feature` of floating-point numbers, packed."""
    return block(2, block(1, struct.pack(f"<{len(values)}f", *values)) if values else b"")


def int64_list(*values: int) -> bytes:
    """A `Feature` of integers, packed."""
    return block(3, block(1, b"".join(varint(int(one)) for one in values)) if values else b"")


def example(features: Mapping[str, bytes] | Mapping[bytes, bytes]) -> bytes:
    """An `Example` of such features by name, in the order of the names."""
    keys = {name.encode() if isinstance(name, str) else name: one for name, one in features.items()}
    return block(
        1,
        b"".join(block(1, block(1, key) + block(2, keys[key])) for key in sorted(keys)),
    )


def sequence_example(context: Mapping[str, bytes], lists: Mapping[str, list[bytes]]) -> bytes:
    """A `SequenceExample`: features of its context, and for each list a feature for each step."""
    encoded = example(context)
    entries = [
        block(1, block(1, name.encode()) + block(2, b"".join(block(1, step) for step in steps)))
        for name, steps in lists.items()
    ]
    return encoded + block(2, b"".join(entries))
