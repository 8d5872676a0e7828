"""What an interrupted command says, and lines about work that takes long."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import output

__all__ = ["Progress"]

_BETWEEN = 10.0  # seconds between two lines


class Progress:
    """How far a command is.

    Attributes:
        interrupted: what to say if a signal ends the command; None: nothing.
        temporary: a file that must not remain then.
    """

    def __init__(self) -> None:
        self.interrupted: Callable[[], str] | None = None
        self.temporary: str | None = None
        self._next = time.monotonic() + _BETWEEN

    def show(self, text: Callable[[], str]) -> None:
        """Prints a line on stderr, every ten seconds, unless --quiet is set."""
        if not output.is_quiet() and time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN
            output.note(text())
