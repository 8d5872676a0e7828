"""A row of `run.py --sets`: ours, a floor, and the right answer."""

from __future__ import annotations

import json
import os
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


class Worker:
    """A function of a script, in a process of its own. Calls return its seconds.

    The script prints them as JSON, with its answer: the other members.
    """

    def __init__(
        self, script: str, *command: str, right: tuple[float, ...] | None = None, preload: str = ""
    ) -> None:
        self.command, self.right, self.preload = (script, *command), right, preload
        self.found: dict[str, float] = {}

    def __call__(self, *more: str) -> float:
        command = [sys.executable, *self.command, *more]
        environment = os.environ | ({"LD_PRELOAD": self.preload} if self.preload else {})
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}{done.stderr}failed: {' '.join(command)}")
        self.found = json.loads(done.stdout.splitlines()[-1])
        return self.found["seconds"]

    def answer(self) -> tuple[float, ...]:
        """What the last call found."""
        return tuple(value for name, value in self.found.items() if name != "seconds")

    def fault(self) -> str | None:
        found = self.answer()
        return None if found == self.right else f"found {found}, not {self.right}"
