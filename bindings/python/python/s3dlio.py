r"""The TFRecord functions of s3dlio, by `tfr_index`.

Only these four are here. The rest of s3dlio is in the package of that name on the Python Package
Index; where that is installed, `import s3dlio` gets it, and not this module.

Their `checksums` policy is "auto"; `tfr_index` has the others.

    import s3dlio

    num_records = s3dlio.create_tfrecord_index("train.tfrecord")  # writes train.tfrecord.idx
    index = s3dlio.read_tfrecord_index("train.tfrecord.idx")
    offset, size = index[42]

Errors are `RuntimeError`s that name file, record and byte: see `tfr_index.TfrError`. All functions
may be called in many threads at once.
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
    """Accepts the argument `data` under the other name that s3dlio has for it, too."""

    @_wraps(function)
    def call(*arguments: _Any, **named: _Any) -> _Result:
        if "tfrecord_bytes" in named and "data" not in named:
            named["data"] = named.pop("tfrecord_bytes")
        return function(*arguments, **named)

    return call


def create_tfrecord_index(tfrecord_path: _Path, index_path: _Path | None = None) -> int:
    r"""Indexes a TFRecord file into an index file, `tfrecord_path` + ".idx" if none is given.

    Returns the number of records. An event file of TensorBoard ("tfevents" in its name) takes an
    index path. Errors and more choices: `tfr_index.create_index`.

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
    """Reads an index file: `(offset, size)` of each record's frame.

    Errors, and a result that needs less memory: `tfr_index.read_index`.
    """
    return list(_tfr_index.read_index(index_path))


@_or_tfrecord_bytes
def index_tfrecord_bytes(data: _Buffer) -> str:
    r"""Indexes TFRecord data in memory into the text of an index file.

    The argument may also be named `tfrecord_bytes`. Errors and more choices:
    `tfr_index.index_bytes`.

    Examples:
        >>> index_tfrecord_bytes(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        '0 21\n'
    """
    return _tfr_index.index_bytes(data).to_text()


@_or_tfrecord_bytes
def get_tfrecord_index_entries(data: _Buffer) -> list[tuple[int, int]]:
    r"""Indexes TFRecord data in memory: `(offset, size)` of each record's frame.

    The argument may also be named `tfrecord_bytes`. Errors and more choices:
    `tfr_index.index_bytes`.

    Examples:
        >>> get_tfrecord_index_entries(b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0")
        [(0, 21)]
    """
    return list(_tfr_index.index_bytes(data))


def _give_way() -> None:
    """Imports the package s3dlio in place of this module, if there is one further on `sys.path`.

    In one and the same directory Python prefers the package by itself.
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
