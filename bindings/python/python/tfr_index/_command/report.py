"""`tfr-index report` for files at URLs."""

from __future__ import annotations

import argparse

from .._remote import is_url
from .._report import report
from . import files, output
from .progress import Progress

__all__ = ["write_report"]


def write_report(options: argparse.Namespace, progress: Progress) -> int:
    """Writes a page that shows what is in a data set."""
    to_stdout = options.output == "-"
    if is_url(options.output):
        message = "is a URL: write the page to a local file, and upload it"
        raise output.Usage(f"{options.output}: {message}")
    files.ensure_remote_indexes(options)
    progress.interrupted = lambda: "interrupted, nothing was written"
    found = files.find(options, files.operands(options), tells_missing=True)

    def show(done: int, total: int, _records: int) -> None:
        progress.show(lambda: f"{output.decimal_bytes(done)} of {output.decimal_bytes(total)}")

    made = report(
        found.paths,
        index_dir=options.index,
        sample=options.sample,
        seed=options.seed,
        max_bytes=options.max_bytes,
        values=not options.no_values,
        checksums=options.checksums,
        progress=show,
        threads=options.threads,
    )
    progress.interrupted = None
    facts = made.to_dict()
    for file in facts["files"]:
        if file["failed"] and file["error"]:
            output.fail(file["error"]["message"])
    if options.output and not to_stdout:
        made.write(options.output)
    if to_stdout:
        output.report(made.to_html(), is_result=True)
    elif options.json:
        output.report(made._json(), is_result=True)
    total = facts["total"]
    failed, regions = total["failed"], total["damaged_regions"]
    if not (to_stdout or options.json):
        text = f"{output.escaped(options.output)}: {output.count(len(found.files), 'file')}"
        text += f", {failed} failed" * (failed > 0)
        text += f", {output.count(regions, 'damaged region')}" * (regions > 0)
        output.report(f"{text}\n")
    if failed or found.lacks_some:
        return 1
    return 3 if regions else 0
