"""The exceptions: each is a `TfrError`, and also the builtin exception that fits."""

import json
import os
import sys
import warnings
from typing import Any, NamedTuple

__all__ = [
    "Skipped",
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
]


class TfrError(RuntimeError):
    """What went wrong, and where. Its text is one line that names file, record and byte.

    It can be pickled and copied, with its attributes. They also survive a PyTorch `DataLoader`,
    which passes on only the type and the traceback's text of an exception in a worker process.

    Examples:
        >>> import tfr_index
        >>> try:
        ...     tfr_index.index_bytes(b"a text that is no TFRecord")
        ... except tfr_index.TfrError as error:
        ...     print(error.status, error.record, error.offset, error.path, error.format)
        TFR_ERR_NOT_TFRECORD 0 0 None text

    Attributes:
        status: the kind of error, for programs to act on: a name from the C header, such as
            "TFR_ERR_TRUNCATED".
        path: the file, as the caller passed it, decoded by `os.fsdecode`; or None.
        record: the number of the bad record, from 0; in an index file, the number of entries
            before the bad line; or None.
        offset: the byte where the bad record's frame, or the bad line, starts; or None.
        format: the detected format, if the data is not a TFRecord file or has non-standard
            checksums: "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and
            others; or None.
        stored_crc: the invalid checksum in the data (a masked CRC-32C); or None.
        computed_crc: the checksum computed from the data; or None.
        feature: the name of the feature that the error is about; or None.
    """

    def __init__(
        self,
        message: str,
        status: str = "TFR_UNKNOWN_STATUS",
        path: str | None = None,
        record: int | None = None,
        offset: int | None = None,
        format: str | None = None,
        stored_crc: int | None = None,
        computed_crc: int | None = None,
        feature: str | None = None,
    ) -> None:
        self._set(
            message,
            status=status,
            path=path,
            record=record,
            offset=offset,
            format=format,
            stored_crc=stored_crc,
            computed_crc=computed_crc,
            feature=feature,
        )

    def _set(self, message: str, **fields: Any) -> None:
        """Sets the attributes to those that the message carries, or else to `fields`."""
        carried = _carried(message)
        fields = {name: carried.get(name, value) for name, value in fields.items()}
        if isinstance(self, OSError) and fields["errno"] is not None:
            OSError.__init__(self, fields["errno"], os.strerror(fields["errno"]), fields["path"])
        # pickle and copy call the class with `args`.
        self.args = (message, *fields.values())
        self.status: str = fields["status"]
        self.path: str | None = fields["path"]
        self.record: int | None = fields["record"]
        self.offset: int | None = fields["offset"]
        self.format: str | None = fields.get("format")
        self.stored_crc: int | None = fields.get("stored_crc")
        self.computed_crc: int | None = fields.get("computed_crc")
        self.feature: str | None = fields.get("feature")
        if not carried and _is_in_pytorch_worker():
            self.add_note(_NOTE + json.dumps(fields))

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        # The default, written out: without it, tblib uses its own way, which fails for a class with
        # two bases.
        return type(self), self.args, self.__dict__


class TfrValueError(TfrError, ValueError):
    """An argument is invalid, or a text or a list of entries is not an index."""


class TfrCancelled(TfrError):
    """`progress` or `on_skipped` returned a true value."""


class TfrMismatch(TfrError):
    """The index does not fit the data: it is stale, or the index of another file."""


class TfrStale(TfrMismatch):
    """The index fits an earlier version of the data: valid records follow its last entry, or the
    data has become shorter."""


class TfrExampleError(TfrError, ValueError):
    """A record is not a `tf.train.Example`, so it has no features."""


class TfrFeatureError(TfrExampleError):
    """A record lacks a feature, or has values of another kind, or too few or too many of them.

    `feature` names it, and `path`, `record` and `offset` say which record it is.
    """


class TfrMemoryError(TfrError, MemoryError):
    """There is not enough memory for the result."""


class TfrWarning(UserWarning):
    """A `Reader` ignored an index, or a scan skipped damage that nobody asked to hear of.

    A reader ignores the index beside its data if that does not fit the data, and scans the data
    instead. A scan with `salvage` warns of damaged regions if it has no `on_skipped`. The text says
    which of the two happened. `reshard` warns of the same, and of files without valid checksums;
    `infer_features` warns of a features.json that does not fit the records. As with any warning, a
    filter can turn it into an error.

    Examples:
        >>> import warnings, tfr_index
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("error", tfr_index.TfrWarning)

    Attributes:
        error: a `TfrError`. For an ignored index: the reason, with the index's path as `path`; its
            `status` is "TFR_ERR_STALE" if the index lacks valid records. For skipped damage: what
            is wrong with the first damaged region.
    """

    def __init__(self, error: TfrError, message: str | None = None) -> None:
        super().__init__(error if message is None else message)
        self.error = error


class TfrOSError(TfrError, OSError):
    """An operation of the system failed. `errno`, `strerror` and `filename` are as in `OSError`.

    Examples:
        >>> import tfr_index
        >>> try:
        ...     tfr_index.read_index("missing.idx")
        ... except FileNotFoundError as error:
        ...     print(type(error).__name__, error.filename, error.strerror)
        TfrFileNotFoundError missing.idx No such file or directory
    """

    def __init__(
        self,
        message: str,
        status: str = "TFR_ERR_IO",
        path: str | None = None,
        record: int | None = None,
        offset: int | None = None,
        errno: int | None = None,
    ) -> None:
        self._set(message, status=status, path=path, record=record, offset=offset, errno=errno)


