"""Begins and ends the command: arguments, signals and the exit status."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from typing import NoReturn

from .._errors import TfrError
from . import output
from .arguments import parse
from .progress import Progress
from .work import COMMANDS

__all__ = ["main"]

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupted(BaseException):
    """A signal asks the process to end."""


def main(arguments: list[str]) -> NoReturn:
    """Runs a command line, without the name of the program, and ends the process."""
    # The files of a call that is interrupted are in here.
    tempfile.tempdir = tempfile.mkdtemp(prefix="tfr-index-")
    progress, exits, caught = Progress(), [1], 0
    # Python handles signals in the main thread, which must not wait inside a request.
    work = threading.Thread(target=lambda: exits.append(_run(arguments, progress)), daemon=True)
    try:
        _listen()
        work.start()
        # Again and again: a signal that comes just before a wait does not end it.
        while work.is_alive():
            work.join(0.1)
    except _Interrupted as interrupted:
        caught = interrupted.args[0]
        if progress.interrupted:
            output.fail(progress.interrupted())
    finally:
        shutil.rmtree(tempfile.tempdir, ignore_errors=True)
        if caught and progress.temporary:
            with contextlib.suppress(OSError):
                os.unlink(progress.temporary)
    if caught:
        # Shells and job managers see the interruption.
        signal.signal(caught, signal.SIG_DFL)
        os.kill(os.getpid(), caught)
    sys.exit(exits[-1])


def _listen() -> None:
    """Catches the first signal; a second one ends the process at once. Ignored ones stay so."""

    def interrupt(number: int, _frame: object) -> None:
        for one in caught:
            signal.signal(one, signal.SIG_DFL)
        raise _Interrupted(number)

    caught = [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]
    for one in caught:
        signal.signal(one, interrupt)


def _run(arguments: list[str], progress: Progress) -> int:
    """Runs the command. Returns the exit status."""
    try:
        name, options = parse(arguments)
        output.begin(quiet=options.quiet)
        return COMMANDS[name](options, progress)
    except output.Usage as error:
        output.fail(error)
        return 2
    except (output.Failure, TfrError, ImportError, MemoryError) as error:
        return output.fail(error)
    except OSError as error:
        name = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return output.fail(f"{name}{output.system_error(error)}")
    except Exception as error:
        return output.fail(f"{type(error).__name__}: {error} (please report this)")
