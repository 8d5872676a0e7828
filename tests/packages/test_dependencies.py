"""Dependencies that a user of the library builds: few, and for compilers as old as promised."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import json
import subprocess
import zipfile
from pathlib import Path

import environment

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = {
    "base64",
    "clap",
    "clap_complete",
    "clap_mangen",
    "crc_fast",
    "indicatif",
    "serde_json",
    "signal_hook",
    "strsim",
    "tempfile",
    "zlib_rs",
}


def version(text):
    return tuple(map(int, text.split(".")))


def built_packages():
    """The packages that Cargo builds for a dependency on tfr-index with default features."""
    command = ["cargo", "metadata", "--format-version=1", "--locked"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    metadata = json.loads(out)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    built, todo = set(), [metadata["resolve"]["root"]]
    while todo:
        node = nodes[todo.pop()]
        if node["id"] in built:
            continue
        built.add(node["id"])
        for dependency in node["deps"]:
            if dependency["name"] in OPTIONAL:
                continue
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                todo.append(dependency["pkg"])
    return [package for package in metadata["packages"] if package["id"] in built]


def test_runtime_dependencies_are_the_chosen_six():
    [root] = [package for package in built_packages() if package["name"] == "tfr-index"]
    direct = {
        dependency["name"]
        for dependency in root["dependencies"]
        if dependency["kind"] is None and not dependency["optional"]
    }
    assert direct == {"crc32c", "crc32fast", "glob", "libc", "miniz_oxide", "snap"}
    features = root["features"]
    assert (features["default"], features["s3dlio"]) == (["s3dlio"], ["dep:anyhow"])


def test_nothing_asks_for_a_newer_compiler_than_the_library_does():
    packages = {package["name"]: package["rust_version"] for package in built_packages()}
    promised = packages.pop("tfr-index")
    assert promised == "1.70"
    # These declare no version; their sources pass Clippy's incompatible_msrv for 1.70.
    for name in ("adler2", "crc32c", "miniz_oxide", "snap"):
        assert packages.pop(name) is None, name
    known = {"anyhow", "cfg-if", "crc32fast", "glob", "libc", "rustc_version", "semver"}
    assert set(packages) == known
    for name, needed in packages.items():
        assert version(needed) <= version(promised), name


def test_the_python_package_has_the_crates_version():
    [root] = [package for package in built_packages() if package["name"] == "tfr-index"]
    project = (ROOT / "bindings/python/pyproject.toml").read_text()
    assert 'dynamic = ["version"]' in project or f'version = "{root["version"]}"' in project


def test_the_wheel_holds_the_licences():
    wheel = zipfile.ZipFile(environment.wheel())
    licences = {name.rpartition("/")[2] for name in wheel.namelist() if "/licenses/" in name}
    assert licences == {"LICENSE-APACHE", "LICENSE-MIT"}
    for licence in licences:
        [name] = [name for name in wheel.namelist() if name.endswith(licence)]
        assert wheel.read(name) == (ROOT / licence).read_bytes()
