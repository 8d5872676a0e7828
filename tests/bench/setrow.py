"""A row of `run.py --sets`: ours, a floor, and the right answer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple


def nothing() -> None:
    return None


class Row(NamedTuple):
    """Work on a set. `ours` and `floor` do it and return their seconds."""

    title: str
    ours: Callable[[], float]
    floor: Callable[[], float]
    floor_is: str
    at_most: float  # the target: ours takes that many times the floor's time
    before: Callable[[], None] = nothing  # makes the set as it was, before each of them
    fault: Callable[[], str | None] = nothing  # what is wrong after ours


def timed(command: list[str]) -> float:
    """Runs a command; returns its wall time in seconds."""
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode != 0:
        sys.exit(f"{done.stderr.decode()}failed: {' '.join(command[:6])}")
    return seconds
