r"""Indexes for TFRecord files: where each record is, so that any of them can be read directly.

    import tfr_index

    count = tfr_index.create_index("train.tfrecord")  # writes train.tfrecord.idx
    index = tfr_index.read_index("train.tfrecord.idx")
    offset, size = index[42]  # the payload: size - 16 bytes from offset + 12

    reader = tfr_index.Reader("train.tfrecord")  # with the index beside it
    payload = reader[42]
    batch = reader.read_many([7, 42, 1])
    train = tfr_index.Dataset("train-*.tfrecord")  # many files as one sequence

Index files are text, one line "offset size" for each record, as NVIDIA DALI reads them.

Paths are `str`, `bytes` or `os.PathLike`. Every error is a `TfrError`, which names file, record and
byte; a missing file is also a `FileNotFoundError`, a bad argument a `ValueError`, and so on. Many
threads may call all functions at once; a call lets other threads run. Ctrl-C stops a scan and
leaves no temporary file.
"""

from . import _exit as _exit
from ._create import create_index, index_bytes, read_index, scan
from ._dataset import Dataset, Place
from ._errors import (
    Skipped,
    TfrCancelled,
    TfrError,
    TfrFileExistsError,
    TfrFileNotFoundError,
    TfrIsADirectoryError,
    TfrMemoryError,
    TfrMismatch,
    TfrNotADirectoryError,
    TfrOSError,
    TfrPermissionError,
    TfrStale,
    TfrValueError,
    TfrWarning,
)
from ._files import find_index
from ._index import Fit, Index
from ._indexer import Indexer
from ._library import VERSION as __version__
from ._payloads import Payloads
from ._reader import Reader
from ._typing import CheckLevel, Checksums, Only, OnSkipped, Progress, Remainder, ShardBy
from ._writer import RecordWriter

__all__ = [
    "CheckLevel",
    "Checksums",
    "Dataset",
    "Fit",
    "Index",
    "Indexer",
    "OnSkipped",
    "Only",
    "Payloads",
    "Place",
    "Progress",
    "Reader",
    "RecordWriter",
    "Remainder",
    "ShardBy",
    "Skipped",
    "TfrCancelled",
    "TfrError",
    "TfrFileExistsError",
    "TfrFileNotFoundError",
    "TfrIsADirectoryError",
    "TfrMemoryError",
    "TfrMismatch",
    "TfrNotADirectoryError",
    "TfrOSError",
    "TfrPermissionError",
    "TfrStale",
    "TfrValueError",
    "TfrWarning",
    "__version__",
    "create_index",
    "find_index",
    "index_bytes",
    "read_index",
    "scan",
]


def __dir__() -> list[str]:
    return __all__
