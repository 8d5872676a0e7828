"""Makes the tests' virtual environments when they are first needed; they stay in target.

    python3 tests/environment.py quick      pytest, hypothesis, numpy; formatters, linters, CMake
    python3 tests/environment.py clients    the same, TensorFlow and TFDS, NVIDIA DALI (CPU only),
                                            and what its plugin is built with
    python3 tests/environment.py loaders    quick's, PyTorch (CPU only), Grain, JAX, PyArrow, Polars
    python3 tests/environment.py clusters   quick's, Dask, MPI, servers of object stores
    python3 tests/environment.py engines    quick's, Beam, Ray and Spark
    python3 tests/environment.py clang      clang, and what makes wheels for other computers
    python3 tests/environment.py docs       MkDocs, which makes a site of docs/
    python3 tests/environment.py bench      clients', and the other tools for TFRecord files
    python3 tests/environment.py pythons    the interpreters found, one per line

Each but clang and docs installs the package as its sources are now. Each prints the environment's
Python on standard output and what takes long on standard error. `quick --each-python` does so for
every interpreter found, one line each. With `--no-package` they only make the environments, of one
or more names, for a later call that installs the package. Only making an environment needs the
network. The pinned requirements have wheels for CPython 3.11, 3.12 and 3.13; any of them will do to
call this file, which needs the standard library alone.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
HOME = ROOT / "target" / "test-env"
WHEELS = HOME / "wheel"
SUPPORTED = ("3.11", "3.12", "3.13")
QUICK = "quick.txt"
REQUIREMENTS = {
    "quick": [QUICK],
    "clients": [QUICK, "clients.txt"],
    "loaders": [QUICK, "loaders.txt"],
    "clusters": [QUICK, "clusters.txt"],
    "engines": [QUICK, "engines.txt"],
    "clang": ["clang.txt"],
    "docs": ["docs.txt"],
    "bench": [QUICK, "clients.txt", "loaders.txt", "bench.txt"],
}
DOWNLOADS = {
    "quick": "a download of about 80 MB",
    "clients": "a download of about 1 GB, TensorFlow, NVIDIA DALI, CUDA's headers; 3 GB on disk",
    "loaders": "a download of about 800 MB, PyTorch; 2.5 GB on disk",
    "clusters": "a download of about 160 MB, Dask, MPI, moto",
    "engines": "a download of about 700 MB, Beam, Ray, Spark; 1.5 GB on disk",
    "clang": "a download of about 110 MB, clang; 420 MB on disk",
    "docs": "a download of about 40 MB, MkDocs",
    "bench": "a download of about 1.9 GB, TensorFlow, NVIDIA DALI, PyTorch; 5 GB on disk",
}


class Interpreter(NamedTuple):
    """A CPython that runs and can make virtual environments."""

    minor: str  # "3.12"
    path: str
    version: str  # with the build, as in sys.version


def pythons() -> list[Interpreter]:
    """One interpreter of each supported version that is on PATH or that pyenv installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = []
    for minor in SUPPORTED:
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        folders += [str(folder / "bin") for folder in pyenv.glob(f"{minor}.*")]
        candidates = (describe(os.path.join(folder, f"python{minor}")) for folder in folders)
        found += [one for one in candidates if one and one.minor == minor][:1]
    return found


def describe(executable: str) -> Interpreter | None:
    """Describes `executable`; None if it doesn't run (pyenv's shims may not) or is unfit."""
    question = (
        "import ensurepip, os, platform, sys, venv;"
        "assert platform.python_implementation() == 'CPython' and 't' not in sys.abiflags;"
        "minor = '%d.%d' % sys.version_info[:2];"
        "base = os.path.join(sys.base_prefix, 'bin', 'python' + minor);"
        "print(minor, base if os.path.exists(base) else sys.executable, sys.version, sep='\\n')"
    )
    try:
        command = [executable, "-I", "-c", question]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    if answer.returncode != 0:
        return None
    minor, path, version = answer.stdout.split("\n", 2)
    return Interpreter(minor, path, version)


def default_interpreter() -> Interpreter:
    """The interpreter that runs this file if it is suitable, else the first suitable one."""
    running = describe(sys.executable)
    if running and running.minor in SUPPORTED:
        return running
    found = pythons()
    if not found:
        sys.exit(f"needs CPython {', '.join(SUPPORTED)} with its venv and ensurepip modules")
    return found[0]


def prepare(
    name: str, interpreters: list[Interpreter] | None = None, package: bool = True
) -> list[str]:
    """Makes environment `name` for each interpreter, builds the package and installs it there."""
    with _only_one_at_a_time():
        made = [_environment(name, one) for one in interpreters or [default_interpreter()]]
        if package and QUICK in REQUIREMENTS[name]:  # it can build the package
            built = _build_wheel(made[0])
            for python in made:
                _pip(python, "install", "--no-index", "--force-reinstall", "--no-deps", built)
    return made


def wheel() -> Path:
    """The package's wheel that the last `prepare` built."""
    found = list(WHEELS.glob("*.whl"))
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} wheels in {WHEELS}: call this file first")
    return found[0]


def run_as_script(file: str, name: str) -> NoReturn:
    """Replaces this process by pytest in environment `name`, for this test file."""
    python = prepare(name)[0]
    os.execv(python, [python, "-m", "pytest", file, *sys.argv[1:]])


