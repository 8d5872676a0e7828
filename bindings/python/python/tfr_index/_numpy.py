"""numpy, which the package needs only for features, and imports only then."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from typing import Any

from ._optional import not_there
from ._payloads import plain

__all__ = ["numbers_of", "numpy"]


def numpy() -> Any:
    """The module.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import numpy as np
    except ImportError as error:
        raise not_there("numpy", "features", error) from error
    return np


def numbers_of(records: Iterable[int], part: range, number: Callable[[int], int]) -> Any:
    """The numbers of records as a numpy array of unsigned 64-bit integers.

    Args:
        records: places in `part`; negative ones count from the end.
        part: the numbers of a slice.
        number: the same for one place. It raises the error for a bad one.
    """
    np, count = numpy(), len(part)
    if isinstance(records, range) and records:  # without an object for each number
        first, last = records[0], records[-1]
        if 0 <= first < count and 0 <= last < count:
            step = records.step * part.step
            end = part[first] + len(records) * step
            return np.arange(part[first], end, step, np.int64).view(np.uint64)
    given = plain(records)
    try:
        # Not by numpy, which takes other numbers, and fails in its own words.
        places = np.asarray(array("q", given) if isinstance(given, list) else given)
    except (OverflowError, TypeError):  # the first bad one is an error
        return np.array([number(place) for place in given], np.uint64)
    if places.size == 0:
        return np.empty(0, np.uint64)
    bad = (places < -count) | (places >= count)
    if bad.any():
        number(int(places[bad.argmax()]))
    places = places.astype(np.int64)
    places = np.where(places < 0, places + count, places)
    return (part.start + places * part.step).astype(np.uint64)
