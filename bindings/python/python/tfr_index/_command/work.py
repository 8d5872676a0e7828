"""The commands by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from .cat import cat
from .check import check
from .create import create
from .ls import ls
from .manifest import manifest
from .progress import Progress
from .report import write_report

__all__ = ["COMMANDS"]

#: A command takes its options, and returns the exit status.
COMMANDS: dict[str, Callable[[argparse.Namespace, Progress], int]] = {
    "cat": cat,
    "check": check,
    "create": create,
    "ls": ls,
    "manifest": manifest,
    "report": write_report,
}
