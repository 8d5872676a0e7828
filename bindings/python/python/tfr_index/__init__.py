"""Indexes for TFRecord files: the offset and size of every record, so that any record can be read.

    import tfr_index

    count = tfr_index.create_index("train.tfrecord")  # writes train.tfrecord.idx
    index = tfr_index.read_index("train.tfrecord.idx")
    offset, size = index[42]  # the payload: size - 16 bytes from offset + 12

    reader = tfr_index.Reader("train.tfrecord")  # uses the index beside the file
    payload = reader[42]
    batch = reader.read_many([7, 42, 1])
    train = tfr_index.Dataset("train-*.tfrecord")  # many files as one sequence

Index files are text with one line `offset size` for each record, the format of NVIDIA DALI.

Paths are `str`, `bytes` or `os.PathLike`. Every error is a `TfrError` that names file, record and
byte; a missing file is also a `FileNotFoundError`, an invalid argument a `ValueError`, and so on.
Any number of threads may call all functions at the same time, and a call lets other threads run.
Ctrl-C stops a scan and leaves no temporary file.
"""

from types import FunctionType as _FunctionType

from . import _exit as _exit
from ._batches import Batches
from ._bytes_column import BytesColumn
from ._cache import cache_bytes, set_cache_bytes
from ._columns import Columns, decode_examples
from ._create import create_index, index_bytes, read_index, scan
from ._create_indexes import Created, create_indexes
from ._dataset import Dataset
from ._encode import encode_example
from ._errors import (
    Skipped,
    TfrCancelled,
    TfrError,
    TfrExampleError,
    TfrFeatureError,
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
from ._features import Bytes, Feature, Float, Int64
from ._files import find_index
from ._handle import Place, Skips
from ._index import Fit, Index
from ._indexer import Indexer
from ._infer import infer_features
from ._library import VERSION as __version__
from ._manifest import Changes, Manifest
from ._manifest_row import ManifestRow
from ._order import Order, Permutation
from ._payloads import Payloads
from ._ragged import Ragged
from ._reader import Reader
from ._remote import RemoteFile
from ._report import Report, report
from ._reshard import reshard
from ._sampler import Sampler
from ._source import GzipSource
from ._typing import (
    CheckLevel,
    Checksums,
    Compression,
    OnError,
    Only,
    OnSkipped,
    Progress,
    ReadMode,
    Remainder,
    ShardBy,
)
from ._writer import RecordWriter

__all__ = [
    "Batches",
    "Bytes",
    "BytesColumn",
    "Changes",
    "CheckLevel",
    "Checksums",
    "Columns",
    "Compression",
    "Created",
    "Dataset",
    "Feature",
    "Fit",
    "Float",
    "GzipSource",
    "Index",
    "Indexer",
    "Int64",
    "Manifest",
    "ManifestRow",
    "OnError",
    "OnSkipped",
    "Only",
    "Order",
    "Payloads",
    "Permutation",
    "Place",
    "Progress",
    "Ragged",
    "ReadMode",
    "Reader",
    "RecordWriter",
    "Remainder",
    "RemoteFile",
    "Report",
    "Sampler",
    "ShardBy",
    "Skipped",
    "Skips",
    "TfrCancelled",
    "TfrError",
    "TfrExampleError",
    "TfrFeatureError",
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
    "cache_bytes",
    "create_index",
    "create_indexes",
    "decode_examples",
    "encode_example",
    "find_index",
    "index_bytes",
    "infer_features",
    "read_index",
    "report",
    "reshard",
    "scan",
    "set_cache_bytes",
]


def __dir__() -> list[str]:
    return __all__


def _publish() -> None:
    """Makes help(), tracebacks and pickles say `tfr_index.Reader`, without the private module."""
    for name in __all__:
        public = globals()[name]
        if isinstance(public, (type, _FunctionType)):
            public.__module__ = __name__
            for member in vars(public).values():  # doctest looks for them in their class's module
                function = getattr(member, "__func__", member)
                if isinstance(function, _FunctionType):
                    function.__module__ = __name__


_publish()
