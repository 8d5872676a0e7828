"""For all Python tests: signals, Hypothesis' settings, the file that TensorFlow wrote."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import environment
import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(environment.HOME / "hypothesis")  # not in the working directory
settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tests")

# `nohup`, `&` in a script and most CI agents ignore signals, and child processes inherit that.
# SIGHUP stays ignored: `nohup pytest` is meant to outlive its terminal. Python itself ignores
# SIGPIPE and SIGXFSZ, but not in its child processes.
signal.pthread_sigmask(signal.SIG_SETMASK, [])
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD):
    if signal.getsignal(number) is signal.SIG_IGN:
        python_has_one = number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if python_has_one else signal.SIG_DFL)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the committed examples.tfrecord, alone in a new directory."""
    folder = tmp_path / "examples"
    folder.mkdir()
    return Path(
        shutil.copy(environment.TESTS / "data" / "examples.tfrecord", folder / "train.tfrecord")
    )
