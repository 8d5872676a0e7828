"""Every snippet of the README, run as a reader would run it; those of docs in Python, too."""

if __name__ == "__main__":
    import environment

    environment.run_as_script(__file__, "quick")

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
DOCS = {page.name: BLOCK.findall(page.read_text()) for page in ROOT.glob("docs/*.md")}
ALL_TESTS = "./tests/run_tfrecord_tests.sh\n"  # what runs this test


def blocks(language):
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A reader's folder, and the environment of a reader's shell."""
    folder = tmp_path_factory.mktemp("reader")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    tools = Path(sys.executable).parent  # pkg-config and cmake
    path = f"{folder}/venv/bin:{folder}/bin:{tools}:{os.environ['PATH']}"
    target = str(ROOT / "target")
    variables = {"PATH": path, "CARGO_INSTALL_ROOT": str(folder), "CARGO_TARGET_DIR": target}
    # As `make` and pip call Cargo, so that what they built serves `cargo install`, too.
    home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    flags = [f"--remap-path-prefix={home}=cargo", f"--remap-path-prefix={ROOT}=tfr-index"]
    variables["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    return folder, os.environ | variables


def run(reader, command, cwd=None):
    folder, variables = reader
    done = subprocess.run(
        command, cwd=cwd or folder, env=variables, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def shell(reader, text):
    """Runs commands in the reader's shell, which keeps what they export."""
    text = f"test ! -e exports || . ./exports\n{at_home(text)}\nexport -p >exports"
    return run(reader, ["bash", "-euo", "pipefail", "-c", text])


def at_home(text):
    """The reader has put the clone somewhere; here it is."""
    return text.replace("path/to/tfr-index", shlex.quote(str(ROOT)))


def test_every_block_is_run_by_a_test():
    languages = {"sh", "python", "toml", "rust", "c", "cpp", "cmake", "text"}
    assert {name for name, _ in BLOCKS} == languages
    assert blocks("sh")[1] == ALL_TESTS
    # Those in Python are run here, the others by tests/embedding.rs.
    assert {name: [language for language, _ in found] for name, found in DOCS.items()} == {
        "embedding.md": ["sh", "python", "text"]
    }


def test_first_command_then_all_in_their_order(reader):
    """A reader saves the programs by the names in their first lines, and runs the rest."""
    folder, _ = reader
    first, *rest = [(language, text) for language, text in BLOCKS if text != ALL_TESTS]
    rest += [block for page in DOCS.values() for block in page if block[0] == "python"]
    assert first[0] == "sh"
    out = run(reader, ["bash", "-euo", "pipefail", "-c", first[1]], cwd=ROOT)
    assert "100 records indexed" in out
    for language, text in rest:
        if language == "sh":
            out += shell(reader, text)
        elif language == "python":
            out += run(reader, ["python", "-c", text])
        elif language in ("c", "cpp", "cmake"):
            name = re.match(r"(?://|#) (\S+)\n", text)
            assert name, "a program begins with its file's name"
            (folder / name[1]).write_text(text)
    assert (folder / "train.tfrecord.idx").exists() and (folder / "even-records.idx").exists()
    assert "\n100 records\n78 bytes at byte 0\n" in out  # C
    assert out.count("\n100 records\n") == 3  # C++, compiled with pkg-config and with CMake
    assert out.count("\n4 records written\ntrain.tfrecord: record 1000: out of range") == 2
    assert "train.tfrecord.idx: 100 records, 79942 bytes\n" in out  # tfr-index show
    assert re.search(r"^\d+ \d+$", out, re.MULTILINE)  # tfr-index dump
    assert "\ntrain.tfrecord: 100 records -> train.tfrecord.idx\n" in out  # s3-cli
    assert "\n10 payloads\n" in out  # docs/embedding.md
    assert out.count("train.tfrecord: ok (100 records)\n") == 3  # tfr-index check
    assert "\n1 up to date\n" in out  # tfr-index create --update
    good, compressed = map(json.loads, re.findall(r"^{.*}$", out, re.MULTILINE))
    assert good["records"] == 100 and compressed["error"]["format"] == "gzip"
    assert "train.tfrecord: byte 90 is in the payload of record 1\n" in out  # tfr-index locate
    assert re.search(
        r"^bytes \d+ to \d+: damaged.tfrecord: record \d+ at byte \d+: ", out, re.MULTILINE
    )  # salvage


def test_rust(reader):
    folder, variables = reader
    for number, block in enumerate(blocks("rust")):
        package = folder / f"rust{number}"
        (package / "src").mkdir(parents=True)
        manifest = f'[package]\nname = "readme"\nedition = "2021"\n{blocks("toml")[0]}'
        (package / "Cargo.toml").write_text(at_home(manifest))
        (package / "src/main.rs").write_text(block)
        target = variables | {"CARGO_TARGET_DIR": str(ROOT / "target/examples")}
        del target["CARGO_ENCODED_RUSTFLAGS"]
        command = ["cargo", "run", "--manifest-path", str(package / "Cargo.toml")]
        assert "record 42" in run((folder, target), command)
