"""Builds the package with maturin, after checking the installed Rust.

The wheel has the library and the program `tfr-index`. What is built depends on the compiler:

    Rust 1.89 or newer  everything
    Rust 1.85 or newer  everything, with slower payload CRCs: crc-fast needs a newer compiler
    Rust 1.78 or newer  only the library, with slower payload CRCs

`pip install --config-settings=build-args=ARGUMENTS`, or the variable MATURIN_PEP517_ARGS, passes
arguments to maturin. `--features=…` among them replaces the features of the library.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
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
DATA = HERE / "tfr_index._native.data"  # maturin takes the programs of a wheel from here
OLDEST = (1, 78)  # the oldest that can read Cargo.lock
PROGRAMS = (1, 85)  # `rust-version` of clap
FAST_CRC = (1, 89)  # `rust-version` of crc-fast
ALL = "fast-crc,fast-gzip"
NO_RUST = """
tfr-index must be compiled, because pip has no wheel for this system or was told to use none. This
needs Rust 1.78 or newer, but {reason}.

Install Rust from your system's packages (rustc and cargo) or as https://rustup.rs describes, and
try again. Nothing was downloaded or installed.
"""

Settings = dict[str, Any] | None


class Arguments(NamedTuple):
    """The arguments for maturin, and what the program needs: maturin does not build it."""

    maturin: list[str]
    features: str
    target: str | None
    program: bool


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    rust_version()
    return []  # maturin itself might ask for a package that downloads Rust


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
    """The version of the compiler. Ends the build with a message if it or Cargo is unusable."""
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
            sys.exit(NO_RUST.format(reason=f"this system has {done.stdout.strip()}"))
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
        features = ALL if version >= FAST_CRC else "fast-gzip"
        given = [*given, f"--features={features}"]
    print(f"Rust {version[0]}.{version[1]}: features {features or 'none'}", flush=True)
    return Arguments([*given, *remapped()], features, known.target, version >= PROGRAMS)


def remapped() -> list[str]:
    """Options that keep the directories of the build machine out of panic messages."""
    cargo_home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    root = manifest().parent
    flags = [f"--remap-path-prefix={cargo_home}=cargo", f"--remap-path-prefix={root}=tfr-index"]
    if "RUSTFLAGS" in os.environ:  # Cargo would use it and ignore the configured flags
        given = os.environ.pop("RUSTFLAGS").split()
        os.environ["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join([*given, *flags])
    return [f"--config=build.rustflags={json.dumps(flags)}"]


def manifest() -> Path:
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    return (HERE / project["tool"]["maturin"]["manifest-path"]).resolve()


@contextlib.contextmanager
def program(arguments: Arguments) -> Iterator[None]:
    """Puts the program where maturin finds it."""
    with only_build():
        shutil.rmtree(DATA, ignore_errors=True)
        if arguments.program:
            scripts = DATA / "scripts"
            scripts.mkdir(parents=True)
            shutil.copy2(compiled(arguments), scripts)
        else:
            print("Without the program tfr-index, which needs Rust 1.85 or newer", flush=True)
        try:
            yield
        finally:
            shutil.rmtree(DATA, ignore_errors=True)


@contextlib.contextmanager
def only_build() -> Iterator[None]:
    """Waits for other builds of these sources: all of them put their program in the same place."""
    directory = os.open(HERE, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems lock no directories
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Waiting for another build of the package", flush=True)
                fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def compiled(arguments: Arguments) -> str:
    # `cargo install` and `make` build `cli` too: in the same target directory they share its build.
    features = "cli" if arguments.features == ALL else f"programs,{arguments.features}"
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
    """Gives maturin a target directory: in a shared one, Cargo would replace its library."""
    given = os.environ.get("CARGO_TARGET_DIR")
    os.environ["CARGO_TARGET_DIR"] = str(Path(given or manifest().parent / "target") / "wheel")
    try:
        yield
    finally:
        del os.environ["CARGO_TARGET_DIR"]
        if given is not None:
            os.environ["CARGO_TARGET_DIR"] = given
