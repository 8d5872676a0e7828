"""tests/README.md lists every test, and only files that exist."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import re

from environment import REQUIREMENTS, ROOT, TESTS

PAGE = (TESTS / "README.md").read_text()
#: Files that hold no tests of their own.
NO_TESTS = {"main.rs", "conftest.py"}
ROOMS = ("cli", "docs", "integration", "packages", "processes", "python", "rust", "system")


def listed():
    """The files that the page names, each as the section's directory has it."""
    for section in re.split(r"^##+ ", PAGE, flags=re.MULTILINE):
        heading, _, text = section.partition("\n")
        directories = [TESTS / name for name in re.findall(r"`(\w+)/`", heading)] or [TESTS]
        for name in re.findall(r"`([\w/]+\.(?:awk|c|cpp|md|py|rs|sh|tfrecord|tsv|txt))`", text):
            places = [*directories, TESTS, TESTS / "data", TESTS / "support", ROOT]
            yield name, [place / name for place in places]


def test_every_file_named_exists():
    assert [name for name, places in listed() if not any(path.exists() for path in places)] == []


def test_every_test_is_listed():
    tests = {*TESTS.glob("test_*.py"), *TESTS.glob("c/*.rs"), *TESTS.glob("c*/test_*.c*")}
    for room in ROOMS:
        tests |= {*TESTS.glob(f"{room}/*.rs"), *TESTS.glob(f"{room}/test_*.py")}
    named = {path for _, places in listed() for path in places}
    assert sorted(path for path in tests - named if path.name not in NO_TESTS) == []


def test_every_environment_is_listed():
    table = PAGE[PAGE.index("## Environments") :]
    assert set(re.findall(r"^\| ([a-z]+) \|", table, re.MULTILINE)) - {"name"} == {*REQUIREMENTS}
