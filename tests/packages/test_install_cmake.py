"""The CMake package that `make install` installs."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import shutil

import pytest
from installed import (
    SONAME,
    VERSION,
    build,
    run,
    without_shared,
)


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
    assert "found: 0" in said and "tfr_index::shared is not installed in" in said


def found(tmp_path, prefix, wanted):
    """CMake's output for find_package(), without a compiler."""
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
