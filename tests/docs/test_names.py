"""names.md, the table of names, agrees with the C and C++ headers, Rust, Python and the CLI."""

if __name__ == "__main__":
    import sys

    sys.path.append(f"{sys.path[0]}/..")
    import environment

    environment.run_as_script(__file__, "quick")

import inspect
import os
import re
import subprocess
import typing
from functools import cache
from pathlib import Path

import pytest
import tfr_index

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "docs" / "names.md"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
INTERFACES = ("C", "C++", "Rust", "Python", "CLI")


def rows() -> list[dict[str, list[str]]]:
    """For each concept, the names that each interface has."""
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = [(cells[0], [re.findall("`([^`]+)`", cell) for cell in cells[1:]]) for cells in split]
    return [
        {"concept": [concept], **dict(zip(INTERFACES, found, strict=True))}
        for concept, found in names
        if concept != "concept"
    ]


def in_table(interface: str) -> set[str]:
    return {name for row in rows() for name in row[interface]}


# The real names. Each function returns an interface's names in the table's notation; a name's value
# is the text to search for its parameters.


def without_comments(code: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", code, flags=re.DOTALL)


@cache
def of_c() -> dict[str, str]:
    code = without_comments((ROOT / "include/tfr_index.h").read_text())
    code = re.sub(r"^#.*$", "", code, flags=re.MULTILINE)
    found = {}
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\}", code, re.DOTALL):
        for member in re.findall(r"(\w+);", body):
            found[f"{name}.{member}"] = ""
    for body in re.findall(r"typedef enum \w+ \{(.*?)\}", code, re.DOTALL):
        found |= dict.fromkeys(re.findall(r"\bTFR_\w+", body), "")
    for name, parameters in re.findall(r"\b(tfr_\w+)\(([^()]*)\);", code):
        found[name] = parameters
    return found


def of_class(body: str, is_public: bool) -> dict[str, str]:
    """The public members in the body of a class, with their parameters."""
    depth, outer = 0, ""
    for part in re.split(r"([{}])", body):
        depth += {"{": 1, "}": -1}.get(part, 0)
        outer += ";" if part in "{}" else part if depth == 0 else ""
    outer = re.sub(r"\)\s*(noexcept\s*)?:[^:].*?;", ");", outer, flags=re.DOTALL)  # initializers
    outer = re.sub(r"\b(using|friend)\b[^;]*;|template <[^;]*?>\n", "", outer)
    sections = re.split(r"\b(public|private):", "public:" * is_public + outer)
    public = "".join(sections[n + 1] for n in range(1, len(sections), 2) if sections[n] == "public")
    found: dict[str, str] = {}
    for name, parameters in re.findall(r"(?<![:\w~])(\w+)\(((?:[^()]|\([^()]*\))*)\)", public):
        found[name] = found.get(name, "") + parameters
    fields = re.findall(r"[\w>] (\w+)(?: = [^;]+)?;", public) if is_public else []
    return found | dict.fromkeys(fields, "")


@cache
def of_cpp() -> dict[str, str]:
    code = without_comments((ROOT / "include/tfr_index.hpp").read_text())
    found = {}
    for kind, name in re.findall(r"^(class|struct) (\w+)\b[^;]*?\{", code, re.MULTILINE):
        start = re.search(rf"^{kind} {name}\b[^;]*?\{{", code, re.MULTILINE).end()
        body = code[start : code.index("\n};", start)]
        found[name] = ""
        for member, parameters in of_class(body, kind == "struct").items():
            found[f"{name}.{member}"] = parameters
    functions = r"^(?:\[\[nodiscard\]\] )?inline [^\n(]*?(\w+)\(((?:[^()]|\([^()]*\))*)\)"
    return found | dict(re.findall(functions, code, re.MULTILINE))


def pages() -> list[Path]:
    """The Rust documentation: a page for each public type and function, without outdated pages."""
    directory = TARGET / "doc/tfr_index"
    links = re.findall(r'href="(\w+\.\w+\.html)"', (directory / "all.html").read_text())
    return [directory / link for link in links]


