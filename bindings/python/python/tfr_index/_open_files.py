"""The files of a data set, of which only some are open at the same time."""

from __future__ import annotations

import errno
import os
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from typing import TypeVar

from ._errors import TfrOSError
from ._index import Index
from ._reader import Reader

__all__ = ["OpenFiles"]

Result = TypeVar("Result")

#: Opens the file with this number, with its index if that is known.
OpenFile = Callable[[int, Index | None], Reader]

#: Seconds before a waiting thread looks again for a file that it can close.
_PATIENCE = 0.001

_all: weakref.WeakSet[OpenFiles] = weakref.WeakSet()


class _Use:
    """A thread's use of a file.

    It ends when `file` is None, or when the object is gone: so a KeyboardInterrupt at any point
    leaves no file in use.
    """

    __slots__ = ("__weakref__", "file", "waits")

    def __init__(self, file: int) -> None:
        self.file: int | None = file
        self.waits = False  # True: this thread waits until no other thread uses a file


class OpenFiles:
    """The readers of `count` files, of which at most `limit` are open at the same time.

    `use` passes a reader to a function, which must not use another one. To open one more file, the
    least recently used reader that no thread uses is closed; its index is kept. If all are in use,
    the thread waits.
    """

    def __init__(self, count: int, limit: int) -> None:
        self._limit = limit
        self._readers: dict[int, Reader] = {}  # the most recently used one last
        self._indexes: dict[int, Index] = {}  # of files that were closed
        self._uses: weakref.WeakSet[_Use] = weakref.WeakSet()
        self._alone: weakref.ref[_Use] | None = None  # while it lasts, no other use may begin
        self._lock = threading.Lock()  # guards the attributes above
        self._all_fit = count <= limit  # then no reader is ever closed, and uses are not recorded
        _all.add(self)

    def use(self, file: int, open_file: OpenFile, work: Callable[[Reader], Result]) -> Result:
        """Returns `work(reader)` for the file's reader, which `open_file` opens if necessary."""
        if self._all_fit and (reader := self._readers.get(file)) is not None:
            return work(reader)
        use = _Use(file)
        try:
            return work(self._reader(use, file, open_file))
        except BaseException as error:
            # A caller that keeps the error must not keep the file open.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            use.file = None

    def close(self) -> None:
        """Closes the files. They are opened again when they are needed."""
        with self._lock:
            self._readers.clear()

    def _reader(self, use: _Use, file: int, open_file: OpenFile) -> Reader:
        while True:
            with self._lock:
                reader = self._readers.pop(file, None)
                if reader is not None:
                    self._readers[file] = reader  # now the last one
                    self._uses.add(use)
                    return reader
                used = self._used()
                # Otherwise another thread is opening it, or all are in use.
                if file not in used and self._alone_use() is None and self._make_room(used):
                    self._uses.add(use)
                    break
            time.sleep(_PATIENCE)
        reader = self._open(use, file, open_file)
        with self._lock:
            self._readers[file] = reader
        return reader

    def _used(self) -> set[int]:
        """The files that are in use or being opened."""
        return {use.file for use in self._uses if use.file is not None}

    def _make_room(self, used: set[int]) -> bool:
        if len(self._readers.keys() | used) < self._limit:
            return True
        reader = self._remove_one(used)
        if reader is not None:
            reader.close()
        return reader is not None

    def _remove_one(self, used: set[int]) -> Reader | None:
        """Removes and returns the least recently used reader that no thread uses."""
        for file in self._readers:
            if file not in used:
                reader = self._readers.pop(file)
                self._indexes[file] = reader.index
                return reader
        return None

    def _open(self, use: _Use, file: int, open_file: OpenFile) -> Reader:
        """Opens a file. If the process or the system has too many open files, closes others."""
        while True:
            try:
                return open_file(file, self._indexes.get(file))
            except TfrOSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
                if use is self._alone_use():
                    raise _too_many(error) from None
            with self._lock:
                self._all_fit = False
                # A use that was not recorded may still hold the reader, and close it at its end.
                use.waits = self._remove_one(self._used()) is None
            while use.waits:
                with self._lock:
                    if self._alone_use() is None:
                        self._alone = weakref.ref(use)
                    while self._remove_one(self._used()) is not None:
                        pass
                    others = (other for other in self._uses if other.file is not None)
                    is_alone = all(other.waits for other in others)
                    use.waits = not (is_alone and use is self._alone_use())
                time.sleep(_PATIENCE)

    def _alone_use(self) -> _Use | None:
        use = None if self._alone is None else self._alone()
        return None if use is None or use.file is None else use


def _too_many(error: TfrOSError) -> TfrOSError:
    message = (
        f"{error}: the process or the system has too many open files, and none of them belongs to "
        "this data set: raise the limit (ulimit -n), or lower max_open_files of other data sets"
    )
    return type(error)(
        message, error.status, error.path, error.record, error.offset, errno=error.errno
    )


def _after_fork() -> None:
    """Forgets the threads that used files or held locks: they do not exist in a forked process."""
    for files in list(_all):
        files._lock = threading.Lock()
        files._uses = weakref.WeakSet()
        files._alone = None


os.register_at_fork(after_in_child=_after_fork)
