"""`tfr-index manifest` for files at URLs."""

from __future__ import annotations

import argparse
from typing import Any

from .._errors import TfrFileNotFoundError
from .._manifest import Changes, Manifest
from . import files, output
from .output import count, escaped
from .progress import Progress

__all__ = ["manifest"]


def manifest(options: argparse.Namespace, progress: Progress) -> int:
    """Writes the manifest of a data set, or brings it up to date."""
    out = options.output
    given = files.operands(options)
    files.ensure_remote_indexes(options)
    progress.interrupted = lambda: f"{out}: interrupted"
    old = _old(out)
    how: dict[str, Any] = {"checksums": options.checksums, "threads": options.threads}
    changes: Changes | None = None
    if options.refresh and old is None and not given:
        raise output.Failure(f"{out}: there is no manifest to refresh: give its files")
    if options.refresh and old is not None and not given:
        result = old
        try:
            changes = result.refresh(
                None, index_dir=options.index, allow_missing=options.allow_missing, **how
            )
        except TfrFileNotFoundError as error:
            if options.index:
                raise
            raise output.Failure(
                f"{output.words(str(error))}; {escaped(out)} lists this shard: give the paths of "
                "the set again, or use --allow-missing"
            ) from None
    else:
        if any(path.endswith(".json") for path in given):
            given = files.find(options, given).paths
        files.ensure_urls(given)
        how |= {"pattern": options.pattern, "allow_missing": options.allow_missing}
        if options.refresh and old is not None:
            result = old
            changes = result.refresh(given, index_dir=options.index, **how)
        else:
            result = Manifest.build(given, index_dir=options.index, **how)
    if changes is None or any(changes):
        result.write(out)
    progress.interrupted = None
    _report(out, result, changes, as_json=options.json)
    return 0


def _old(path: str) -> Manifest | None:
    """The manifest that would be replaced. Raises TfrValueError if a file there is not one."""
    try:
        return Manifest.read(path)
    except TfrFileNotFoundError:
        return None


def _report(out: str, result: Manifest, changes: Changes | None, *, as_json: bool) -> None:
    found = changes or Changes([], [], [], [], False)
    if as_json:
        members = {
            "shards": len(result),
            "records": result.total_records,
            "bytes": sum(row.bytes for row in result),
            **{
                name: [output.encoded(path).decode() for path in getattr(found, name)]
                for name in ("added", "changed", "gone", "indexed")
            },
            "reordered": found.reordered,
        }
        output.report(output.json_line({"path": out}, members), is_result=True)
        return
    text = "".join(
        f"{what}: {escaped(path)}\n"
        for what in ("added", "changed", "gone", "indexed")
        for path in getattr(found, what)
    )
    records, shards = count(result.total_records, "record"), count(len(result), "shard")
    if changes is None:
        end = ""
    elif not any(changes):
        end = ", up to date"
    else:
        end = ", reordered" if changes.reordered else ", refreshed"
    output.report(f"{text}{escaped(out)}: {records} in {shards}{end}\n")