def _environment(name: str, interpreter: Interpreter) -> str:
    home = HOME.with_name("bench-env") if name == "bench" else HOME
    folder = home / f"{name}-{interpreter.minor}"
    files = [TESTS / "requirements" / file for file in REQUIREMENTS[name]]
    # Scripts in a virtual environment contain its path, so it is made in place, not renamed. The
    # stamp comes last; an environment without the right stamp is made again.
    stamp = folder / "made-from"
    wanted = "".join([interpreter.path, "\n", interpreter.version, str(folder), "\n"])
    wanted += "".join(file.read_text() for file in files)
    python = str(folder / "bin" / "python")
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _say(f"making {folder.relative_to(ROOT)} ({DOWNLOADS[name]})")
    stamp.unlink(missing_ok=True)
    _run(interpreter.path, "-m", "venv", "--clear", str(folder))
    # The files list everything needed. PyTorch's wheel would add packages that only a computer with
    # a GPU can use.
    options = ["--only-binary=:all:", "--no-deps"]
    _pip(python, "install", *options, *(f"--requirement={file}" for file in files))
    for torch in folder.glob("lib/python3*/site-packages/torch/lib"):
        _stand_in_for_cuda(torch)
    stamp.write_text(wanted)
    return python


def _stand_in_for_cuda(torch: Path) -> None:
    """Makes a library with the CUDA functions that PyTorch links to; each returns "no device"."""
    own = list(torch.glob("*.so"))
    names = set(re.findall(r"\[(lib(?:cu|nccl|nv)\S+)\]", _run("readelf", "-d", *own)))
    pattern = re.compile(r" U ((?:__)?(?:cu|nccl|nv)\w+)@?(\S*)$", re.MULTILINE)
    versions = dict(pattern.findall(_run("nm", "-D", *own)))  # the version of each function
    source, script = torch / "no_cuda.c", torch / "no_cuda.map"
    source.write_text("".join(f"int {name}(void) {{ return 100; }}\n" for name in versions))
    with open(script, "w") as file:
        for version in {*versions.values()} - {""}:
            functions = (f"{name};" for name in versions if versions[name] == version)
            print(version, "{", *functions, "};", file=file)
    library = torch / "libno_cuda.so"
    gcc = ["gcc", "-shared", "-w", "-fno-builtin", f"-Wl,--version-script={script}"]
    _run(*gcc, source, "-o", library)
    for name in names:
        (torch / name).symlink_to(library.name)


def _build_wheel(python: str) -> Path:
    # Other steps build with other features in the same directory, after which Cargo would compile
    # all again.
    stamp, sources = WHEELS / "made-from", _sources()
    if stamp.exists() and stamp.read_text() == sources:
        return wheel()
    _say("building the Python package")
    shutil.rmtree(WHEELS, ignore_errors=True)
    package = str(ROOT / "bindings" / "python")
    # The environment's maturin builds it: with build isolation, pip would download one.
    path = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    variables = {"PATH": path}
    options = ["--no-index", "--no-build-isolation", "--no-deps", f"--wheel-dir={WHEELS}"]
    _pip(python, "wheel", *options, package, variables=variables)
    stamp.write_text(sources)
    return wheel()


def _sources() -> str:
    """What the package is built from: the names, sizes and times of the files."""
    names = ("Cargo.toml", "Cargo.lock", "build.rs", "cbindgen.toml", "README.md")
    files = [ROOT / name for name in names]
    made = {"__pycache__", "_native", "tfr_index._native.data"}  # by builds, maybe at this moment
    for directory in ("src", "include", "bindings/python"):
        for parent, directories, inside in os.walk(ROOT / directory):
            directories[:] = sorted(set(directories) - made)
            files += [Path(parent, name) for name in sorted(inside)]
    stats = ((file, file.stat()) for file in files)
    return "".join(f"{file} {stat.st_size} {stat.st_mtime_ns}\n" for file, stat in stats)


def _pip(
    python: str, command: str, *arguments: str | Path, variables: dict[str, str] | None = None
) -> None:
    pip = [python, "-m", "pip", "--disable-pip-version-check", command]
    _run(*pip, *arguments, variables=variables)


def _run(*command: str | Path, variables: dict[str, str] | None = None) -> str:
    environment = os.environ | (variables or {})
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, env=environment, check=False, **output)
    if done.returncode != 0:
        sys.exit(
            f"{done.stdout}\nfailed with exit code {done.returncode}: {' '.join(map(str, command))}"
        )
    return done.stdout


def _say(what: str) -> None:
    print(f"test environment: {what}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _only_one_at_a_time() -> Iterator[None]:
    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description="The tests' virtual environments.")
    parser.add_argument("what", nargs="+", choices=[*REQUIREMENTS, "pythons"])
    parser.add_argument("--each-python", action="store_true", help="for every interpreter found")
    parser.add_argument("--no-package", action="store_true", help="do not build the package")
    options = parser.parse_args()
    lines = []
    for what in options.what:
        if what == "pythons":
            lines += [one.path for one in pythons()]
        else:
            interpreters = pythons() if options.each_python else None
            lines += prepare(what, interpreters, package=not options.no_package)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
