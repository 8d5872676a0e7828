"""`make wheels` makes a wheel for Linux distributions with glibc 2.28 or newer."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import subprocess
import sys

import environment
import pytest
from test_packages import UNOPTIMIZED, Clean

TARGET = "x86_64-unknown-linux-gnu"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="for x86-64")
def test_manylinux(tmp_path):
    command = [sys.executable, environment.TESTS / "packages" / "wheels.py", tmp_path, TARGET]
    target = {"CARGO_TARGET_DIR": str(environment.ROOT / "target/cross")}
    variables = os.environ | UNOPTIMIZED | target
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = tmp_path.glob("*-manylinux_2_28_x86_64*.whl")
    clean = Clean(tmp_path)
    clean.pip(wheel)
    clean.use()
