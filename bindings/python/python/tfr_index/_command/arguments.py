"""The command line: the options of the program, and which of them files at URLs have."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from .output import Usage, parsed_bytes

__all__ = ["OPTIONS", "parse"]

_LOCAL = "copy the files"
#: Options that URLs do not have, and what to do instead.
_REFUSED = {
    "create": {
        "append": "an index of a file at a URL is written as a whole: use --update",
        "allow_empty": "it is meant for streams",
    },
    "cat": {
        "json": "write the records to a file with --frames -o FILE, and use cat --json FILE",
    },
    "manifest": {
        "split": f"dataset_info.json is read from a local directory: {_LOCAL}",
        "tfds": f"the file is written beside local files: {_LOCAL}",
    },
}
_POLICIES = ("auto", "none", "length", "full")

_FLAG: dict[str, Any] = {"action": "store_true"}
_NUMBER: dict[str, Any] = {"type": int, "default": 0}
_WORDS: dict[str, Any] = {"action": "extend", "nargs": "+", "default": []}
_SET: dict[str, dict[str, Any]] = {
    "--pattern": {},
    "--files-from": {},
    "-0 --null": _FLAG,
    "--allow-missing": _FLAG,
    "-q --quiet": _FLAG,
}
_CHECKSUMS: dict[str, dict[str, Any]] = {
    "-c --checksums": {"choices": _POLICIES, "default": "auto"},
}
_THREADS: dict[str, dict[str, Any]] = {"-t --threads": _NUMBER}
_JSON: dict[str, dict[str, Any]] = {"--json": _FLAG}
_INDEX_DIR: dict[str, dict[str, Any]] = {"-i --index": {}}

#: The options of each command: those of the program.
OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "create": {
        **_SET,
        **_CHECKSUMS,
        **_THREADS,
        **_JSON,
        "-o --output": {},
        "-j --jobs": _NUMBER,
        "--shard": {"type": lambda text: tuple(map(int, text.split("/"))), "default": (0, 1)},
        "--salvage": _FLAG,
        "-u --update": _FLAG,
        "--dry-run": _FLAG,
        "--failed": {},
        "--append": _FLAG,
        "--growing": _FLAG,
        "--allow-empty": _FLAG,
        "--sync": _FLAG,
    },
    "check": {
        **_SET,
        **_CHECKSUMS,
        **_THREADS,
        **_JSON,
        "-i --index": _WORDS,
        "-l --level": {"choices": ("quick", "headers", "full"), "default": "quick"},
        "--allow-partial": _FLAG,
    },
    "ls": {**_SET, **_JSON, **_INDEX_DIR},
    "cat": {
        **_SET,
        **_CHECKSUMS,
        **_JSON,
        "-i --index": _WORDS,
        "--frames": _FLAG,
        "--features": {},
        "--bytes": {},
        "--salvage": _FLAG,
        "-o --output": {},
    },
    "manifest": {
        **_SET,
        **_CHECKSUMS,
        **_THREADS,
        **_JSON,
        **_INDEX_DIR,
        "-o --output": {},
        "--refresh": _FLAG,
        "--split": {},
        "--tfds": {},
    },
    "report": {
        **_SET,
        **_CHECKSUMS,
        **_THREADS,
        **_JSON,
        **_INDEX_DIR,
        "-o --output": {},
        "-n --sample": {"type": int, "default": 1000},
        "--seed": _NUMBER,
        "--max-bytes": {"type": parsed_bytes, "default": 2 << 20},
        "--no-values": _FLAG,
    },
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(message)


def parse(arguments: list[str]) -> tuple[str, argparse.Namespace]:
    """The name of the command, and its options; `paths` are the operands.

    The program has parsed the same arguments before.

    Raises:
        Usage: an option is not one for URLs.
    """
    place = next(n for n, argument in enumerate(arguments) if argument in OPTIONS)
    name, rest = arguments[place], arguments[:place] + arguments[place + 1 :]
    parser = _Parser(prog=f"tfr-index {name}", add_help=False, allow_abbrev=False)
    for flags, how in OPTIONS[name].items():
        parser.add_argument(*flags.split(), **how)
    parser.add_argument("paths", nargs="*")
    options = parser.parse_intermixed_args(rest)
    for option, instead in _REFUSED.get(name, {}).items():
        if getattr(options, option):
            flag = "--" + option.replace("_", "-")
            raise Usage(f"{flag} cannot be used with URLs: {instead}")
    return name, options
