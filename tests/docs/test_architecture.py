"""docs/ARCHITECTURE.md has the modules of src/, and each imports what the page says it does."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import re
import xml.etree.ElementTree as xml

from environment import ROOT

SRC = ROOT / "src"
PAGE = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|\br(#+)".*?"\1|"(?:\\.|[^"\\])*"|b?\'(?:\\.|[^\'\\])\'', re.DOTALL
)
EXPORT = re.compile(r"^pub use (\w+)(?:::\w+)*::(?:\{([^}]*)\}|(\w+));", re.MULTILINE)


def section(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def rows(title):
    """The cells of a section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def code(cell):
    return re.findall("`([^`]+)`", cell)


def is_test(path):
    return any(part in ("tests", "tests.rs") for part in path.relative_to(SRC).parts)


def modules():
    """The library's modules, and the files of each: its own, and those in its directory."""
    files = [path for path in SRC.rglob("*.rs") if not is_test(path)]
    found = {}
    for path in files:
        name = path.relative_to(SRC).parts[0].removesuffix(".rs")
        if name not in ("bin", "lib"):
            found.setdefault(name, []).append(path)
    return found


def imports(path, exported):
    """The modules of the crate that a file names, except in tests and comments."""
    text = TOKEN.sub(lambda token: "" if token[0].startswith("/") else '""', path.read_text())
    text = re.sub(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))? )?", "#[test]", text)
    text = without(r"#\[test\][^{;]*\{", text)
    text = re.sub(r"#\[test\][^{;]*;", "", text)
    names = set()
    for name, several in re.findall(r"\bcrate::(?:(\w+)|\{([^;]*)\};)", text):
        names |= {name} if name else set(re.findall(r"(?:^|,)\s*(\w+)", flat(several)))
    return {exported.get(name, name) for name in names}


def flat(several):
    """The first names of `a::{b, c}, d::e`."""
    while (inner := re.sub(r"\{[^{}]*\}", "", several)) != several:
        several = inner
    return several


def without(start, text):
    """Removes blocks that start like this, up to their closing brace."""
    while found := re.search(start, text):
        end, depth = found.end(), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        text = text[: found.start()] + text[end:]
    return text


def test_the_table_has_the_modules_and_their_files():
    table = {}
    for paths, holds, _, _ in rows("Modules"):
        table[code(paths)[0].removeprefix("src/").removesuffix(".rs")] = (code(paths), code(holds))
    found = modules()
    assert set(table) == set(found)
    for name, files in found.items():
        paths, holds = table[name]
        directory = SRC / name
        expected = [f"src/{name}.rs"] + [f"src/{name}/"] * directory.is_dir()
        inner = [path for path in files if path.parent != SRC]
        if not inner:
            expected = expected[:1]  # nothing but tests in it
        assert paths == expected, name
        inner = {path.relative_to(directory).as_posix() for path in inner}
        assert {word for word in holds if word.endswith(".rs")} == inner, name


def test_each_module_imports_what_the_table_says():
    exported = {}  # crate::Index is crate::index::Index
    for module, several, one in EXPORT.findall((SRC / "lib.rs").read_text()):
        exported |= dict.fromkeys(re.findall(r"\w+", several or one), module)
    said = {}
    for paths, _, _, uses in rows("Modules"):
        name = code(paths)[0].removeprefix("src/").removesuffix(".rs")
        said[name] = code(uses)
        assert set(said[name]) <= said.keys(), f"{name} imports a module that is below it"
    for name, files in modules().items():
        found = set().union(*(imports(path, exported) for path in files)) - {name}
        assert said[name] == [one for one in said if one in found], name


def test_the_other_places_exist():
    for title in ("Bindings and programs", "What it is"):
        for row in rows(title):
            for path in code(row[0]) + code(row[-1]):
                if "/" in path:
                    assert (ROOT / path).exists(), path
    programs = {code(row[0])[0] for row in rows("Bindings and programs")}
    assert {
        f"src/bin/{path.name}{'/' * path.is_dir()}" for path in (SRC / "bin").iterdir()
    } <= programs
    for row in rows("Planned"):
        [module] = code(row[0])
        assert not (SRC / f"{module}.rs").exists(), f"{module} is built"


def test_the_picture_can_be_read_on_any_background():
    picture = xml.parse(ROOT / "docs/pictures/data-flow.svg").getroot()
    svg = "{http://www.w3.org/2000/svg}"
    assert picture.find(f"{svg}title").text and picture.find(f"{svg}desc").text
    assert "prefers-color-scheme: dark" in picture.find(f"{svg}style").text
