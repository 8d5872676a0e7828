"""The exit of the interpreter: from then on, the library must not call Python.

Daemon threads keep running while the interpreter exits. If the library called Python on such a
thread, the interpreter would end the thread inside the library, and that aborts the process
(SIGABRT).
"""

import atexit
import os
import time

from ._library import lib

__all__: list[str] = []

#: How long to wait for running callbacks. One that hangs must not keep the process from exiting.
_SECONDS = 5.0

#: How many callbacks were running at the fork, on threads that do not exist in this process.
_lost = 0


def _end_callbacks() -> None:
    """Refuses new callbacks, and waits for the running ones."""
    deadline = time.monotonic() + _SECONDS
    while lib.tfr_callbacks_allow(0) > _lost and time.monotonic() < deadline:
        time.sleep(0.001)


def _after_fork() -> None:
    global _lost
    _lost = lib.tfr_callbacks_allow(1)


atexit.register(_end_callbacks)
os.register_at_fork(after_in_child=_after_fork)
