"""The end of the interpreter: after it, nothing may call Python any more.

A daemon thread lives on while the interpreter ends. If the library, on such a thread, then called
Python, the interpreter would end that thread inside the library, and with it the process (SIGABRT).
"""

import atexit
import os
import time

from ._library import lib

__all__: list[str] = []

#: A callback that waits for something else does not keep the process from ending.
_SECONDS = 5.0

#: How many callbacks were running at a fork, on threads that this process lacks.
_lost = 0


def _end_callbacks() -> None:
    """Refuses further callbacks, and waits for those that are running."""
    deadline = time.monotonic() + _SECONDS
    while lib.tfr_callbacks_allow(0) > _lost and time.monotonic() < deadline:
        time.sleep(0.001)


def _after_fork() -> None:
    global _lost
    _lost = lib.tfr_callbacks_allow(1)


atexit.register(_end_callbacks)
os.register_at_fork(after_in_child=_after_fork)
