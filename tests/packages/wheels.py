"""Builds wheels for other computers, each checked with auditwheel.

    python3 tests/packages/wheels.py DIRECTORY [TARGET...]

Without TARGET, all of TARGETS: manylinux (glibc 2.28) and musllinux, for x86-64 and ARM. A target
that this system cannot build for is skipped with a line; Debian's packages bring what they take.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cross

sys.path.append(str(Path(__file__).resolve().parents[1]))
import environment

GLIBC = "2.28"  # the oldest with statx()
TARGETS = {
    f"{machine}-unknown-linux-{libc}": (kind, machine)
    for libc, kind in (("gnu", "manylinux_2_28"), ("musl", "musllinux_1_2"))
    for machine in ("x86_64", "aarch64")
}


def main(directory: Path, targets: list[str]) -> int:
    python = Path(environment.prepare("clang")[0])
    made = 0
    for target in targets or TARGETS:
        glibc = GLIBC if target.endswith("gnu") else ""
        variables = cross.variables(target, python.with_name("maturin"), python, glibc)
        if variables is None:
            print(f"{target}: skipped, there is no Rust for it here")
            continue
        if not glibc:  # musl's dynamic library, not rustc's copy of the static one
            variables["RUSTFLAGS"] = "-Ctarget-feature=-crt-static -Clink-self-contained=no"
        kind, machine = TARGETS[target]
        variables["MATURIN_PEP517_ARGS"] = f"--target={target} --compatibility {kind}"
        wheel = checked(python, directory, f"{kind}_{machine}", variables)
        print(f"{target}: {wheel}", flush=True)
        made += 1
    return 0 if made else 1


def checked(python: Path, directory: Path, tag: str, variables: dict[str, str]) -> Path:
    """Builds the wheel, and checks with auditwheel which systems it runs on."""
    path = f"{python.parent}{os.pathsep}{variables['PATH']}"
    pip = [python, "-m", "pip", "wheel", "-q", "--no-index", "--no-build-isolation", "--no-deps"]
    source = environment.ROOT / "bindings" / "python"
    command = [*pip, f"--wheel-dir={directory}", source]
    subprocess.run(command, env=os.environ | variables | {"PATH": path}, check=True)
    [wheel] = directory.glob(f"*{tag}*.whl")
    show = [python, "-m", "auditwheel", "show", wheel]
    said = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    found = re.search(r'platform\s+tag:\s+"(\w+)"', said)
    if found is None or found[1] != tag:
        sys.exit(f"{wheel}: auditwheel does not confirm {tag}\n{said}")
    return wheel


if __name__ == "__main__":
    if len(sys.argv) < 2 or not set(sys.argv[2:]) <= set(TARGETS):
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
