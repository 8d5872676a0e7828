"""The standard streams, and what the command prints there. An error while printing is not lost."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import sys
import threading
import warnings
from typing import Any

from .._errors import Skipped, TfrWarning

__all__ = [
    "Failure",
    "Usage",
    "begin",
    "count",
    "decimal_bytes",
    "encoded",
    "error_fields",
    "escaped",
    "fail",
    "is_quiet",
    "json_line",
    "note",
    "parsed_bytes",
    "report",
    "skipped_text",
    "system_error",
    "words",
    "write",
]

#: Control characters, and those that end a line or change the direction of the text around them.
_UNPRINTABLE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
#: What errors call options, and what the command line calls them.
_WORDS = {
    "checksum policy none": "--checksums none",
    "option allow_partial": "--allow-partial",
    'checksums="none"': "--checksums none",
    "allow_partial=True": "--allow-partial",
    "pass allow_missing=True": "use --allow-missing",
    "pass pattern=": "use --pattern",
    ", or pass a store": "",
    'pass RemoteFile(url, fsspec.filesystem("https"))': "copy the file",
    "pass RemoteFile(url, fsspec.filesystem('https'))": "copy the file",
    "pass the URLs of all files": "give the URLs of all files",
}


class Failure(Exception):
    """The command has failed, but for the reason in the text (exit status 1)."""


class Usage(Exception):
    """The command line is wrong (exit status 2)."""


class _State:
    """What is printed, and whether stdout can still be written."""

    quiet = False
    closed = False


_printing = threading.Lock()


def begin(*, quiet: bool) -> None:
    """Prepares the streams."""
    _State.quiet = quiet
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    warnings.simplefilter("always", TfrWarning)


def is_quiet() -> bool:
    """Whether only errors and results are printed."""
    return _State.quiet


def write(data: bytes) -> bool:
    """Writes to standard output. Returns False if the reader of the pipe has ended, which is no
    error.

    Raises:
        Failure: it cannot be written.
    """
    if _State.closed:
        return False
    if sys.stdout is None:  # it was closed; another file may have its number now
        raise Failure("cannot write to standard output: Bad file descriptor (os error 9)")
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(1, rest) :]
    except BrokenPipeError:
        _State.closed = True
        return False
    except OSError as error:
        raise Failure(f"cannot write to standard output: {system_error(error)}") from None
    return True


def report(text: str, *, is_result: bool = False) -> None:
    """Prints what was done, unless --quiet is set; a result in any case."""
    if is_result or not _State.quiet:
        write(encoded(text))


def note(line: str) -> None:
    """Prints a line on stderr, and ignores errors."""
    if sys.stderr is None:
        return
    with _printing, contextlib.suppress(OSError):
        os.write(2, encoded(escaped(line) + "\n"))


def fail(error: object) -> int:
    """Prints an error. Returns the exit status."""
    note(f"error: {words(str(error))}")
    return 1


def words(message: str) -> str:
    """A message in the words of the command line."""
    for python, command in _WORDS.items():
        message = message.replace(python, command)
    return message


def escaped(text: str) -> str:
    """A text on one line, and without characters that terminals obey."""
    return _UNPRINTABLE.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    short = {"\t": "\\t", "\r": "\\r", "\n": "\\n"}
    return short.get(character) or f"\\u{{{ord(character):x}}}"


def encoded(text: str) -> bytes:
    """A text in UTF-8. Bytes of arguments that are not UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def system_error(error: OSError) -> str:
    """An error of the system, as the program prints it."""
    return f"{error.strerror} (os error {error.errno})"


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def decimal_bytes(size: int) -> str:
    """A number of bytes, such as 159.88 kB."""
    if size < 1000:
        return f"{size} B"
    power = min((len(str(size)) - 1) // 3, 6)
    return f"{size / 1000**power:.2f} {' kMGTPE'[power]}B"


def parsed_bytes(text: str) -> int:
    """The number of bytes that a text such as 10MB means."""
    digits = text.rstrip("".join(set(text) - set("0123456789")))
    unit = text[len(digits) :].lower().removesuffix("b")
    base, power = (1024, unit[:-1]) if unit.endswith("i") else (1000, unit)
    return int(digits) * int(base ** ["", *"kmgt"].index(power))


def skipped_text(path: str, skipped: Skipped) -> str:
    """What to say of a region that a scan skips."""
    size = skipped.end - skipped.start
    if skipped.incomplete_tail:
        return (
            f"{path}: skipped the last {size} bytes, from byte {skipped.start}: the record is not "
            "complete yet"
        )
    error = skipped.error if skipped.error.path else f"{path}: {skipped.error}"
    return (
        f"{error}; skipped bytes {skipped.start} to {skipped.end} ({size} bytes), after "
        f"{skipped.record} good records"
    )


def json_line(paths: dict[str, str | None], members: dict[str, Any]) -> str:
    """A line with a JSON object, with paths: as text and, if they are not UTF-8, in Base64."""
    line = dict(members)
    for key, path in paths.items():
        line[key] = None if path is None else encoded(path).decode()
        if path is not None and any("\udc80" <= character <= "\udcff" for character in path):
            line[f"{key}_bytes"] = base64.b64encode(os.fsencode(path)).decode()
    text = json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def error_fields(error: Exception) -> dict[str, Any]:
    """The members of an error."""
    names = "record", "offset", "format", "stored_crc", "computed_crc"
    return {
        "status": getattr(error, "status", None),
        "message": words(str(error)),
        **{name: getattr(error, name, None) for name in names},
    }


def _show_warning(warning: Any, *_where: object, **_more: object) -> None:
    """Prints a warning of this package, and no other."""
    if isinstance(warning, TfrWarning):
        note(f"warning: {words(str(warning))}")
