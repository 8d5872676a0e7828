"""Runs the code of a documentation page as the page's reader would.

A page's blocks run in their order, in a directory that first holds `train.tfrecord` and nothing
else. The path `path/to/tfr-index` stands for the clone. By language:

    sh               one bash, which keeps its exports and its working directory
    python           `python -c`
    c, cpp, cmake    saved under the name in the first line (`// name.c`, `# CMakeLists.txt`), for
                     the commands that follow
    toml, rust       a Cargo project that has the `toml` block above as its dependencies, run
    text, json       directly after one that runs: its output, where `…` stands for anything.
                     Elsewhere, something to read: a file's layout, a list of commands

Any other language is an error.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from environment import ROOT, TESTS

FENCE = re.compile(r"^( *)```(.*)\n((?:.*\n)*?)\1```$", re.MULTILINE)
RUN = ("sh", "python", "rust")
SAVED = ("c", "cpp", "cmake")
SHOWN = ("text", "json")
LANGUAGES = {*RUN, *SAVED, *SHOWN, "toml"}
#: What runs these tests.
ALL_TESTS = "./tests/run_tfrecord_tests.sh\n"


class Block(NamedTuple):
    place: str  # "docs/python.md:12"
    language: str
    text: str
    is_output: bool  # of the block before it


def blocks(page: str) -> list[Block]:
    """The code of a page, given by its path below the repository's root."""
    text = (ROOT / page).read_text()
    found: list[Block] = []
    end = -1
    for fence in FENCE.finditer(text):
        indent, language, code = fence.groups()
        place = f"{page}:{text.count(chr(10), 0, fence.start()) + 1}"
        follows = (
            bool(found) and found[-1].language in RUN and not text[end : fence.start()].strip()
        )
        is_output = follows and language in SHOWN
        code = textwrap.dedent(code) if indent else code
        found.append(Block(place, language, code, is_output))
        end = fence.end()
    fences = re.findall(r"^ *(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(found), f"{page}: a code block that is not ```LANGUAGE … ```"
    return found


def without_code(page: str) -> str:
    return FENCE.sub("", (ROOT / page).read_text())


def anchors(file: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", file.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for text in headings}


def check(page: list[Block]) -> None:
    """No block goes unrun: each has a language that is known, and something uses what it saves."""
    for number, (place, language, text, _) in enumerate(page):
        assert language in LANGUAGES, f"{place}: no test runs {language or 'code without language'}"
        after = page[number + 1 :]
        if language == "toml":
            assert any(block.language == "rust" for block in after), f"{place}: no program uses it"
        if language in SAVED:
            name = saved_name(place, text)
            word = "cmake " if language == "cmake" else name
            commands = (block.text for block in after if block.language in ("sh", "cmake"))
            assert any(word in command for command in commands), f"{place}: nothing uses {name}"


def saved_name(place: str, program: str) -> str:
    name = re.match(r"(?://|#) (\S+)\n", program)
    assert name, f"{place}: the first line must be a comment that is the file's name"
    return name[1]


class Session:
    """A reader at work on one page.

    Args:
        directory: the reader's; it is made here.
        variables: the environment of the reader's shell.
    """

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self.directory = directory
        self.variables = variables
        self._work = directory.with_name(f"{directory.name}-work")  # what the reader does not see
        self._work.mkdir(parents=True)
        self._shell = self._work / "shell"
        self._dependencies = ""
        directory.mkdir()
        (directory / "train.tfrecord").write_bytes(
            (TESTS / "data" / "examples.tfrecord").read_bytes()
        )

    def run(self, page: Iterable[Block]) -> str:
        """Runs blocks; returns all that they print, and compares it with what the page shows."""
        printed, last = [], ""
        for block in page:
            if block.is_output:
                compare(block, last)
            elif block.language in RUN and block.text != ALL_TESTS:
                last = getattr(self, f"_{block.language}")(block)
                printed.append(last)
            elif block.language in SAVED:
                (self.directory / saved_name(block.place, block.text)).write_text(block.text)
            elif block.language == "toml":
                self._dependencies = at_home(block.text)
        return "".join(printed)

    def exported(self) -> dict[str, str]:
        """The shell's current environment."""
        command = ["bash", "-c", f". {shlex.quote(str(self._shell))} && env -0"]
        done = subprocess.run(command, env=self.variables, stdout=subprocess.PIPE, check=True)
        pairs = (os.fsdecode(pair).split("=", 1) for pair in done.stdout.split(b"\0") if pair)
        return dict(pairs)

    def _sh(self, block: Block) -> str:
        state = shlex.quote(str(self._shell))
        text = f"test ! -e {state} || . {state}\n{at_home(block.text)}\n"
        text += f'{{ export -p; printf "cd %q\\n" "$PWD"; }} >{state}'
        return self._call(block, ["bash", "-euo", "pipefail", "-c", text])

    def _python(self, block: Block) -> str:
        return self._call(block, ["python", "-c", at_home(block.text)])

    def _rust(self, block: Block) -> str:
        package = self._work / f"rust{block.place.rpartition(':')[2]}"
        (package / "src").mkdir(parents=True)
        manifest = f'[package]\nname = "page"\nedition = "2021"\n{self._dependencies}'
        (package / "Cargo.toml").write_text(manifest)
        (package / "src" / "main.rs").write_text(block.text)
        target = {"CARGO_TARGET_DIR": str(ROOT / "target" / "examples")}
        command = ["cargo", "run", "--quiet", f"--manifest-path={package / 'Cargo.toml'}"]
        return self._call(block, command, target, without={"CARGO_ENCODED_RUSTFLAGS"})

    def _call(
        self,
        block: Block,
        command: list[str],
        more: dict[str, str] | None = None,
        without: Iterable[str] = (),
    ) -> str:
        variables = {**self.variables, **(more or {})}
        variables = {name: variables[name] for name in variables.keys() - without}
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # as on a terminal
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block.place}:\n{block.text}\n{done.stdout}"
        return done.stdout


def at_home(text: str) -> str:
    """Replaces the path of the reader's clone by the real one."""
    return text.replace("path/to/tfr-index", shlex.quote(str(ROOT)))


def compare(block: Block, printed: str) -> None:
    """Fails if the page shows another output than the one that was printed."""
    if block.language == "json":
        same = alike(list(values(block.text)), list(values(printed)))
    else:
        pattern = re.escape(block.text.rstrip()).replace("…", ".*")
        same = re.fullmatch(pattern, printed.rstrip(), re.DOTALL) is not None
    assert same, f"{block.place} shows\n{block.text}but this was printed:\n{printed}"


def values(text: str) -> Iterable[Any]:
    """The JSON values in a text, one after the other."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].strip()


def alike(shown: Any, printed: Any) -> bool:
    """Whether two JSON values are the same, but for strings that the page shows as "…"."""
    if isinstance(shown, str) and "…" in shown:
        return isinstance(printed, str)
    if isinstance(shown, dict) and isinstance(printed, dict):
        names = shown.keys() | printed.keys()
        missing = object()
        return all(alike(shown.get(name, missing), printed.get(name, missing)) for name in names)
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(map(alike, shown, printed))
    return type(shown) is type(printed) and bool(shown == printed)
