"""Every snippet of README.md and of the pages in docs, run as a reader would run it."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pages
import pytest
from environment import ROOT

README = "README.md"
PACKAGES = ["bindings/python/README.md", "examples/dali_plugin/README.md"]
DOCS = sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))
#: cli.md comes last: it builds the programs with another feature, and so the library, too.
PAGES = [README, *PACKAGES, *sorted(DOCS, key="docs/cli.md".__eq__)]

#: Other tests run these pages, or their blocks in a language.
ELSEWHERE = {
    "docs/dali.md": pages.LANGUAGES,  # test_dali_plugin.py, where NVIDIA DALI is installed
    "docs/CONTRIBUTING.md": pages.LANGUAGES,  # test_development.py
    "docs/RELEASING.md": pages.LANGUAGES,  # test_development.py
    "docs/embedding.md": {"sh"},  # c/embedding.rs, which has the plugin that the commands link
}

#: What pages print, besides what they show: regular expressions, in that order.
PRINTED = {
    README: [
        r"examples.tfrecord: 79942 bytes, 100 records indexed\n",
        r"\n103 records, the last one has \d+ bytes\n",
        r"\n2 files: 2 ok\ntrain.tfrecord: 100 records, 79942 bytes\n",
        r"\nshards/3: 25 records of 1 file\n.*\n3 files: 1 created \(.*\), 2 up to date\n",
    ],
    "bindings/python/README.md": [r"^100 records\n"],
    "docs/python.md": [r"\n100 25 32\n", r"\nup to date\n1002 records\n"],
    "docs/cli.md": [r"\ntrain.tfrecord: ok \(100 records\)\n", r"-> out/b/x.idx\n"],
    "docs/c.md": [r"\n100 records\n78 bytes at byte 0\n", r"\n100 records\n78 bytes at byte 0\n"],
    "docs/cpp.md": [r"\n100 records\n", r"\n4 records written\n", r"\n4 records written\n"],
    "docs/data-sets.md": [r"4 files: 400 records", r"\n4 files: 4 ok\n"],
    "docs/damaged-files.md": [r"\n98 good records\n", r"\ngood.tfrecord: ok \(98 records\)\n"],
    "docs/embedding.md": [r"^10 payloads\n"],
    "docs/growing-and-streams.md": [
        r"growing.tfrecord: 2 records -> .*growing.tfrecord: 100 records -> ",
        r"\n100 records within\n",
    ],
    "docs/indexes.md": [r"train.tfrecord: ok \(100 records\)\n", r"\n1 up to date\nup to date\n"],
    "docs/rust.md": [r"^100 records, .*\nrecord 42 has 232 bytes\n", r"\n100 records, by s3dlio"],
    "docs/subsets-and-shards.md": [r"\nshards/3: 25 records of 1 file\n"],
    "docs/writing.md": [r"^c.tfrecord: ok \(3 records\)\n"],
}


@pytest.fixture(scope="session")
def readme(tmp_path_factory):
    """Runs the README; returns its output, and the environment afterwards."""
    home = tmp_path_factory.mktemp("reader")
    subprocess.run([sys.executable, "-m", "venv", home / "venv"], check=True)
    tools = Path(sys.executable).parent  # pkg-config and cmake
    path = f"{home}/venv/bin:{home}/bin:{tools}:{os.environ['PATH']}"
    target = str(ROOT / "target")
    variables = {"PATH": path, "CARGO_INSTALL_ROOT": str(home), "CARGO_TARGET_DIR": target}
    # As `make` and pip call Cargo, so that what they built serves `cargo install`, too.
    cargo_home = os.environ.get("CARGO_HOME", Path.home() / ".cargo")
    flags = [f"--remap-path-prefix={cargo_home}=cargo", f"--remap-path-prefix={ROOT}=tfr-index"]
    variables["CARGO_ENCODED_RUSTFLAGS"] = "\x1f".join(flags)
    session = pages.Session(home / "pages" / "README", os.environ | variables)
    first, *rest = pages.blocks(README)
    # The first command is for the clone's own directory.
    printed = session.run([first._replace(text=f"(cd path/to/tfr-index\n{first.text})\n"), *rest])
    return printed, session.exported()


def test_first_commands():
    """The commands that the README must start with."""
    commands = [block.text for block in pages.blocks(README) if block.language == "sh"]
    assert commands[0] == "pip install ./bindings/python && python examples/quickstart.py\n"
    assert commands[1] == pages.ALL_TESTS


@pytest.mark.parametrize("page", PAGES)
def test_no_block_goes_unrun(page):
    pages.check(pages.blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_links(page):
    """Links to files of the repository lead to a file, and to a heading that it has."""
    text = pages.without_code(page)
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page}: no {target}"
        if anchor:
            assert anchor in pages.anchors(file), f"{page}: no heading for {target}"


@pytest.mark.parametrize("page", [one for one in PAGES if ELSEWHERE.get(one) != pages.LANGUAGES])
def test_page(page, readme, tmp_path):
    printed, variables = readme
    if page != README:
        session = pages.Session(tmp_path / "page", variables)
        skipped = ELSEWHERE.get(page, set())
        printed = session.run(
            block for block in pages.blocks(page) if block.language not in skipped
        )
    for pattern in PRINTED.get(page, []):
        found = re.search(pattern, printed, re.DOTALL)
        assert found, f"{page} did not print {pattern}:\n{printed}"
        printed = printed[found.end() :]