@cache
def of_rust() -> dict[str, str]:
    command = ["cargo", "doc", "--no-deps", "--locked"]
    # As in the test command, so that nothing is built again.
    variables = os.environ | {"RUSTDOCFLAGS": "-D warnings"}
    subprocess.run(command, cwd=ROOT, env=variables, check=True)
    found = {}
    for page in pages():
        name = page.name.split(".")[1]
        text = re.split('id="(?:trait-implementations|deref-methods)', page.read_text())[0]
        found[name] = ""
        for part, member in re.findall(r'id="(method|tymethod|structfield|variant)\.(\w+)"', text):
            _, _, signature = text.partition(f'id="{part}.{member}"')
            signature = re.sub("<[^>]*>", "", signature[: signature.find("</h4>")])
            found[f"{name}::{member}"] = signature if "method" in part else ""
    found["Index::len"] = ""  # an Index is used as a slice
    return found


def fields(kind: type) -> set[str]:
    """The public attributes of a class and of its instances."""
    examples = {
        tfr_index.TfrError: tfr_index.TfrError(""),
        tfr_index.TfrOSError: tfr_index.TfrOSError(""),
        tfr_index.TfrWarning: tfr_index.TfrWarning(tfr_index.TfrError("")),
    }
    names = {*dir(examples.get(kind, kind)), *getattr(kind, "__dataclass_fields__", ())}
    return {name for name in names if not name.startswith("_")}


@cache
def of_python() -> dict[str, str]:
    def signature(of: object) -> str:
        try:
            return str(inspect.signature(of)) if callable(of) else ""
        except ValueError:  # it is C code
            return ""

    found = {}
    for name in dir(tfr_index):
        one = getattr(tfr_index, name)
        is_class = isinstance(one, type)
        found[name] = signature(one) if is_class or inspect.isfunction(one) else ""
        if is_class:
            found |= {
                f"{name}.{field}": signature(getattr(one, field, "")) for field in fields(one)
            }
            for method, form in (("getitem", "{}[i]"), ("len", "len({})"), ("iter", "iter({})")):
                if hasattr(one, f"__{method}__"):
                    found[form.format(name)] = ""
    return found


@cache
def of_cli() -> dict[str, str]:
    build = ["cargo", "build", "--locked", "--features", "s3-cli", "--bin", "tfr-index"]
    subprocess.run(build, cwd=ROOT, check=True)

    def says(*arguments: str) -> str:
        command = [TARGET / "debug" / "tfr-index", *arguments, "--help"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def options(text: str) -> set[str]:
        return set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.MULTILINE))

    top = says()
    commands = re.findall(r"^  (\w+)  ", top.partition("Commands:")[2].partition("\n\n")[0], re.M)
    found = dict.fromkeys(options(top), "")
    for command in set(commands) - {"help"}:
        text = found[command] = says(command)
        found |= dict.fromkeys((f"{command} {option}" for option in options(text)), "")
    return found


OF = {"C": of_c, "C++": of_cpp, "Rust": of_rust, "Python": of_python, "CLI": of_cli}


def exists(name: str, found: dict[str, str]) -> bool:
    if name in found:
        return True
    function, _, parameter = name.rstrip(")").partition("(")
    return bool(parameter) and re.search(rf"\b{parameter}\b", found.get(function, "")) is not None


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_name_exists(interface):
    found = OF[interface]()
    assert len(found) > 10
    missing = [name for name in sorted(in_table(interface)) if not exists(name, found)]
    assert missing == [], f"names.md has names that {interface} has not"


