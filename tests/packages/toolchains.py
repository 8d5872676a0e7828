"""Compilers, emulators and a browser, out of Debian's packages, unpacked under target.

    python3 tests/packages/toolchains.py rust-1.85    the Rust of Debian 12 and 13
    python3 tests/packages/toolchains.py machines     a newer Rust, its library's sources, and QEMU
    python3 tests/packages/toolchains.py chromium     a browser without a window

Prints the directory whose bin/ has them; nothing where apt-get is missing or does not find them.
Nothing is installed, and root is not needed: packages that the system lacks are downloaded (about
100, 150 and 70 MB), once.
"""

from __future__ import annotations

import glob
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / "target" / "test-env" / "debian"
PACKAGES = {
    "rust-1.85": [
        f"{package}=1.85.*"
        for package in ("rustc-web", "cargo-web", "libstd-rust-web-dev", "libstd-rust-web-1.85")
    ],
    "machines": ["rustc-web", "cargo-web", "rust-web-src", "qemu-user"],
    "chromium": ["chromium-headless-shell"],
}
PROGRAMS = ["bin/cargo", "bin/rustc", "bin/rustdoc", "bin/*qemu-*", "lib/chromium/chromium-*shell"]


def unpacked(name: str) -> Path | None:
    """The directory with bin/, made at the first call; None if it cannot be made."""
    directory = HOME / name
    if (directory / "bin").exists():
        return directory
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    shutil.rmtree(directory, ignore_errors=True)
    lists, cache = HOME / "apt", directory / "cache"
    for needed in (lists / "lists" / "partial", cache / "archives" / "partial"):
        needed.mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-qq", "-y", "-o", "Debug::NoLocking=1", "-o", f"Dir::State={lists}"]
    apt += ["-o", "Dir::State::status=/var/lib/dpkg/status", "-o", f"Dir::Cache={cache}"]
    apt += ["-o", "APT::Sandbox::User=root"]  # that is, whoever runs this
    install = ["install", "--download-only", "--no-install-recommends", *PACKAGES[name]]
    for command in (["update"], install):
        done = subprocess.run([*apt, *command], stdout=sys.stderr, check=False)
        if done.returncode != 0:
            return None
    root = directory / "root"
    for package in glob.glob(f"{cache}/archives/*.deb"):
        subprocess.run(["dpkg", "-x", package, root], check=True)
    shutil.rmtree(cache)
    _wrap(root, directory / "bin")
    return directory


def _wrap(root: Path, programs: Path) -> None:
    """Writes scripts that run the programs with the libraries unpacked with them."""
    libraries = [folder for folder in root.glob("**/x86_64-linux-gnu") if "lib" in folder.parts]
    libraries += root.glob("usr/lib/x86_64-linux-gnu/pulseaudio")
    unfinished = programs.with_name("unfinished")
    unfinished.mkdir()
    for program in (path for pattern in PROGRAMS for path in root.glob(f"usr/{pattern}")):
        (unfinished / program.name).write_text(
            "#!/bin/sh\n"
            f"LD_LIBRARY_PATH={shlex.quote(':'.join(map(str, libraries)))}"
            "${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}\n"
            "export LD_LIBRARY_PATH\n"
            f'exec {shlex.quote(str(program))} "$@"\n'
        )
        (unfinished / program.name).chmod(0o755)
    os.rename(unfinished, programs)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in PACKAGES:
        sys.exit(__doc__)
    print(unpacked(sys.argv[1]) or "", end="")
