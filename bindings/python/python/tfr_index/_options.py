"""The native options of one call, with their callbacks."""

import threading
from collections.abc import Callable
from typing import TypeVar

from ._arguments import ensure_callable, ensure_one_of, integer
from ._errors import Skipped, TfrCancelled, TfrError, TfrWarning, warn
from ._library import CData, call, callback, exception_of, ffi, is_interrupt, lib, make, take
from ._typing import Checksums, Compression, OnError, OnSkipped, Progress

__all__ = ["with_options"]

Result = TypeVar("Result")

_CHECKSUMS = {
    "auto": lib.TFR_CHECKSUMS_AUTO,
    "none": lib.TFR_CHECKSUMS_NONE,
    "length": lib.TFR_CHECKSUMS_LENGTH,
    "full": lib.TFR_CHECKSUMS_FULL,
}

_COMPRESSION = {None: lib.TFR_COMPRESSION_NONE, "gzip": lib.TFR_COMPRESSION_GZIP}

_ON_ERROR = {"raise": lib.TFR_ON_ERROR_FAIL, "skip": lib.TFR_ON_ERROR_SKIP}


def with_options(
    scan: Callable[[CData], Result],
    *,
    checksums: Checksums,
    progress: Progress | None,
    threads: int,
    salvage: bool = False,
    allow_incomplete_tail: bool = False,
    on_skipped: OnSkipped | None = None,
    resume: bool = False,
    raw_frames: bool = False,
    sync: bool = False,
    compression: Compression | None = None,
    max_open_files: int | None = None,
    index_memory: int | None = None,
    on_error: OnError = "raise",
) -> Result:
    """Calls `scan` with native options, and returns its result.

    Raises:
        TfrValueError: an argument is invalid.
        TypeError: a callback is not callable.
        Exception: whatever `progress` or `on_skipped` raised.
    """
    ensure_one_of("checksums", checksums, _CHECKSUMS)
    ensure_one_of("on_error", on_error, _ON_ERROR)
    ensure_one_of("compression", compression, _COMPRESSION)
    threads = integer("threads", threads, bits=32)
    ensure_callable("progress", progress)
    ensure_callable("on_skipped", on_skipped)
    options = make("options", lib.tfr_options_new)
    call(lib.tfr_options_set_checksums, options, _CHECKSUMS[checksums])
    call(lib.tfr_options_set_threads, options, threads)
    call(lib.tfr_options_set_salvage, options, bool(salvage))
    call(lib.tfr_options_set_allow_incomplete_tail, options, bool(allow_incomplete_tail))
    call(lib.tfr_options_set_resume, options, bool(resume))
    call(lib.tfr_options_set_raw_frames, options, bool(raw_frames))
    call(lib.tfr_options_set_sync, options, bool(sync))
    call(lib.tfr_options_set_compression, options, _COMPRESSION[compression])
    if max_open_files is not None:
        most = integer("max_open_files", max_open_files, least=1)
        call(lib.tfr_options_set_max_open_files, options, most)
    if index_memory is not None:
        most = integer("index_memory", index_memory, least=1)
        call(lib.tfr_options_set_index_memory, options, most)
    call(lib.tfr_options_set_on_error, options, _ON_ERROR[on_error])

    callbacks = []  # keeps them alive as long as the options
    kept = BaseException()

    def set_callback(set_it: CData, kind: str, function: Callable[..., object]) -> None:
        native = callback(kind, function, 1, kept)  # 1: cancel
        callbacks.append(native)
        call(set_it, options, native, ffi.NULL)

    damage = _Damage()
    if on_skipped is not None or salvage:
        tell = on_skipped or damage.add

        def report_skipped(_context: CData, region: CData) -> bool:
            error = exception_of(region.error)
            tail = bool(region.incomplete_tail)
            return bool(tell(Skipped(region.start, region.end, region.record, error, tail)))

        set_callback(lib.tfr_options_set_on_skipped, "tfr_skipped_fn", report_skipped)

    in_main_thread = threading.current_thread() is threading.main_thread()
    asked = progress or (_let_signals_in if in_main_thread else None)
    if asked is not None:
        ask = asked

        def report(_context: CData, bytes_done: int, bytes_total: int, records: int) -> bool:
            return bool(ask(bytes_done, bytes_total, records))

        try:
            set_callback(lib.tfr_options_set_progress, "tfr_progress_fn", report)
        except MemoryError:  # a system that forbids processes to make executable memory
            if progress is not None:
                raise

    try:
        with damage:  # returns here: Ctrl-C must not leave the result in a traceback's variable
            return scan(options)
    except TfrError as error:
        is_of_callback = isinstance(error, TfrCancelled) and bool(kept.args)
        if not is_of_callback and not is_interrupt(kept):
            raise
    raise take(kept)


class _Damage:
    """Counts damaged regions if there is no `on_skipped`. Its `with` block ends with a warning."""

    def __init__(self) -> None:
        self._regions = self._bytes = 0
        self._first: TfrError | None = None

    def add(self, skipped: Skipped) -> None:
        if not skipped.incomplete_tail:
            self._regions += 1
            self._bytes += skipped.end - skipped.start
            self._first = self._first or skipped.error

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is None and self._first is not None:
            regions = (
                "1 damaged region" if self._regions == 1 else f"{self._regions} damaged regions"
            )
            message = f"{self._first}; skipped {regions}, {self._bytes} bytes in total"
            warn(TfrWarning(self._first, f"{message} (on_skipped= reports each region)"))


def _let_signals_in(bytes_done: int, bytes_total: int, records: int) -> None:
    """The progress callback if the caller passes none, so that Ctrl-C stops a scan.

    Python handles a signal only when Python code runs in the main thread. So Ctrl-C raises
    KeyboardInterrupt here.
    """
