"""Builds the package with maturin, after a look at the Rust that is there.

The wheel holds the program `tfr-index` beside the library. The compiler decides what is built:

    Rust 1.89 or newer  everything
    Rust 1.85           everything, with slower payload CRCs: crc-fast needs a newer compiler
    Rust 1.78           the library alone, with slower payload CRCs

`pip install --config-settings=build-args=ARGUMENTS`, or the variable MATURIN_PEP517_ARGS, passes
arguments to maturin; `--features=…` among them sets the library's features in place of these.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import maturin

HERE = Path(__file__).resolve().parent
DATA = HERE / "tfr_index._native.data"  # where maturin looks for a wheel's programs
OLDEST = (1, 78)  # reads Cargo.lock
PROGRAMS = (1, 85)  # `rust-version` of clap
FAST_CRC = (1, 89)  # and of crc-fast
NO_RUST = """
tfr-index has to be compiled, as there is no wheel for this system, or none was asked for. That
takes Rust 1.78 or newer, and {reason}.

Install Rust, from your system's packages (rustc and cargo) or as https://rustup.rs says, and try
again. Nothing was downloaded for it or installed.
"""

Settings = dict[str, Any] | None


class Arguments(NamedTuple):
    """What maturin is called with; the rest is for the program, which it doesn't build."""

    maturin: list[str]
    features: str
    target: str | None
    program: bool


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    rust_version()
    return []  # maturin's own answer may be a download of Rust


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def prepare_metadata_for_build_wheel(directory: str, config_settings: Settings = None) -> str:
    rust_version()
    return maturin.prepare_metadata_for_build_wheel(directory, config_settings)


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def build_sdist(directory: str, config_settings: Settings = None) -> str:
    rust_version()
    return maturin.build_sdist(directory, config_settings)


def build_wheel(
    directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    arguments = chosen(config_settings)
    with program(arguments), own_target_directory():
        settings = {"build-args": arguments.maturin}
        return maturin.build_wheel(directory, settings, metadata_directory)


def build_editable(
    directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    arguments = chosen(config_settings)
    with program(arguments), own_target_directory():
        settings = {"build-args": arguments.maturin}
        return maturin.build_editable(directory, settings, metadata_directory)


def rust_version() -> tuple[int, int]:
    """The compiler's version; ends the build with a message if it or Cargo cannot serve."""
    for tool in (os.environ.get("CARGO", "cargo"), os.environ.get("RUSTC", "rustc")):
        try:
            done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
        except OSError:
            sys.exit(NO_RUST.format(reason=f"there is no {tool}"))
        version = re.match(r"\w+ (\d+)\.(\d+)", done.stdout)
        if done.returncode != 0 or version is None:
            said = (done.stderr or done.stdout).strip()
            sys.exit(NO_RUST.format(reason=f"{tool} does not run: {said}"))
        found = int(version[1]), int(version[2])
        if found < OLDEST:
            sys.exit(NO_RUST.format(reason=f"this is {done.stdout.strip()}"))
    return found


def chosen(config_settings: Settings) -> Arguments:
    version = rust_version()
    given = maturin.get_maturin_pep517_args(config_settings)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--features", "-F")
    parser.add_argument("--target", default=os.environ.get("CARGO_BUILD_TARGET"))
    known, _ = parser.parse_known_args(given)
    features = known.features
    if features is None:
        features = "fast-crc" if version >= FAST_CRC else ""
        given = [*given, f"--features={features}"]
    print(f"Rust {version[0]}.{version[1]}: features {features or 'none'}", flush=True)
    return Arguments([*given, *remapped()], features, known.target, version >= PROGRAMS)


def remapped() -> list[str]:
    """Options with which panics name the sources, but not where the builder has them."""
    cargo_home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    root = manifest().parent
    flags = [f"--remap-path-prefix={cargo_home}=cargo", f"--remap-path-prefix={root}=tfr-index"]
    if "RUSTFLAGS" in os.environ:  # which Cargo takes in place of what is configured
        given = os.environ.pop("RUSTFLAGS").split()
        os.environ["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join([*given, *flags])
    return [f"--config=build.rustflags={json.dumps(flags)}"]


def manifest() -> Path:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    return (HERE / project["tool"]["maturin"]["manifest-path"]).resolve()


@contextlib.contextmanager
def program(arguments: Arguments) -> Iterator[None]:
    """Puts the program where maturin takes it from."""
    shutil.rmtree(DATA, ignore_errors=True)
    if arguments.program:
        scripts = DATA / "scripts"
        scripts.mkdir(parents=True)
        shutil.copy2(compiled(arguments), scripts)
    else:
        print("Without the program tfr-index, which needs Rust 1.85", flush=True)
    try:
        yield
    finally:
        shutil.rmtree(DATA, ignore_errors=True)


def compiled(arguments: Arguments) -> str:
    # `cli` is what `cargo install` and `make` build: in the same directory they share it.
    features = "cli" if arguments.features == "fast-crc" else f"programs,{arguments.features}"
    command = [os.environ.get("CARGO", "cargo"), "build", "--release", "--locked"]
    command += ["--bin=tfr-index", f"--features={features}"]
    command += [f"--manifest-path={manifest()}", "--message-format=json-render-diagnostics"]
    command += [f"--target={arguments.target}"] * (arguments.target is not None)
    done = subprocess.run([*command, *remapped()], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)
    messages = map(json.loads, done.stdout.splitlines())
    [executable] = [message["executable"] for message in messages if message.get("executable")]
    return executable


@contextlib.contextmanager
def own_target_directory() -> Iterator[None]:
    """For maturin, whose library and Cargo's would replace each other at each build."""
    given = os.environ.get("CARGO_TARGET_DIR")
    os.environ["CARGO_TARGET_DIR"] = str(Path(given or manifest().parent / "target") / "wheel")
    try:
        yield
    finally:
        del os.environ["CARGO_TARGET_DIR"]
        if given is not None:
            os.environ["CARGO_TARGET_DIR"] = given
