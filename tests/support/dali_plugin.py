"""Builds examples/dali_plugin as docs/dali.md says, for the Python that runs this."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pages

HOME = Path(sys.prefix) / "plugin"
LIBRARY = str(HOME / "dali_plugin" / "libdali_tfr.so")
BLOCKS = pages.blocks("docs/dali.md")
[BUILDING] = [block for block in BLOCKS if "cmake --build" in block.text]


def build() -> None:
    commands = pages.at_home(BUILDING.text)
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "CXXFLAGS": "-Werror"}
    HOME.mkdir(exist_ok=True)
    shell = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(
        shell, cwd=HOME, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{commands}\n{done.stdout}{done.stderr}")
