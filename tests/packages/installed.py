"""Helpers for the tests of `make install`."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
EXAMPLES = ROOT / "tests/data/examples.tfrecord"
PACKAGE = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
VERSION = PACKAGE["version"]
HEADER = (ROOT / "include/tfr_index.h").read_text()
ABI = re.search(r"^#define TFR_ABI_VERSION (\d+)$", HEADER, re.MULTILINE)[1]
SONAME = f"libtfr_index.so.{ABI}"
SHARED = f"{SONAME}.{VERSION.partition('.')[2]}"

LIBRARY = {
    "include/tfr_index.h",
    "include/tfr_index.hpp",
    "lib/cmake/tfr_index/tfr_indexConfig.cmake",
    "lib/cmake/tfr_index/tfr_indexConfigVersion.cmake",
    "lib/libtfr_index.a",
    "lib/libtfr_index.so",
    f"lib/{SONAME}",
    f"lib/{SHARED}",
    "lib/pkgconfig/tfr_index.pc",
}
COMMANDS = """
    cat check concat create dump features filter locate ls manifest report reshard sample select
    shard show shuffle
"""
PROGRAMS = {
    "bin/tfr-index",
    "share/bash-completion/completions/tfr-index",
    "share/fish/vendor_completions.d/tfr-index.fish",
    "share/man/man1/tfr-index.1",
    *(f"share/man/man1/tfr-index-{command}.1" for command in COMMANDS.split()),
    "share/zsh/site-functions/_tfr-index",
}

C = """
#include <stdio.h>
#include <tfr_index.h>

int main(int argc, char **argv) {
    tfr_index *index = NULL;
    if (argc != 2 || tfr_index_scan(argv[1], NULL, &index, NULL) != TFR_OK) {
        return 1;
    }
    printf("%s: %zu records\\n", tfr_version(), tfr_index_len(index));
    tfr_index_free(index);
    return 0;
}
"""
CPP = """
#include <cstdio>
#include <tfr_index.hpp>

int main(int, char **argv) {
    std::printf("%s: %zu records\\n", tfr_version(), tfr::index::scan(argv[1]).size());
}
"""
PRINTED = f"{VERSION}: 100 records\n"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def run(*command, **variables):
    # Programs beside the environment's Python, such as cmake, come first.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def output(*command, **variables):
    done = run(*map(str, command), **variables)
    assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def make(*arguments, **variables):
    return output("make", "-C", ROOT, *arguments, **variables)


def files(folder):
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)) for path in paths}


@pytest.fixture(scope="module")
def built():
    """The directory that Cargo built into."""
    make("all")
    return TARGET / "release"


@pytest.fixture(scope="module")
def prefix(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed") / "usr"
    # Nothing is left to build. The files must be readable for all, even if root's umask is strict.
    script = 'umask 077; exec make -C "$0" install PREFIX="$1" CARGO=false'
    output("sh", "-c", script, ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A directory with a C and a C++ program."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "main.c").write_text(C)
    (folder / "main.cpp").write_text(CPP)
    return folder


def pkg_config(lib, *arguments, **variables):
    variables["PKG_CONFIG_LIBDIR"] = str(lib / "pkgconfig")
    return shlex.split(output("pkg-config", *arguments, "tfr_index", **variables))


def without_shared(prefix, folder):
    shutil.copytree(prefix, folder, symlinks=True)
    for name in ("libtfr_index.so", SONAME, SHARED):
        (folder / "lib" / name).unlink()
    return folder


def build(project, folder, prefix, target, wanted="tfr_index REQUIRED"):
    """Builds both programs with CMake and runs them; returns the libraries they are linked to."""
    (project / "CMakeLists.txt").write_text(
        f"""
        cmake_minimum_required(VERSION 3.15)
        project(programs C CXX)
        find_package({wanted})
        add_compile_options({" ".join(STRICT)})
        set(CMAKE_CXX_STANDARD 17)
        add_executable(c main.c)
        add_executable(cpp main.cpp)
        target_link_libraries(c PRIVATE {target})
        target_link_libraries(cpp PRIVATE {target})
        """
    )
    output("cmake", "-GNinja", "-S", project, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}")
    output("cmake", "--build", folder)
    assert [output(folder / name, EXAMPLES) for name in ("c", "cpp")] == [PRINTED, PRINTED]
    return output("readelf", "-d", folder / "c", folder / "cpp")