def whats_public() -> dict[str, set[str]]:
    """The names that must be in the table: functions, methods and commands, not what is the
    habit of each language."""
    python = {name for name in of_python() if re.fullmatch(r"[A-Z]\w+\.\w+|[a-z]\w+", name)}
    inherited = {
        f"{name}.{member}"
        for name in dir(tfr_index)
        if isinstance(kind := getattr(tfr_index, name), type)
        for base in kind.__mro__[1:]
        if not base.__module__.startswith("tfr_index")
        for member in vars(base)
    }
    overridden = {"Dataset.index", "Dataset.count"}
    errors = {name for name in python if re.match(r"Tfr(?!Error\.|Warning\.)", name)}
    habits = r".*::(new|is_empty)|.*\.(operator|get|empty|size|data|begin|end|during|call)"
    members = {name for name in of_cpp() if "." in name and not re.fullmatch(habits, name)}
    methods = {
        name
        for name, signature in of_rust().items()
        if "::" in name and signature and not re.fullmatch(r"ReadAt::.*|.*::(new|is_empty)", name)
    }
    functions = {page.name.split(".")[1] for page in pages() if page.name.startswith("fn.")}
    return {
        "C": {
            name
            for name in of_c()
            if re.fullmatch(r"tfr_\w+", name)
            and not re.fullmatch(r"\w+_(free|new)|tfr_callbacks_allow|tfr_read_memory", name)
        },
        "C++": {name for name in members if len({*name.split(".")}) == 2},
        "Rust": methods | functions,
        "Python": python - (inherited - overridden) - errors,
        "CLI": {name for name in of_cli() if "-" not in name},
    }


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_public_name_is_in_the_table(interface):
    known = {re.split(r"\(| --", name)[0] for name in in_table(interface)}
    unknown = sorted(whats_public()[interface] - known)
    assert unknown == [], f"{interface} has names that names.md has not"


def test_an_option_has_one_name():
    """Except for the CLI, whose words may be shorter."""
    options = [row for row in rows() if any("tfr_options_set_" in name for name in row["C"])]
    assert len(options) > 5
    for row in options:
        [c], [cpp], [rust] = row["C"], row["C++"], row["Rust"]
        name = c.removeprefix("tfr_options_set_")
        python = {re.search(r"\((\w+)\)", one)[1] for one in row["Python"]}
        assert (cpp, rust.removeprefix("Dataset")) == (f"options.{name}", f"Options::{name}")
        assert python == {name}


@pytest.mark.parametrize(
    ("name", "prefix", "python", "option"),
    [
        ("Checksums", "TFR_CHECKSUMS_", tfr_index.Checksums, "create --checksums"),
        ("CheckLevel", "TFR_CHECK_", tfr_index.CheckLevel, "check --level"),
        ("ShardBy", "TFR_SHARD_BY_", tfr_index.ShardBy, "shard --by"),
        ("Remainder", "TFR_REMAINDER_", tfr_index.Remainder, "shard --remainder"),
        ("Only", "TFR_ONLY_", tfr_index.Only, None),
    ],
)
def test_choices_are_the_same(name, prefix, python, option):
    choices = set(typing.get_args(python))
    rust = {one.removeprefix(f"{name}::") for one in of_rust() if one.startswith(f"{name}::")}
    assert {one.lower() for one in rust} == choices
    c = {one.removeprefix(prefix) for one in of_c() if one.startswith(prefix)}
    assert {one.lower() for one in c} == choices
    if option is None:  # the CLI uses other words
        return
    command, flag = option.split(" ")
    text = re.split(r"\n +(?:-\w, )?--", of_cli()[command].partition(f"{flag} <")[2])[0]
    listed = re.findall(r"\[possible values: ([^\]]+)\]", text)
    values = listed[0].split(", ") if listed else re.findall(r"^ +- (\w+)", text, re.MULTILINE)
    assert set(values) == choices


def test_errors_are_the_same():
    c = {name.removeprefix("TFR_ERR_") for name in of_c() if name.startswith("TFR_ERR_")}
    rust = [name.partition("::")[2] for name in of_rust() if name.startswith("ErrorKind::")]
    kinds = {one for one in rust if one[0].isupper()}
    assert {one.upper() for one in kinds} == {one.replace("_", "") for one in c}
