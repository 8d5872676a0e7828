"""`make install`: which files it installs, and whether C and C++ programs find them."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from installed import (
    EXAMPLES,
    LIBRARY,
    PACKAGE,
    PRINTED,
    PROGRAMS,
    ROOT,
    SHARED,
    SONAME,
    STRICT,
    TARGET,
    VERSION,
    build,
    files,
    make,
    output,
    pkg_config,
    without_shared,
)


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
    make("install", *place, CARGO="false")  # up to date for Cargo, so for make too
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


def test_pkg_config(prefix, project, tmp_path):
    assert pkg_config(prefix / "lib", "--modversion") == [VERSION]
    assert pkg_config(prefix / "lib", "--variable=prefix") == [str(prefix)]
    program = tmp_path / "shared"
    flags = pkg_config(prefix / "lib", "--cflags", "--libs")
    output("gcc", "-std=c99", *STRICT, project / "main.c", *flags, "-o", program)
    assert output(program, EXAMPLES, LD_LIBRARY_PATH=str(prefix / "lib")) == PRINTED
    assert f"[{SONAME}]" in output("readelf", "-d", program)

    # The linker uses the static library if there is no shared one, or with -static.
    moved = without_shared(prefix, tmp_path / "moved")
    program = tmp_path / "static"
    flags = pkg_config(moved / "lib", "--define-prefix", "--static", "--cflags", "--libs")
    assert str(prefix) not in shlex.join(flags)
    output("gcc", "-std=c99", *STRICT, project / "main.c", *flags, "-o", program)
    assert output(program, EXAMPLES) == PRINTED


def test_cargo_c_is_told_the_same():
    capi = PACKAGE["metadata"]["capi"]
    assert f"libtfr_index.so.{capi['library']['version']}" == SHARED
    assert capi["header"] == {"subdirectory": False, "generation": False}
    [asset] = capi["install"]["include"]["asset"]
    installed = {f"include/{path.name}" for path in ROOT.glob(asset["from"])}
    assert installed == {name for name in LIBRARY if name.startswith("include/")}


def test_the_package_holds_what_make_needs(built, tmp_path):
    """A source package made by Cargo can be installed, too."""
    manifest = f"--manifest-path={ROOT}/Cargo.toml"
    for name in output("cargo", "package", "--list", "--allow-dirty", manifest).split():
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(
                ROOT / name, tmp_path / name
            )  # with its date, so that what is built is newer
    prefix = tmp_path / "usr"
    output("make", "-C", tmp_path, "install-lib", f"PREFIX={prefix}", f"CARGO_TARGET_DIR={TARGET}")
    assert files(prefix) == LIBRARY
