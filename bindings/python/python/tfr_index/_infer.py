"""`infer_features`: which features the records of files have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._arguments import integer
from ._errors import TfrWarning, warn
from ._features import Feature, features_of
from ._library import CData, exception_of, lib, make
from ._options import with_options
from ._origin import files_of
from ._remote_shards import RemoteFiles
from ._typing import Checksums, Path

__all__ = ["infer_features"]


def infer_features(
    paths: Path | Iterable[Path],
    records: int | None = 1000,
    *,
    index_dir: Path | None = None,
    pattern: str | None = None,
    allow_missing: bool = False,
    checksums: Checksums = "auto",
    threads: int = 0,
    store: Any = None,
) -> dict[str, Feature]:
    r"""Returns which features `tf.train.Example` records have, as `read_columns` takes them.

    A feature that all records have, with the same number of values, has that shape: one value has
    none. The others are ragged. A feature with values of several kinds has the most frequent one.
    If there is a features.json of TensorFlow Datasets beside local files, and it fits the records,
    it says the shapes. The command `tfr-index features` says more about each feature.

    Args:
        paths: files and patterns, as for `Dataset`.
        records: how many records to read, from all files. None: all records. Of files at URLs, it
            is the most records: the same number of each file is read, as far as it has them.
        index_dir: as for `Dataset`. Files at URLs without an index there are scanned.
        pattern: as for `Dataset`.
        allow_missing: as for `Dataset`.
        checksums: as for `Reader`.
        threads: as for `Reader`. Of files at URLs: how many to open at the same time; 0 means 32.
        store: as for `Dataset`. URLs need none.

    Returns:
        `Bytes`, `Float` and `Int64` by name. A name that is not UTF-8 is `bytes`.

    Raises:
        TfrExampleError: a record is not a `tf.train.Example`.
        TfrFileNotFoundError: no file matches a pattern.
        TfrError: as for `Reader`.

    Warns:
        TfrWarning: an index, or a features.json, was found but is not used; or a sequence is left
            out, because a feature has its name.

    Examples:
        >>> import pathlib, tempfile
        >>> from tfr_index import RecordWriter
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = pathlib.Path(directory, "train.tfrecord")
        ...     with RecordWriter(path) as writer:
        ...         writer.write_examples({"label": [7, 8], "words": [["a"], ["few", "words"]]})
        ...     infer_features(path)
        {'label': Int64(), 'words': Bytes(ragged=True)}
    """
    most = 0 if records is None else integer("records", records, least=1)
    files = files_of(paths, index_dir, pattern=pattern, allow_missing=allow_missing, store=store)

    def infer(options: CData) -> CData:
        if isinstance(files, RemoteFiles):
            return files.infer(most, options)
        return make("features", lib.tfr_features_infer, files, most, options)

    native = with_options(infer, checksums=checksums, progress=None, threads=threads)
    found: dict[Any, Feature] = features_of(native)
    number = 0
    while warning := make("error", lib.tfr_features_warning, native, number):
        warn(TfrWarning(exception_of(warning)))
        number += 1
    return found
