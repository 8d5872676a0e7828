"""How an index fits its data at a URL, or why it does not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from .._create import read_index
from .._errors import TfrError, TfrFileNotFoundError, TfrMismatch, with_path
from .._index import Fit, Index
from .._indexer import Indexer
from .._remote import RemoteFile
from .files import Member, Members
from .output import Failure

__all__ = ["FINE", "Outcome", "State", "Total", "check_all", "index_at"]

#: Files that are checked at the same time. Each check has many requests in flight.
_AT_ONCE = 16
_DAMAGE = {
    f"TFR_ERR_{kind}" for kind in ("TRUNCATED", "COMPRESSED", "LENGTH", "LENGTH_CRC", "PAYLOAD_CRC")
}


class State(str):
    """The state of a file and its index, in a word."""

    @property
    def code(self) -> str:
        """The state as a JSON code."""
        codes = {"-": "index", "of another file": "other_file", "not an index": "invalid_index"}
        return codes.get(self) or re.sub("[^a-z0-9]", "_", self.lower())

    @staticmethod
    def of_error(error: Exception) -> State:
        """The state of a file whose index, or data, has this error."""
        status = getattr(error, "status", None)
        if status == "TFR_ERR_NOT_TFRECORD":
            format = getattr(error, "format", None)
            is_other = format is not None and not format.startswith("TFRecord")
            return State(format if is_other else "not TFRecord")
        known = {
            "TFR_ERR_STALE": "stale",
            "TFR_ERR_MISMATCH": "of another file",
            "TFR_ERR_INVALID_INDEX": "not an index",
        }
        return State("damaged" if status in _DAMAGE else known.get(str(status), "unreadable"))


#: The states in which a reader gets all valid records, and finds no damage.
FINE = {"ok", "damage left out", "-"}


@dataclass
class Outcome:
    """The result of a check.

    Attributes:
        state: how the index fits.
        member: the file.
        index_path: where the index is; None: nowhere.
        records: the number of records in the index, if it could be read.
        listed: the number of records that a manifest says, if the file is what it says.
        fit: how the index fits; None if it does not.
        error: why the index does not fit.
        size: that of the file, if it could be opened.
        index: the index, if it could be read.
    """

    state: State
    member: Member
    index_path: str | None = None
    records: int | None = None
    listed: int | None = None
    fit: Fit | None = None
    error: Exception | None = None
    size: int | None = None
    index: Index | None = None
    file: RemoteFile | None = None


def index_at(path: str) -> Index:
    """The index at a URL, in a file or on stdin."""
    if path == "-":
        return Index.from_text(sys.stdin.buffer.read())
    return read_index(path)


def check_all(members: Members, how: dict[str, Any], level: Any = "quick") -> Iterator[Outcome]:
    """Checks the indexes of many files at the same time; yields the outcomes in order."""
    with ThreadPoolExecutor(max(1, min(_AT_ONCE, len(members.files)))) as threads:
        try:
            yield from threads.map(lambda one: _compared(_check(one, level, how)), members.files)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise


def _check(member: Member, level: Any, how: dict[str, Any]) -> Outcome:
    path = member.path
    outcome = Outcome(State("unreadable"), member)
    try:
        file = outcome.file = RemoteFile(path)
        outcome.size = file.size
    except TfrError as error:
        outcome.error = error
        return outcome
    index_path = member.index_path or f"{path}.idx"
    try:
        if member.lacks_index and member.index_path is None:
            raise TfrFileNotFoundError("", path=index_path, errno=2)
        outcome.index = index_at(index_path)
    except TfrFileNotFoundError as error:
        if member.is_given:
            outcome.index_path, outcome.error = index_path, error
            return outcome
        missing = (
            error
            if member.index_path is not None
            else Failure(f"{path}: has no index; create it, or name it with --index")
        )
        outcome.error = _what_else(file) or missing
        is_missing = outcome.error is missing
        outcome.state = State("no index") if is_missing else State.of_error(outcome.error)
        return outcome
    except TfrError as error:
        outcome.index_path = index_path
        outcome.error, outcome.state = error, State.of_error(error)
        return outcome
    outcome.index_path, outcome.records = index_path, len(outcome.index)
    try:
        fit = outcome.fit = outcome.index.check(file, level, **how)
    except TfrError as error:
        outcome.state = State.of_error(error)
        outcome.error = with_path(error, path)
        if isinstance(error, TfrMismatch):
            outcome.error = _prefixed(outcome.error, index_path)
        return outcome
    if fit.partial:
        outcome.state = State("partial")
    else:
        outcome.state = State("damage left out" if fit.uncovered_bytes else "ok")
    return outcome


def _prefixed(error: TfrError, what: str) -> TfrError:
    return type(error)(f"{what}: {error}", *error.args[1:])


def _what_else(file: RemoteFile) -> TfrError | None:
    """The error of the first record, if the data is not TFRecord."""
    if file._looks_compressed():
        return None
    indexer = Indexer()
    try:
        indexer.push(file.pread(4096, 0))
        indexer.finish()
    except TfrError as error:
        if error.status == "TFR_ERR_NOT_TFRECORD":
            return with_path(error, file.path)
    return None


def _compared(outcome: Outcome) -> Outcome:
    """The outcome if the file is what a manifest says of it; otherwise, in what it differs."""
    listed, file = outcome.member.listed, outcome.file
    if listed is None or State.of_error(outcome.error or Exception()) == "damaged":
        return outcome
    if isinstance(outcome.error, TfrFileNotFoundError) and file is None:
        error = listed.explain(outcome.error)
        return replace(outcome, state=State("missing"), error=error)
    if file is None or getattr(outcome.error, "status", None) == "TFR_ERR_NOT_TFRECORD":
        return outcome
    is_used = outcome.state in FINE and outcome.fit is not None and not outcome.fit.repeated
    try:
        listed.ensure_same(outcome.member.path, file.size, file.etag)
        if is_used and outcome.records is not None:
            listed.ensure_count(outcome.member.path, outcome.records)
    except TfrMismatch as error:
        records = outcome.records if outcome.state in FINE else None
        return replace(outcome, state=State("changed"), error=error, fit=None, records=records)
    return replace(outcome, listed=listed.row.records)


class Total:
    """The number of files in each state."""

    def __init__(self) -> None:
        self._states: dict[State, int] = {}

    def add(self, state: State) -> None:
        self._states[state] = self._states.get(state, 0) + 1

    def members(self) -> dict[str, Any]:
        """The members of a JSON object."""
        states = {state.code: number for state, number in self._states.items()}
        return {"files": self.files, "states": states}

    @property
    def files(self) -> int:
        return sum(self._states.values())

    def __str__(self) -> str:
        words = ((number, "index" if state == "-" else state) for state, number in self)
        return f"{self.files} files: {', '.join(f'{number} {word}' for number, word in words)}"

    def __iter__(self) -> Iterator[tuple[State, int]]:
        return iter(self._states.items())
