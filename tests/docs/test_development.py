"""docs/CONTRIBUTING.md and docs/RELEASING.md: what they name exists, and the first commands run."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import shlex
import subprocess
import tomllib

import environment
import pytest
import tfr_index
from environment import ROOT

PAGES = {name: (ROOT / "docs" / name).read_text() for name in ("CONTRIBUTING.md", "RELEASING.md")}
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
CARGO = tomllib.loads((ROOT / "Cargo.toml").read_text())
#: What a reader fills in, and what commands make.
NOT_THERE = re.compile(r"NAME|X\.Y\.Z|^target/|\*")


def code(text):
    """The code in a page's blocks and lines."""
    return [block for _, block in BLOCK.findall(text)] + re.findall("`([^`\n]+)`", text)


def commands(start):
    """The words of each command with this beginning, on both pages."""
    lines = [
        line.strip() for text in PAGES.values() for part in code(text) for line in part.split("\n")
    ]
    found = [re.split(r"   +|[)]", line[line.index(start) :])[0] for line in lines if start in line]
    assert found, start
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(page):
    words = {word for part in code(PAGES[page]) for word in re.split(r"[\s\"'()=:;]+", part)}
    names = {entry.name for entry in ROOT.iterdir()}
    paths = {word for word in words if word.removeprefix("./").split("/")[0] in names}
    assert len(paths) > 10
    for path in paths:
        if not NOT_THERE.search(path):
            assert (ROOT / path).exists(), path


def test_every_cargo_command_names_what_there_is():
    for words in commands("cargo test"):
        names = {"--lib": "src", "--doc": "src"}
        names |= {test["name"]: os.path.dirname(test["path"]) for test in CARGO["test"]}
        options = [] if "--features" not in words else words[words.index("--features") :][:2]
        rest = " ".join(words[2:]).removeprefix(" ".join(options)).split()
        if not rest:
            continue  # all of them
        target, *rest = [word for word in rest if word != "--test"]
        assert target in names, words
        sources = "".join(file.read_text() for file in (ROOT / names[target]).rglob("*.rs"))
        for name in re.findall(r"\w+", " ".join(rest)):
            assert re.search(rf"\b(fn|mod|struct|trait|enum) \w*{name}", sources), words


def test_every_python_command_names_what_there_is():
    for words in commands("tests/environment.py"):
        assert words[1] in environment.REQUIREMENTS, words
    for words in commands("-m pytest"):
        files = [word for word in words if word.startswith("tests/")]
        assert files and all((ROOT / file).exists() for file in files), words
    for words in commands("python3 tests/integration/"):
        assert "run_as_script" in (ROOT / words[1]).read_text(), words


def test_every_file_of_tests_is_in_a_step():
    script = (ROOT / "tests/run_tfrecord_tests.sh").read_text()
    for file in (ROOT / "tests").rglob("test_*.py"):
        path = file.relative_to(ROOT)
        assert any(re.search(rf"{part}(?![/\w])", script) for part in (path, path.parent)), path


def test_every_step_of_the_tests_is_in_the_table():
    script = (ROOT / "tests/run_tfrecord_tests.sh").read_text()
    [table] = re.findall(
        r"^\| steps \|.*\n\|-.*\n((?:\|.*\n)+)", PAGES["CONTRIBUTING.md"], re.MULTILINE
    )
    said = re.sub(r"[,;|]", " ", table).lower()
    for step in re.findall(r'^ *step "([^"]+)"', script, re.MULTILINE):
        for word in step.lower().replace("$version", "3.11").split():
            assert word in said, step


def test_the_first_commands_run(tmp_path):
    """To call the command; to compile and run a C program. `cargo test` has built both."""
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug"
    if not (target / "tfr-index").exists():
        pytest.skip("nothing is built: cargo test --features s3-cli")
    blocks = [
        text for language, text in BLOCK.findall(PAGES["CONTRIBUTING.md"]) if language == "sh"
    ]
    [build] = [text for text in blocks if text.startswith("cargo build --features s3-cli\n")]
    [compiled] = [text for text in blocks if text.startswith("cc ")]
    text = build.partition("\n")[2] + compiled
    text = text.replace("debug/libtfr_index.a", "debug/deps/libtfr_index.a")  # that of the tests
    for path in re.findall(r" target/(?:examples.idx|test_edit)", text):
        text = text.replace(path, f" {tmp_path}/{os.path.basename(path)}")
    text = text.replace("\ntarget/test_edit", f"\n{tmp_path}/test_edit")
    text = text.replace("target/debug", str(target))
    shell = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(shell, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, text + done.stdout + done.stderr
    assert "100 records -> " in done.stdout


def test_the_crate_has_what_users_need():
    [words] = commands("cargo package")
    done = subprocess.run(
        [*words, "--allow-dirty"], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    needed = {
        "README.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "src/lib.rs",
        "build.rs",
    }
    assert needed | {"include/tfr_index.h"} <= {*done.stdout.splitlines()}
    assert CARGO["package"]["repository"] and CARGO["package"]["metadata"]["docs"]["rs"]


def test_help_shows_public_names_alone():
    """`help(tfr_index)`: each name is public, and shown as that of the package."""
    import pydoc

    text = pydoc.plain(pydoc.render_doc(tfr_index))
    shown = text[text.index("\nCLASSES\n") : text.index("\nFILE\n")]
    classes = re.findall(r"^    class (\w+)", shown, re.MULTILINE)
    others = re.findall(r"^    ([A-Za-z]\w*)(?:\(| = )", shown, re.MULTILINE)
    assert {*classes} | {*others} <= {*tfr_index.__all__}
    assert len(classes) > 20 and "create_index" in others
    assert not re.search(r"tfr_index\._(?!typing|edit|order)\w+\.", shown)
