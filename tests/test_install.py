"""`make install`: what it puts where, and that C and C++ programs find it there."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
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
COMMANDS = "cat check concat create dump filter locate ls sample select shard show shuffle"
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
    # What the environment has beside its Python, such as cmake, comes first.
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
    """The folder of what Cargo built."""
    make("all")
    return TARGET / "release"


@pytest.fixture(scope="module")
def prefix(built, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed") / "usr"
    # Nothing is left to build; and root may have its files to itself, but not these.
    script = 'umask 077; exec make -C "$0" install PREFIX="$1" CARGO=false'
    output("sh", "-c", script, ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with a program in C and in C++."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "main.c").write_text(C)
    (folder / "main.cpp").write_text(CPP)
    return folder


def test_what_is_installed(prefix, built):
    assert files(prefix) == LIBRARY | PROGRAMS
    lib = prefix / "lib"
    assert [os.readlink(lib / link) for link in ("libtfr_index.so", SONAME)] == [SHARED, SHARED]
    assert f"[{SONAME}]" in output("readelf", "-d", lib / SHARED)
    archive = [output("readelf", "-SW", folder / "libtfr_index.a") for folder in (built, lib)]
    assert [".debug_info" in sections for sections in archive] == [True, False]
    for name in ("include/tfr_index.h", "include/tfr_index.hpp"):
        assert (prefix / name).read_bytes() == (ROOT / name).read_bytes()
    for name in LIBRARY | PROGRAMS:
        executable = name.startswith("bin/") or name.startswith("lib/libtfr_index.so")
        assert (prefix / name).stat().st_mode & 0o777 == (0o755 if executable else 0o644), name
        if executable or name.endswith((".a", ".h", ".hpp")):
            continue
        text = (prefix / name).read_text()
        assert text and (str(prefix) in text) == name.endswith(".pc")
        assert re.search(r"@\w+@", text) is None, name


LINUX = "-Wl,-z,nodelete", f"-Wl,-soname,{SONAME}"


@pytest.mark.parametrize(
    ("system", "vendor", "options"),
    [
        ("linux", "unknown", LINUX),
        ("freebsd", "unknown", LINUX),
        ("netbsd", "unknown", LINUX),
        ("openbsd", "unknown", LINUX),
        ("dragonfly", "unknown", LINUX),
        ("illumos", "unknown", ("-Wl,-z,nodelete", f"-Wl,-h,{SONAME}")),
        ("android", "unknown", ("-Wl,-z,nodelete", "-Wl,-soname,libtfr_index.so")),
        ("macos", "apple", ()),
    ],
)
def test_soname(build_script, system, vendor, options):
    target = {"FAMILY": "unix", "OS": system, "VENDOR": vendor}
    variables = {f"CARGO_CFG_TARGET_{name}": value for name, value in target.items()}
    said = output(build_script, **variables)
    assert re.findall("^cargo:rustc-cdylib-link-arg=(.*)$", said, re.MULTILINE) == [*options]
    said = output(build_script, **variables, CARGO_C_CARGO="1")
    assert "soname" not in said and "-h" not in said


@pytest.fixture(scope="module")
def build_script(tmp_path_factory):
    program = tmp_path_factory.mktemp("build") / "build"
    output("rustc", "--edition=2021", ROOT / "build.rs", "-o", program)
    return program


def test_installed_twice_and_uninstalled(prefix, tmp_path):
    place = [f"DESTDIR={tmp_path}", "PREFIX=/opt/tfr index"]
    make("install", *place, CARGO="false")
    make("install", *place, CARGO="false")
    folder = tmp_path / "opt/tfr index"
    assert files(tmp_path) == {f"opt/tfr index/{name}" for name in files(prefix)}
    for name in files(prefix) - {"lib/pkgconfig/tfr_index.pc"}:
        assert (folder / name).read_bytes() == (prefix / name).read_bytes(), name
    includes = pkg_config(folder / "lib", "--cflags")
    assert includes == ["-I/opt/tfr index/include"]

    others = {
        "bin/s3-cli",
        "lib/libtfr.so",
        "lib/cmake/tfr/tfrConfig.cmake",
        "share/man/man1/tfr.1",
    }
    for name in others:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "lib" / f"{SONAME}.0.9").touch()  # what an older version left
    make("uninstall", *place)
    make("uninstall", *place)
    assert files(folder) == others
    assert not (folder / "lib/cmake/tfr_index").exists()


def test_the_environment_says_where(built, tmp_path):
    place = {"DESTDIR": str(tmp_path), "PREFIX": "/opt/", "LIBDIR": "/opt/lib64"}
    assert f'"{tmp_path}/opt/' in make("-n", "install-lib", **place)
    make("install-lib", CARGO="false", **place)
    assert files(tmp_path / "opt") == {re.sub("^lib/", "lib64/", name) for name in LIBRARY}


def test_a_package_of_a_system(built, tmp_path):
    """Compilers and pkg-config know /usr by themselves."""
    lib = tmp_path / "usr/lib/x86_64-linux-gnu"
    for place in [{}, {"LIBDIR": "/usr/lib/x86_64-linux-gnu"}]:
        variables = {"DESTDIR": str(tmp_path), "PREFIX": "/usr", **place}
        make("install-lib", CARGO="false", **variables)
    text = (lib / "pkgconfig/tfr_index.pc").read_text()
    paths = "prefix=/usr\nlibdir=${prefix}/lib/x86_64-linux-gnu\nincludedir=${prefix}/include\n"
    assert text.startswith(paths)
    system = {"PKG_CONFIG_SYSTEM_INCLUDE_PATH": "/usr/include"}
    system["PKG_CONFIG_SYSTEM_LIBRARY_PATH"] = "/usr/lib"
    found = pkg_config(tmp_path / "usr/lib", "--cflags", "--libs", **system)
    assert found == ["-ltfr_index"]


def test_directories_outside_the_prefix(built, project, tmp_path):
    lib, include = tmp_path / "lib", tmp_path / "headers/tfr, & more"
    place = [f"PREFIX={tmp_path}/usr", f"LIBDIR={lib}", f"INCLUDEDIR={include}"]
    make("install-lib", *place, CARGO="false")
    assert not (tmp_path / "usr").exists()
    assert {path.name for path in include.iterdir()} == {"tfr_index.h", "tfr_index.hpp"}
    flags = pkg_config(lib, "--cflags", "--libs")
    assert flags == [f"-I{include}", f"-L{lib}", "-ltfr_index"]
    output("gcc", project / "main.c", *flags, "-o", tmp_path / "program")
    assert output(tmp_path / "program", EXAMPLES, LD_LIBRARY_PATH=str(lib)) == PRINTED
    build(project, tmp_path / "build", tmp_path, "tfr_index::shared")
    make("uninstall", *place)
    assert files(lib) == files(include) == set()


def test_nothing_installed_names_the_builders_folders(prefix):
    named = [Path.home(), ROOT, os.environ.get("CARGO_HOME", ".cargo/registry")]
    for name in LIBRARY | PROGRAMS:
        data = (prefix / name).read_bytes()
        assert [folder for folder in named if str(folder).encode() in data] == [], name


def test_flags_of_the_builder_stay(tmp_path):
    calls = [make("-Bn", "lib"), make("-Bn", "lib", RUSTFLAGS="-C target-cpu=native")]
    assert "RUSTFLAGS=" not in calls[0] and "build.rustflags" in calls[0]
    assert "RUSTFLAGS='-C target-cpu=native --remap-path-prefix=" in calls[1]


def test_cargo_is_called_once_and_for_newer_sources(built, tmp_path):
    cargo, calls, release = (tmp_path / name for name in ("cargo", "calls", "target/release"))
    release.mkdir(parents=True)
    products = "libtfr_index.so libtfr_index.a tfr-index"
    cargo.write_text(f"""#!/bin/sh
        echo "$*" >>{calls}
        cd {built} && cp {products} {release} && cd {release} && touch -d @0 {products}
        """)
    cargo.chmod(0o755)
    place = [f"DESTDIR={tmp_path}", f"CARGO_TARGET_DIR={release.parent}"]
    make("-j4", "install", *place, CARGO=str(cargo))
    assert calls.read_text().count("\n") == 1 and "--features cli" in calls.read_text()
    make("install", *place, CARGO="false")  # what Cargo found to be new is
    os.utime(release / "libtfr_index.so", (0, 0))
    make("install", *place, CARGO=str(cargo))
    assert calls.read_text().count("\n") == 2


def test_the_command_of_s3dlio_is_installed_where_it_is_asked_for(tmp_path):
    cargo, release = tmp_path / "cargo", tmp_path / "target/release"
    release.mkdir(parents=True)
    cargo.write_text(f'#!/bin/sh\necho "$*" >{tmp_path}/call\necho >{release}/s3-cli\n')
    cargo.chmod(0o755)
    place = [f"PREFIX={tmp_path}/usr", f"CARGO_TARGET_DIR={release.parent}"]
    make("install-s3-cli", *place, f"CARGO={cargo}")
    assert "--features s3-cli" in (tmp_path / "call").read_text()
    assert files(tmp_path / "usr") == {"bin/s3-cli"}
    make("uninstall-s3-cli", *place)
    assert files(tmp_path / "usr") == set()


def test_the_library_alone_in_a_folder_of_a_system(built, project, tmp_path):
    prefix, lib = tmp_path / "usr", tmp_path / "usr/lib/x86_64-linux-gnu"
    make("install-lib", f"PREFIX={prefix}", f"LIBDIR={lib}", CARGO="false")
    names = {re.sub("^lib/", "lib/x86_64-linux-gnu/", name) for name in LIBRARY}
    assert files(prefix) == names
    flags = pkg_config(lib, "--cflags", "--libs")
    program = tmp_path / "program"
    output("gcc", project / "main.c", *flags, "-o", program)
    assert output(program, EXAMPLES, LD_LIBRARY_PATH=str(lib)) == PRINTED
    build(project, tmp_path / "build", prefix, "tfr_index::shared")


def pkg_config(lib, *arguments, **variables):
    variables["PKG_CONFIG_LIBDIR"] = str(lib / "pkgconfig")
    return shlex.split(output("pkg-config", *arguments, "tfr_index", **variables))


def test_pkg_config(prefix, project, tmp_path):
    assert pkg_config(prefix / "lib", "--modversion") == [VERSION]
    assert pkg_config(prefix / "lib", "--variable=prefix") == [str(prefix)]
    program = tmp_path / "shared"
    flags = pkg_config(prefix / "lib", "--cflags", "--libs")
    output("gcc", "-std=c99", *STRICT, project / "main.c", *flags, "-o", program)
    assert output(program, EXAMPLES, LD_LIBRARY_PATH=str(prefix / "lib")) == PRINTED
    assert f"[{SONAME}]" in output("readelf", "-d", program)

    # The linker takes the static library where there is no other, or with -static.
    moved = without_shared(prefix, tmp_path / "moved")
    program = tmp_path / "static"
    flags = pkg_config(moved / "lib", "--define-prefix", "--static", "--cflags", "--libs")
    assert str(prefix) not in shlex.join(flags)
    output("gcc", "-std=c99", *STRICT, project / "main.c", *flags, "-o", program)
    assert output(program, EXAMPLES) == PRINTED


def without_shared(prefix, folder):
    shutil.copytree(prefix, folder, symlinks=True)
    for name in ("libtfr_index.so", SONAME, SHARED):
        (folder / "lib" / name).unlink()
    return folder


def build(project, folder, prefix, target, wanted="tfr_index REQUIRED"):
    """Builds both programs with CMake, and runs them; returns what they are linked to."""
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


def test_cmake_wherever_it_was_moved(prefix, project, tmp_path):
    moved = tmp_path / "moved here"
    shutil.copytree(prefix, moved, symlinks=True)
    wanted = f"tfr_index {VERSION} REQUIRED COMPONENTS shared static"
    for target, shared in [("tfr_index", True), ("shared", True), ("static", False)]:
        linked = build(project, tmp_path / target, moved, f"tfr_index::{target}", wanted)
        assert (linked.count(f"[{SONAME}]"), str(moved) in linked) == (2 * shared, shared)


def test_cmake_takes_the_static_library_where_there_is_no_other(prefix, project, tmp_path):
    moved = without_shared(prefix, tmp_path / "static")
    assert SONAME not in build(project, tmp_path / "build", moved, "tfr_index::tfr_index")
    said = found(tmp_path, moved, "tfr_index COMPONENTS static OPTIONAL_COMPONENTS shared")
    assert "found: 1, static: TRUE, shared: FALSE" in said
    said = found(tmp_path, moved, "tfr_index COMPONENTS static shared")
    assert "found: 0" in said and "There is no tfr_index::shared in" in said


def found(tmp_path, prefix, wanted):
    """What CMake says of find_package(), without a compiler."""
    folder = tmp_path / "found"
    folder.mkdir(exist_ok=True)
    (folder / "CMakeLists.txt").write_text(
        f"""
        cmake_minimum_required(VERSION 3.19)
        project(nothing NONE)
        find_package({wanted})
        find_package({wanted}) # as two parts of a project may
        message(STATUS "found: ${{tfr_index_FOUND}}, static: ${{tfr_index_static_FOUND}}, \
shared: ${{tfr_index_shared_FOUND}}")
        """
    )
    build, prefix = folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}"
    done = run("cmake", "-GNinja", "-S", str(folder), "-B", str(build), prefix)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("version", "accepted", "refused"),
    [
        (
            "0.2.1",
            ["", "0", "0.2", "0.2.1", "0.2.1 EXACT", "0.1...<1", "0.1...0.2.1", "0.2.1...0.3"],
            ["0.1", "0.2.2", "9.0", "0.2 EXACT", "0.1...<0.2.1", "0.1...0.2", "0.2.2...1"],
        ),
        ("1.4.0", ["1", "1.0", "1.4.0", "1.2...<3"], ["0", "0.1", "0.4", "1.5", "1.4.1", "2"]),
        ("10.0.0", ["10"], ["1", "1.0", "0.1"]),
    ],
)
def test_cmake_versions(prefix, tmp_path, version, accepted, refused):
    other = tmp_path / "installed"
    shutil.copytree(prefix / "lib/cmake", other / "lib/cmake")
    file = other / "lib/cmake/tfr_index/tfr_indexConfigVersion.cmake"
    file.write_text(file.read_text().replace(VERSION, version))
    for wanted in accepted:
        assert "found: 1" in found(tmp_path, other, f"tfr_index {wanted}"), wanted
    for wanted in refused:
        said = found(tmp_path, other, f"tfr_index {wanted}")
        assert "found: 0" in said and f"version: {version}" in said, wanted


def test_cargo_c_is_told_the_same():
    capi = PACKAGE["metadata"]["capi"]
    assert f"libtfr_index.so.{capi['library']['version']}" == SHARED
    assert capi["header"] == {"subdirectory": False, "generation": False}
    [asset] = capi["install"]["include"]["asset"]
    installed = {f"include/{path.name}" for path in ROOT.glob(asset["from"])}
    assert installed == {name for name in LIBRARY if name.startswith("include/")}


def test_the_package_holds_what_make_needs(built, tmp_path):
    """A source package, as Cargo makes it, can be installed, too."""
    manifest = f"--manifest-path={ROOT}/Cargo.toml"
    for name in output("cargo", "package", "--list", "--allow-dirty", manifest).split():
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)  # dates, too: what is built is newer
    prefix = tmp_path / "usr"
    output("make", "-C", tmp_path, "install-lib", f"PREFIX={prefix}", f"CARGO_TARGET_DIR={TARGET}")
    assert files(prefix) == LIBRARY