class TfrFileNotFoundError(TfrOSError, FileNotFoundError):
    """There is no such file or directory."""


class TfrFileExistsError(TfrOSError, FileExistsError):
    """A file of that name already exists."""


class TfrPermissionError(TfrOSError, PermissionError):
    """The permissions of the file or directory do not allow the operation."""


class TfrIsADirectoryError(TfrOSError, IsADirectoryError):
    """The path is a directory, not a file."""


class TfrNotADirectoryError(TfrOSError, NotADirectoryError):
    """A part of the path is not a directory."""


class Skipped(NamedTuple):
    r"""A region of the data that a scan skips, because of `salvage` or `allow_incomplete_tail`.

    Examples:
        >>> import tfr_index
        >>> record = b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\0\0\0\0"
        >>> skipped = []
        >>> data = record + b"x" * 30 + record
        >>> _ = tfr_index.index_bytes(data, salvage=True, on_skipped=skipped.append)
        >>> skipped[0].start, skipped[0].end, skipped[0].record
        (21, 51, 1)
    """

    start: int
    """The byte where the region starts: the end of the good record before it."""
    end: int
    """The byte after the region: the start of the next good record, or the end of the data."""
    record: int
    """The number of good records before the region, and so the number of the first one after it."""
    error: TfrError
    """What is wrong at the start of the region."""
    incomplete_tail: bool
    """True for an incomplete last record, which is still being written; False for damage."""


#: The start of a note that carries an error's attributes through the text of a traceback.
_NOTE = "tfr_index error: "


def _carried(message: str) -> dict[str, Any]:
    """The attributes in a message that is the text of a traceback, with its notes."""
    for line in reversed(message.split("\n")):
        if line.startswith(_NOTE):
            try:
                return dict(json.loads(line.removeprefix(_NOTE)))
            except (TypeError, ValueError):
                break
    return {}


def _is_in_pytorch_worker() -> bool:
    """Whether this process is a worker of a PyTorch `DataLoader`."""
    data = sys.modules.get("torch.utils.data")
    return data is not None and data.get_worker_info() is not None


def warn(warning: TfrWarning) -> None:
    """Issues a warning at the line that called the package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "tfr_index":
        level, frame = level + 1, frame.f_back
    warnings.warn(warning, stacklevel=level)


def with_path(error: TfrError, path: str) -> TfrError:
    """An error that names a file; the same error if it does so already."""
    if error.path is not None:
        return error
    return type(error)(f"{path}: {error}", error.status, path, *error.args[3:])


_BY_STATUS: dict[str, type[TfrError]] = {
    "TFR_ERR_INVALID_ARGUMENT": TfrValueError,
    "TFR_ERR_INVALID_INDEX": TfrValueError,
    "TFR_ERR_INVALID_MANIFEST": TfrValueError,
    "TFR_ERR_CANCELLED": TfrCancelled,
    "TFR_ERR_OUT_OF_MEMORY": TfrMemoryError,
    "TFR_ERR_MISMATCH": TfrMismatch,
    "TFR_ERR_STALE": TfrStale,
    "TFR_ERR_EXAMPLE": TfrExampleError,
    "TFR_ERR_FEATURE": TfrFeatureError,
}

_BY_BUILTIN: dict[type[OSError], type[TfrOSError]] = {
    FileNotFoundError: TfrFileNotFoundError,
    FileExistsError: TfrFileExistsError,
    PermissionError: TfrPermissionError,
    IsADirectoryError: TfrIsADirectoryError,
    NotADirectoryError: TfrNotADirectoryError,
}


# The library names options in the words of no particular language.
_IN_PYTHON = {
    "checksum policy none": 'checksums="none"',
    "option allow_partial": "allow_partial=True",
    "option allow_missing": "allow_missing=True",
    "the number of files that other data sets may open": "max_open_files of other data sets",
}


#: Why a read of a file failed last, by its path, as far as the library does not know.
_explanations: dict[str, str] = {}
_MOST_EXPLANATIONS = 1000


def explain(path: str, text: str) -> None:
    """Says why a read of a file failed. The error that the library returns then says so, too."""
    if len(_explanations) >= _MOST_EXPLANATIONS:
        _explanations.clear()
    _explanations[path] = text


def make_error(
    message: str,
    status: str,
    path: str | None,
    record: int | None,
    offset: int | None,
    format: str | None,
    stored_crc: int | None,
    computed_crc: int | None,
    errno: int | None,
    feature: str | None,
) -> TfrError:
    """An error of the class for its status or, for `TFR_ERR_IO`, for its `errno`."""
    for words, argument in _IN_PYTHON.items():
        message = message.replace(words, argument)
    if status == "TFR_ERR_IO":
        if path is not None and (explanation := _explanations.pop(path, None)) is not None:
            message += f" ({explanation})"
        builtin = type(OSError(errno, ""))  # OSError maps numbers to classes
        os_kind = _BY_BUILTIN.get(builtin, TfrOSError)
        return os_kind(message, status, path, record, offset, errno)
    kind = _BY_STATUS.get(status, TfrError)
    return kind(message, status, path, record, offset, format, stored_crc, computed_crc, feature)
