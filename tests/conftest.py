"""What the Python tests share: Hypothesis' settings, and the file that TensorFlow wrote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import environment
import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(environment.HOME / "hypothesis")  # else it is wherever one calls pytest
settings.register_profile("tests", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tests")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the committed examples.tfrecord, alone in a folder of its own."""
    folder = tmp_path / "examples"
    folder.mkdir()
    return Path(
        shutil.copy(environment.TESTS / "data" / "examples.tfrecord", folder / "train.tfrecord")
    )
