"""The TFRecord functions of s3dlio, implemented by `tfr_index`.

This module has only these four functions. The rest of s3dlio is in the package of that name on the
Python Package Index. If that package is installed, `import s3dlio` imports it instead.

The functions use the checksum policy "auto". `tfr_index` has the other policies.

    import s3dlio

    num_records = s3dlio.create_tfrecord_index("train.tfrecord")  # writes train.tfrecord.idx
    index = s3dlio.read_tfrecord_index("train.tfrecord.idx")
    offset, size = index[42]

Errors are `RuntimeError`s that name file, record and byte: see `tfr_index.TfrError`. Any number of
threads may call all functions at the same time.
"""

import sys as _sys
from collections.abc import Callable as _Callable
from functools import wraps as _wraps
from importlib.machinery import PathFinder as _PathFinder
from importlib.util import module_from_spec as _module_from_spec
from pathlib import Path as _FilePath
from typing import Any as _Any
from typing import TypeVar as _TypeVar

import tfr_index as _tfr_index
from tfr_index._typing import Buffer as _Buffer
from tfr_index._typing import Path as _Path

__all__ = [
    "create_tfrecord_index",
    "get_tfrecord_index_entries",
    "index_tfrecord_bytes",
    "read_tfrecord_index",
]


_Result = _TypeVar("_Result")


def _or_tfrecord_bytes(function: _Callable[[_Buffer], _Result]) -> _Callable[..., _Result]:
    """Also accepts the argument `data` by the other name that s3dlio has for it."""

    @_wraps(function)
    def call(*arguments: _Any, **named: _Any) -> _Result:
        if "tfrecord_bytes" in named and "data" not in named:
            named["data"] = named.pop("tfrecord_bytes")
        return function(*arguments, **named)

    return call


def create_tfrecord_index(tfrecord_path: _Path, index_path: _Path | None = None) -> int:
    r"""Indexes a TFRecord file into an index file, and returns the number of records.

    Without `index_path`, the index is `tfrecord_path` + ".idx". An event file of TensorBoard
    ("tfevents" in its name) needs an `index_path`. For errors and more options, see
    `tfr_index.create_index`.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "train.tfrecord")
        ...     with open(path, "wb") as file:
        ...         _ = file.write(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        ...     print(create_tfrecord_index(path))
        ...     print(read_tfrecord_index(path + ".idx"))
        1
        [(0, 21)]
    """
    return _tfr_index.create_index(tfrecord_path, index_path)


def read_tfrecord_index(index_path: _Path) -> list[tuple[int, int]]:
    """Reads an index file: the `(offset, size)` of each record's frame, in bytes.

    For errors, and for a result that needs less memory, see `tfr_index.read_index`.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     path = os.path.join(directory, "train.tfrecord.idx")
        ...     with open(path, "w") as file:
        ...         _ = file.write("0 21\\n21 16\\n")
        ...     print(read_tfrecord_index(path))
        [(0, 21), (21, 16)]
    """
    return list(_tfr_index.read_index(index_path))


@_or_tfrecord_bytes
def index_tfrecord_bytes(data: _Buffer) -> str:
    r"""Indexes TFRecord data in memory, and returns the text of an index file.

    The argument may also be named `tfrecord_bytes`. For errors and more options, see
    `tfr_index.index_bytes`.

    Examples:
        >>> index_tfrecord_bytes(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        '0 21\n'
    """
    return _tfr_index.index_bytes(data).to_text()


@_or_tfrecord_bytes
def get_tfrecord_index_entries(data: _Buffer) -> list[tuple[int, int]]:
    r"""Indexes TFRecord data in memory: the `(offset, size)` of each record's frame, in bytes.

    The argument may also be named `tfrecord_bytes`. For errors and more options, see
    `tfr_index.index_bytes`.

    Examples:
        >>> get_tfrecord_index_entries(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        [(0, 21)]
    """
    return list(_tfr_index.index_bytes(data))


def _give_way() -> None:
    """Imports the package s3dlio instead of this module, if it comes later in `sys.path`.

    If both are in the same directory, Python itself prefers the package.
    """
    here = _FilePath(__file__).parent
    others = [
        directory
        for directory in _sys.path
        if _FilePath(directory or ".").resolve() != here.resolve()
    ]
    spec = _PathFinder.find_spec("s3dlio", others)
    if spec is not None and spec.loader is not None and spec.submodule_search_locations:
        package = _module_from_spec(spec)
        _sys.modules["s3dlio"] = package
        try:
            spec.loader.exec_module(package)
        except BaseException:
            del _sys.modules["s3dlio"]
            raise


if __name__ == "s3dlio":
    _give_way()
