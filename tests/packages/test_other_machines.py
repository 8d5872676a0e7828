"""The library's own tests and the C programs on other processors, emulated: one is big-endian."""

import os
import subprocess
import sys
from pathlib import Path

import cross
import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "cross"
MATURIN = Path(sys.executable).with_name("maturin")
# Static, so that no libraries of the other machine are needed.
FLAGS = "-Clink-self-contained=no -Ctarget-feature=+crt-static"
PROGRAMS = ["abi", "edit", "hostile", "index", "indexer", "null", "reader", "source", "writer"]


@pytest.fixture(scope="module", params=["aarch64-unknown-linux-musl", "s390x-unknown-linux-musl"])
def machine(request):
    zig = os.environ.get("TFR_TEST_CLANG")
    variables = cross.variables(request.param, MATURIN, Path(zig)) if zig else None
    if variables is None:
        pytest.skip("there is no QEMU, or no Rust with its library's sources")
    more = {"CARGO_TARGET_DIR": str(TARGET), "RUSTFLAGS": FLAGS, "PROPTEST_CASES": "8"}
    return request.param, os.environ | variables | more


def run(command, variables):
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_units(machine):
    _, variables = machine
    # The skipped test starts itself again: that needs a kernel that runs the emulator by itself.
    left_out = ["--", "--skip=only_guarded_panics_are_silent"]
    command = ["cargo", "test", "--locked", "--lib", "--features=fast-crc,fast-gzip", *left_out]
    said = run(command, variables)
    assert "test result: ok" in said


def test_c(machine, tmp_path):
    target, variables = machine
    run(["cargo", "build", "--locked", "--lib", "--features=fast-crc,fast-gzip"], variables)
    name = target.upper().replace("-", "_")
    qemu = variables[f"CARGO_TARGET_{name}_RUNNER"]
    linker = variables[f"CARGO_TARGET_{name}_LINKER"]
    version = (ROOT / "Cargo.toml").read_text().split('version = "')[1].split('"')[0]
    options = ["-std=c99", "-D_DEFAULT_SOURCE", f'-DEXPECTED_VERSION="{version}"', "-static"]
    data = [ROOT / "tests/data" / f"{name}.tsv" for name in ("hostile", "hostile_index")]
    for name in PROGRAMS:
        source, program = ROOT / f"tests/c/test_{name}.c", tmp_path / name
        library = TARGET / target / "debug/libtfr_index.a"
        run([linker, *options, "-Iinclude", source, library, "-lunwind", "-o", program], variables)
        directory = tmp_path / f"{name}.d"
        directory.mkdir()
        run([qemu, program, directory, *(data if name == "hostile" else [])], variables)
