"""`tfr-index check` for files at URLs."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .._errors import TfrError
from . import files, output
from .files import Members
from .output import count, escaped, fail
from .progress import Progress
from .verdict import Outcome, Total, check_all

__all__ = ["check"]

_INDEX_ENDS = (".idx", ".tfindex")


def check(options: argparse.Namespace, _progress: Progress) -> int:
    """Checks each file, and prints the result."""
    members, is_named = _members(options)
    how = {
        "allow_partial": options.allow_partial,
        "checksums": options.checksums,
        "threads": options.threads,
    }
    total, failed, records, present = Total(), members.lacks_some, 0, 0
    left: list[Outcome] = []
    for outcome in check_all(members, how, options.level):
        total.add(outcome.state)
        records += (outcome.records or 0) if outcome.fit else 0
        listed = outcome.listed
        present += (outcome.records or 0) if listed is None else listed
        _tell(outcome, as_json=options.json)
        if outcome.state == "partial" and not (options.allow_partial or is_named):
            failed = True
            fail(
                f"{outcome.index_path}: leaves out valid records, so readers that find it next to "
                "its data do not use it; create it again, or, if this is intended, name it with "
                "--index"
            )
        if outcome.error is not None:
            failed = True
            fail(outcome.error)
            if outcome.state in ("stale", "of another file"):
                left.append(outcome)
    if total.files > 1 and options.json:
        sums = {**total.members(), "records": records}
        if members.listed_records() is not None:
            sums["listed_records"] = members.listed_records()
        output.report(output.json_line({}, {"total": sums}), is_result=True)
    elif total.files > 1:
        output.report(f"{total}{files.listed_text(members, present)}\n")
    _note_others(left, how)
    return 1 if failed else 0


def _members(options: argparse.Namespace) -> tuple[Members, bool]:
    """The files and their indexes, and whether the indexes are named."""
    given, indexes = files.operands(options), list(options.index)
    if not indexes and len(given) == 2 and given[1].endswith(_INDEX_ENDS):
        indexes = [given.pop()]
    if not indexes:
        found = files.find(options, given, tells_missing=True)
        return found, any(member.index_path is not None for member in found.files)
    if len(indexes) == 1 and (indexes[0].endswith("/") or os.path.isdir(indexes[0])):
        found = files.find(options, given, tells_missing=True)
        return files.with_index_dir(found, indexes[0]), True
    found = files.find(options, given, allow_repeated=True)
    return files.with_indexes(found, indexes), True


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    """Prints the result for one file."""
    path, fit = outcome.member.path, outcome.fit
    if as_json:
        members: dict[str, Any] = {"state": outcome.state.code}
        if fit is None and outcome.error is not None:
            members["error"] = output.error_fields(outcome.error)
        elif fit is not None:
            names = "uncovered_bytes", "reordered", "repeated", "checksums_skipped"
            members["records"] = outcome.records
            members |= {name: getattr(fit, name) for name in names}
        paths = {"path": path, "index": outcome.index_path}
        output.report(output.json_line(paths, members), is_result=True)
        return
    if fit is None or outcome.records is None:
        output.report(f"{escaped(path)}: {outcome.state}\n")
        return
    is_damage = outcome.state == "damage left out"
    notes = count(outcome.records, "record")
    if fit.uncovered_bytes:
        notes += f", {fit.uncovered_bytes} bytes {'of damage ' if is_damage else ''}left out"
    notes += ", reordered" if fit.reordered else ""
    notes += ", some repeated" if fit.repeated else ""
    notes += ", no checksums" if fit.checksums_skipped else ""
    output.report(f"{escaped(path)}: {'ok' if is_damage else outcome.state} ({notes})\n")


def _note_others(left: list[Outcome], how: dict[str, Any]) -> None:
    """Says which indexes that do not fit are those of others of the files."""
    for outcome in left:
        index = outcome.index
        if index is None or len(index) == 0:
            continue
        end = max(map(sum, zip(index.offsets, index.sizes, strict=True)))
        for other in left:
            if other.file is None or other.size != end:
                continue
            try:
                index.check(other.file, **how)
            except TfrError:
                continue
            output.note(f"note: {outcome.index_path} fits {other.member.path}")
            break
