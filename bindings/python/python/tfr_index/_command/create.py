"""`tfr-index create` for files at URLs."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from typing import Any

from .._errors import Skipped
from .._remote import is_url
from .._remote_create import Done, RemoteWork, create_on_threads, work_on
from .._remote_fetch import Fetch
from .._remote_shards import index_urls
from . import files, output
from .output import count, escaped, words
from .progress import Progress

__all__ = ["create"]

_ELSEWHERE = "give a path with -o, outside the log directory"


def create(options: argparse.Namespace, progress: Progress) -> int:
    """Creates indexes, many at the same time, and says what was done with each file, in order."""
    found = files.find(options, files.operands(options))
    to_stdout = options.output == "-"
    if to_stdout and len(found.files) > 1:
        raise output.Usage("several indexes need a directory, but - is not one")
    if to_stdout and (options.update or options.dry_run or options.failed or options.json):
        raise output.Usage(
            "--update, --dry-run, --failed and --json need an index file, not stdout"
        )
    with tempfile.TemporaryDirectory() as directory:
        stdout = os.path.join(directory, "index.idx") if to_stdout else None
        work = _work(found.files, stdout or options.output)
        number, parts = options.shard
        return _Creation(options, progress, work[number::parts], stdout).run()


def _work(found: list[files.Member], out: str | None) -> list[RemoteWork]:
    """The files, and their indexes."""
    files = [file.as_found() for file in found]
    if out is not None:
        is_directory = len(files) > 1 or out.endswith("/")
        is_directory |= not is_url(out) and os.path.isdir(out)
        places = index_urls(files, out) if is_directory else [out]
        return [work_on(file, place, None) for file, place in zip(files, places, strict=True)]
    return [
        work_on(file, member.index_path, None)
        if member.index_path is not None
        else work_on(file, f"{file.path}.idx", file.beside, is_missing=file.lacks_index)
        for file, member in zip(files, found, strict=True)
    ]


class _Creation:
    """The work on all files, and its totals."""

    def __init__(
        self,
        options: argparse.Namespace,
        progress: Progress,
        work: list[RemoteWork],
        stdout: str | None,
    ) -> None:
        self._options, self._progress, self._work, self._stdout = options, progress, work, stdout
        self._failed: list[str] = []
        self._created = self._planned = self._up_to_date = 0
        self._done = self._records = self._bytes = self._regions = 0

    def run(self) -> int:
        options, work = self._options, self._work
        settings: dict[str, Any] = {
            "update": options.update,
            "dry_run": options.dry_run,
            "checksums": options.checksums,
            "threads": options.threads,
            "salvage": options.salvage,
            "allow_incomplete_tail": options.growing,
            "sync": options.sync,
            "fetch": Fetch(),
        }

        def tell_skipped(path: str, skipped: Skipped) -> None:
            output.note(words(output.skipped_text(path, skipped)))

        self._progress.interrupted = self._interrupted
        results = create_on_threads(work, None, settings, options.jobs, tell_skipped=tell_skipped)
        with contextlib.closing(results):
            for one, done in zip(work, results, strict=True):
                self._tell(one, done)
                self._done += 1
                if not options.json:
                    self._progress.show(self._so_far)
        self._progress.interrupted = None
        self._sum_up()
        if options.failed is not None:
            _write_list(options.failed, self._failed, b"\0" if options.null else b"\n")
        if self._failed:
            return 1
        return 3 if self._regions else 0

    def _tell(self, work: RemoteWork, done: Done) -> None:
        """Says what was done with a file."""
        path, index = work.path, work.index_path
        records, size, regions, error, planned = done
        self._records += records or 0
        self._bytes += size
        self._regions += regions
        if error is not None:
            if error.status == "TFR_ERR_INVALID_ARGUMENT" and "tfevents" in index:
                error = type(error)(f"{error}; {_ELSEWHERE}", *error.args[1:])
            self._failed.append(path)
            output.fail(error)
            if self._options.json:
                fields = {"error": output.error_fields(error)}
                output.report(output.json_line({"path": path}, fields), is_result=True)
            return
        self._created += records is not None
        self._planned += planned
        self._up_to_date += records is None and not planned
        if self._options.json:
            members = {
                "records": records,
                "damaged_regions": None if records is None else regions,
                "up_to_date": records is None and not planned,
            }
            line = output.json_line({"path": path, "index": index}, members)
            output.report(line, is_result=True)
        elif planned:
            text = f"{escaped(path)}: would create {escaped(index)}\n"
            output.report(text, is_result=True)
        elif records is not None and self._stdout:
            with open(self._stdout, "rb") as file:
                while piece := file.read(1 << 20):
                    output.write(piece)
        elif records is not None:
            skipped = f", {count(regions, 'damaged region')} skipped" if regions else ""
            text = f"{escaped(path)}: {count(records, 'record')} -> {escaped(index)}{skipped}\n"
            output.report(text)

    def _sum_up(self) -> None:
        """Prints the totals."""
        files = len(self._work)
        if self._options.json or files == 0:
            return
        if files == 1:
            output.report("1 up to date\n" if self._up_to_date else "")
            return
        parts = []
        if self._created:
            size = output.decimal_bytes(self._bytes)
            parts.append(f"{self._created} created ({self._records} records, {size})")
        others = [
            (self._planned, "to create"),
            (self._up_to_date, "up to date"),
            (len(self._failed), "failed"),
        ]
        parts += [f"{number} {what}" for number, what in others if number]
        output.report(f"{files} files: {', '.join(parts)}\n")

    def _so_far(self) -> str:
        size = output.decimal_bytes(self._bytes)
        return f"{self._done} of {len(self._work)} files, {self._records} records, {size}"

    def _interrupted(self) -> str:
        if len(self._work) == 1:
            return f"{self._work[0][0]}: interrupted"
        are = "is" if self._done == 1 else "are"
        rest = "to do the rest, use the same command with --update"
        return f"interrupted: {self._done} of {len(self._work)} files {are} done; {rest}"


def _write_list(path: str, failed: list[str], end: bytes) -> None:
    """Writes the list of files that failed, which appears complete or not at all."""
    temporary = os.path.join(os.path.dirname(path), f".tfr-index.{os.getpid()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.writelines(os.fsencode(one) + end for one in failed)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise output.Failure(f"{path}: {output.system_error(error)}") from None
