"""`tfr-index ls` for files at URLs."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from .._errors import TfrError
from . import files, output
from .files import Member, Members
from .progress import Progress
from .verdict import FINE, Outcome, State, Total, check_all, index_at

__all__ = ["ls"]

_HEAD = "     records            bytes  index            file\n"
_GREEN, _YELLOW, _RED = 32, 33, 31


def ls(options: argparse.Namespace, _progress: Progress) -> int:
    """Lists files, with the records, the bytes, and how the index fits."""
    given = files.operands(options)
    is_index = [path.endswith((".idx", ".tfindex")) for path in given]
    if any(is_index) and not all(is_index):
        raise output.Usage("indexes and files at URLs need a command for each")
    outcomes: Iterator[Outcome]
    if any(is_index):
        members = Members([Member(path) for path in given], False)
        outcomes = map(_of_index, members.files)
    else:
        found = files.find(options, given, tells_missing=True)
        members = files.with_index_dir(found, options.index)
        outcomes = check_all(members, {})
    if not options.json:
        output.report(_HEAD, is_result=True)
    total, failed, size = Total(), members.lacks_some, 0
    records: int | None = 0
    for outcome in outcomes:
        state, file_size = outcome.state, outcome.size
        total.add(state)
        failed |= not _is_fine(outcome)
        if file_size is None and state == "missing":
            file_size = 0
        if file_size is None:  # it cannot be opened
            records = None
            output.fail(outcome.error)
            if options.json and outcome.error is not None:
                fields = {"error": output.error_fields(outcome.error)}
                line = output.json_line({"path": outcome.member.path}, fields)
                output.report(line, is_result=True)
            continue
        known = _records(outcome)
        records = None if records is None or known is None else records + known
        size += file_size
        _tell(outcome, known, file_size, as_json=options.json)
    if total.files > 1:
        _sum_up(members, total, records, size, as_json=options.json)
    return 1 if failed else 0


def _of_index(member: Member) -> Outcome:
    """The outcome of an index, without data."""
    try:
        index = index_at(member.path)
    except TfrError as error:
        return Outcome(State.of_error(error), member, error=error)
    return Outcome(State("-"), member, records=len(index), size=sum(index.sizes))


def _is_fine(outcome: Outcome) -> bool:
    is_named = outcome.member.index_path is not None
    return outcome.state in FINE or (outcome.state == "partial" and is_named)


def _records(outcome: Outcome) -> int | None:
    """The number of records, if a reader uses the index, or a manifest says it."""
    if outcome.state == "missing":
        return 0
    is_used = _is_fine(outcome) or outcome.state in ("damaged", "changed")
    return outcome.records if is_used and outcome.records is not None else outcome.listed


def _tell(outcome: Outcome, records: int | None, size: int, *, as_json: bool) -> None:
    if as_json:
        members = {"records": records, "bytes": size, "state": outcome.state.code}
        text = output.json_line({"path": outcome.member.path}, members)
    else:
        text = _line(records, size, outcome.state, output.escaped(outcome.member.path))
    output.report(text, is_result=True)


def _sum_up(
    members: Members, total: Total, records: int | None, size: int, *, as_json: bool
) -> None:
    if not as_json:
        text = f"{total}{files.listed_text(members, records)}"
        output.report(_line(records, size, None, text), is_result=True)
        return
    sums = {**total.members(), "records": records, "bytes": size}
    if members.listed_records() is not None:
        sums["listed_records"] = members.listed_records()
    output.report(output.json_line({}, {"total": sums}), is_result=True)


def _line(records: int | None, size: int, state: State | None, name: str) -> str:
    number = "?" if records is None else str(records)
    word = _colored(f"{state or '':<15}", state)
    return f"{number:>12} {size:>16}  {word}  {name}\n"


def _colored(text: str, state: State | None) -> str:
    """A state, in a colour if stdout is a terminal and NO_COLOR is not set."""
    if state in (None, "-") or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    yellow = ("partial", "stale", "of another file", "no index")
    color = _GREEN if state in FINE else _YELLOW if state in yellow else _RED
    return f"\x1b[{color}m{text}\x1b[0m"
