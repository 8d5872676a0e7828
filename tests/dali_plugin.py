"""Builds examples/dali_plugin as its README.md says, for the Python that runs this."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from environment import ROOT

HOME = Path(sys.prefix) / "plugin"
LIBRARY = str(HOME / "dali_plugin" / "libdali_tfr.so")
PAGE = (ROOT / "examples" / "dali_plugin" / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The page's code, where whoever reads it has put the clone here."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text.replace("path/to/tfr-index", shlex.quote(str(ROOT))) for text in found]


def build() -> None:
    [commands] = blocks("sh")
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "CXXFLAGS": "-Werror"}
    HOME.mkdir(exist_ok=True)
    shell = ["bash", "-euo", "pipefail", "-c", commands]
    done = subprocess.run(
        shell, cwd=HOME, env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{commands}\n{done.stdout}{done.stderr}")
