"""`report`: what is in a data set, on one page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, final

from ._arguments import integer
from ._library import CData, call, encode_path, ffi, lib, make
from ._options import with_options
from ._origin import files_of
from ._remote_shards import RemoteFiles
from ._typing import Checksums, Path, Progress

__all__ = ["Report", "report"]


@final
class Report:
    """What `report` found.

    Any number of threads may use it at the same time.
    """

    __slots__ = ("__weakref__", "_native")

    _native: CData

    def __init__(self) -> None:
        raise TypeError("make a Report with tfr_index.report()")

    @classmethod
    def _of(cls, native: CData) -> Report:
        made = cls.__new__(cls)
        made._native = native
        return made

    def to_html(self) -> str:
        """Returns the page: one HTML file that needs no other, and no network."""
        return _text(lib.tfr_report_to_html, self._native)

    def to_dict(self) -> dict[str, Any]:
        """Returns the same facts for programs, as `tfr-index report --json` prints them."""
        facts: dict[str, Any] = json.loads(self._json())
        return facts

    def _json(self) -> str:
        return _text(lib.tfr_report_to_json, self._native)

    def write(self, path: Path) -> None:
        """Writes the page, completely or not at all.

        Args:
            path: the file. An older report is replaced, but no other file.

        Raises:
            TfrValueError: the path is that of a file that is no report.
            TfrOSError: the file cannot be written.
        """
        call(lib.tfr_report_write, self._native, encode_path(path))

    def __repr__(self) -> str:
        total = self.to_dict()["total"]
        return f"<tfr_index.Report of {total['records']} records in {total['files']} files>"


def report(
    paths: Path | Iterable[Path],
    path: Path | None = None,
    *,
    index_dir: Path | None = None,
    pattern: str | None = None,
    allow_missing: bool = False,
    sample: int = 1000,
    seed: int = 0,
    max_bytes: int = 2 << 20,
    values: bool = True,
    checksums: Checksums = "auto",
    progress: Progress | None = None,
    threads: int = 0,
    store: Any = None,
) -> Report:
    r"""Finds out what is in a data set, and writes it to a page of HTML.

    The page shows how many records there are and how large they are, the state of each file and its
    index, damaged regions and what to do, the features of `tf.train.Example` records with the
    distribution of their values, some records with their pictures, and code that reads this very
    set. It needs no network.

    Reads each record's header, or the index instead if it fits, and a random sample of the records.
    Damage is skipped, and a file that fails does not stop the others: the report says why. No index
    is written.

    Args:
        paths: files, directories and patterns, as for `Dataset`.
        path: where to write the page, as `Report.write` does. None: nowhere.
        index_dir: a directory with the indexes, as for `Dataset`.
        pattern: as for `Dataset`.
        allow_missing: as for `Dataset`.
        sample: how many random records to read, to find out which features they have. The page
            shows some of them.
        seed: chooses the records: the same ones each time.
        max_bytes: the most bytes of pictures in the page, all together.
        values: whether the report may have values of records. If not, it has the names, kinds,
            numbers and sizes of features, and nothing that was computed from their values.
        checksums: as for `create_index`. "full" reads and checks every payload.
        progress: as for `create_index`, of all files together.
        threads: how many files to look at at the same time. 0 chooses.
        store: as for `Dataset`. URLs need none.

    Returns:
        A `Report`.

    Raises:
        TfrFileNotFoundError: no file matches a pattern.
        TfrValueError: an argument is invalid, a file is given twice, or `path` is that of a file
            that is no report.
        TfrCancelled: `progress` returned a true value.

    Examples:
        >>> import pathlib, tempfile
        >>> from tfr_index import RecordWriter
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     train = pathlib.Path(directory, "train.tfrecord")
        ...     with RecordWriter(train) as writer:
        ...         writer.write_examples({"label": [7, 8, 8]})
        ...     facts = report(train, f"{directory}/report.html").to_dict()
        >>> facts["total"]["records"], facts["sample"]["features"][0]["frequent"]
        (3, [{'value': 8, 'count': 2}, {'value': 7, 'count': 1}])
    """
    most = integer("sample", sample)
    numbers = integer("seed", seed), integer("max_bytes", max_bytes), bool(values)
    files = files_of(paths, index_dir, pattern=pattern, allow_missing=allow_missing, store=store)

    def look(options: CData) -> CData:
        if isinstance(files, RemoteFiles):
            return files.report((most, *numbers), options)
        return make("report", lib.tfr_report_new, files, most, *numbers, options)

    made = Report._of(with_options(look, checksums=checksums, progress=progress, threads=threads))
    if path is not None:
        made.write(path)
    return made


def _text(function: CData, native: CData) -> str:
    return bytes(ffi.string(make("text", function, native))).decode()
