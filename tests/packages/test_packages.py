"""The wheel, the source package and the crate, each used from a clean environment."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import fcntl
import os
import shlex
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import environment
import pytest
import toolchains

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
BACKEND = ROOT / "bindings/python/build_backend.py"
EXAMPLES = ROOT / "tests/data/examples.tfrecord"
# Twice as fast to compile; these tests do not measure speed.
UNOPTIMIZED = {"CARGO_PROFILE_RELEASE_OPT_LEVEL": "0", "CARGO_PROFILE_RELEASE_LTO": "off"}
USE = """
import s3dlio, tfr_index
assert tfr_index.create_index("train.tfrecord") == 100
reader = tfr_index.Reader("train.tfrecord")
assert len(reader) == 100 and len(reader[42]) == reader.index[42][1] - 16
assert len(s3dlio.read_tfrecord_index("train.tfrecord.idx")) == 100
"""
RUST = """
use tfr_index::{create_index, Index, Options};

fn main() {
    create_index("train.tfrecord", "train.tfrecord.idx", &Options::new()).unwrap();
    println!("{}", Index::read("train.tfrecord.idx").unwrap().len());
}
"""


def run(command, cwd, variables, status=0):
    """Runs a command with only these environment variables."""
    command = [str(word) for word in command]
    done = subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == status, f"{shlex.join(command)}\n{said}"
    return said


class Clean:
    """A virtual environment, and environment variables with only that on PATH."""

    def __init__(self, directory):
        self.directory = directory
        self.python = directory / "venv/bin/python"
        self.variables = {"PATH": str(self.python.parent), "HOME": str(directory / "home")}
        run([sys.executable, "-m", "venv", directory / "venv"], directory, dict(os.environ))
        (directory / "train.tfrecord").write_bytes(EXAMPLES.read_bytes())

    def pip(self, *arguments, status=0, **variables):
        # pip's cache and index are the machine's.
        settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        home = os.environ["HOME"] if "HOME" in os.environ else str(Path.home())
        settings |= {"HOME": home, "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | variables
        command = [self.python, "-m", "pip", "install", *arguments]
        return run(command, self.directory, self.variables | settings, status)

    def run(self, *command, status=0, **variables):
        return run(command, self.directory, self.variables | variables, status)

    def use(self):
        """Runs the first steps of a user."""
        self.run(self.python, "-c", USE)
        for command in ([self.python.with_name("tfr-index")], [self.python, "-m", "tfr_index"]):
            assert "100 records" in self.run(*command, "show", "train.tfrecord.idx")
            assert "Usage" in self.run(*command, "no-such-command", status=2)


BUILD = """
import build_backend

build_backend.compiled = lambda _arguments: __file__
with build_backend.program(build_backend.Arguments([], "", None, program=True)):
    assert (build_backend.DATA / "scripts/build.py").exists()
assert not build_backend.DATA.exists()
"""


@pytest.fixture
def clean(tmp_path):
    return Clean(tmp_path)


def test_builds_at_the_same_time_wait_for_one_another(tmp_path):
    (tmp_path / "build_backend.py").write_bytes(BACKEND.read_bytes())
    (tmp_path / "build.py").write_text(BUILD)
    of_another_build = tmp_path / "tfr_index._native.data/scripts"
    of_another_build.mkdir(parents=True)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    command = [sys.executable, tmp_path / "build.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as build:
        try:
            assert build.stdout.readline() == "Waiting for another build of the package\n"
            assert of_another_build.exists()
        finally:
            os.close(other)
    assert build.returncode == 0


def test_wheel(clean):
    """On a computer without a compiler."""
    clean.pip(environment.wheel())
    clean.use()

    clean.python.with_name("tfr-index").unlink()
    said = clean.run(clean.python, "-m", "tfr_index", "--version", status=1)
    assert "the program tfr-index is not installed" in said

    clean.pip("--no-deps", "--target=elsewhere", environment.wheel())
    clean.run(clean.python, "-m", "tfr_index", "--version", PYTHONPATH="elsewhere")


def test_the_wheel_names_no_directory_of_its_builder():
    wheel = zipfile.ZipFile(environment.wheel())
    for name in wheel.namelist():
        data = wheel.read(name)
        for folder in (Path.home(), ROOT, ".cargo/registry"):
            assert str(folder).encode() not in data, (name, folder)


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sdist")
    tools = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    make = f"import build_backend; build_backend.build_sdist({str(directory)!r})"
    run([sys.executable, "-c", make], ROOT / "bindings/python", os.environ | tools)
    [file] = directory.iterdir()
    return file


def test_sdist(clean, sdist):
    """With a distribution's Rust, if available, and with build isolation."""
    distribution = toolchains.unpacked("rust-1.85")
    programs = f"{distribution}/bin:{os.environ['PATH']}" if distribution else os.environ["PATH"]
    path = {"PATH": f"{clean.python.parent}:{programs}"}
    said = clean.pip("-v", "--no-binary=tfr-index", sdist, **path, **UNOPTIMIZED, **cargo_home())
    assert ("Rust 1.85: features fast-gzip" in said) == (distribution is not None)
    clean.use()
    if distribution is None:
        pytest.skip("used with the current Rust: there is no Rust 1.85")


def cargo_home():
    return {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}


def test_sdist_without_rust(clean, sdist):
    said = clean.pip(sdist, status=1)
    assert "must be compiled" in said and "there is no cargo" in said
    assert "puccinialin" not in said and "Traceback" not in said
    assert not (clean.directory / "home").exists()

    tools = clean.directory / "old"
    tools.mkdir()
    for tool in ("cargo", "rustc"):
        (tools / tool).write_text(f"#!/bin/sh\necho '{tool} 1.63.0'\n")
        (tools / tool).chmod(0o755)
    said = clean.pip(sdist, status=1, PATH=f"{clean.python.parent}:{tools}:/usr/bin:/bin")
    assert "this system has cargo 1.63.0" in said and "Traceback" not in said


def test_crate(tmp_path):
    """The published crate in a program, with and without default features."""
    package = ["cargo", "package", "--no-verify", "--allow-dirty", "--target-dir", tmp_path]
    run(package, ROOT, dict(os.environ))
    [crate] = tmp_path.glob("package/*.crate")
    with tarfile.open(crate) as file:
        file.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.glob("tfr-index-*")
    program = tmp_path / "program"
    (program / "src").mkdir(parents=True)
    (program / "src/main.rs").write_text(RUST)
    (program / "train.tfrecord").write_bytes(EXAMPLES.read_bytes())
    for features in ("default-features = true", "default-features = false"):
        (program / "Cargo.toml").write_text(
            '[package]\nname = "program"\nedition = "2021"\n[dependencies]\n'
            f'tfr-index = {{ path = "{unpacked}", {features} }}\n'
        )
        target = {"CARGO_TARGET_DIR": str(TARGET / "examples")}
        said = run(["cargo", "run"], program, os.environ | target)
        assert said.endswith("\n100\n") or said.startswith("100\n")
