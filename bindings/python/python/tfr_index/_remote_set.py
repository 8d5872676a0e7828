"""Which files of a store are a data set: what directories, patterns and sets in URLs stand for."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from . import _remote
from ._arguments import refuse
from ._errors import TfrFileNotFoundError

__all__ = ["Found", "Listed", "find", "list_files"]

#: How names of TFRecord files look, and those of files that are beside them.
_DATA = re.compile(r"tfrec|tfevents|-\d+-of-\d+(\.[^/]*)?$")
_BESIDE = (".idx", ".tfindex", ".seek", ".json")
_WILDCARD = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{([^{}]*)\}")
_SET = re.compile(r"@(\d+|\*)(?=$|\.)")
#: The most files that braces or a set stand for, as for local files.
_MOST = 1_000_000
_MEMBER = re.compile(r"(.*)-(\d+)-of-(\d+)(\.[^/]*)?$")


class Listed(NamedTuple):
    """A file in a listing. What is None is not known."""

    path: str
    size: int
    etag: str | None
    modified: datetime | None

    @property
    def stamp(self) -> _remote.Stamp | None:
        return None if self.modified is None else (self.modified, self.size)


class Found(NamedTuple):
    """A file of a data set.

    Attributes:
        path: the file.
        root: the directory of the path that it was found by, as an index directory mirrors it.
        listed: as a listing has it; None: it was not listed.
        beside: the same for the index beside it; None: it was not listed, or there is none.
    """

    path: str
    root: str
    listed: Listed | None = None
    beside: Listed | None = None

    @property
    def lacks_index(self) -> bool:
        """Whether it is known that no index is beside it."""
        return self.listed is not None and self.beside is None


def list_files(directory: str, store: Any) -> Iterator[Listed]:
    """The files in a directory of a store, at any depth."""
    base, store, prefix = _remote.listed(directory, store)
    with _remote.explained(directory or "the store", "list"):
        if hasattr(store, "cat_file"):  # a file system of fsspec
            # Its paths have no protocol, and may be absolute: as this directory is.
            root = store._strip_protocol(prefix).rstrip("/") + "/"
            for path, about in store.find(root, detail=True).items():
                path = prefix + path.removeprefix(root)
                etag = about.get("ETag") or about.get("etag")
                written = about.get("LastModified")
                is_time = isinstance(written, datetime)
                yield Listed(path, about["size"], etag, written if is_time else None)
            return
        import obstore

        for chunk in obstore.list(store, prefix or None):
            for meta in chunk:
                path = base + meta["path"]
                yield Listed(path, meta["size"], meta["e_tag"], meta["last_modified"])


def find(
    paths: Iterable[str],
    store: Any,
    pattern: str | None,
    allow_missing: bool,
    *,
    allow_repeated: bool = False,
) -> list[Found]:
    """The files that URLs, or paths in a store, stand for, in the order of the paths.

    Raises:
        TfrFileNotFoundError: nothing matches, or a file of a set is missing.
        TfrValueError: a file is given twice, or belongs to another set.
    """
    found: list[Found] = []
    for path in paths:
        for one in _expand(path):
            found += _one(one, store, pattern, allow_missing)
    if not found:
        raise refuse("no files are given: give at least one path")
    twice = {file.path for file in found}
    if len(twice) < len(found) and not allow_repeated:
        for file in found:
            if file.path not in twice:
                raise refuse(f"{file.path}: is given twice, so its records would count twice")
            twice.remove(file.path)
    return found


def _one(path: str, store: Any, pattern: str | None, allow_missing: bool) -> list[Found]:
    """The files of a path without braces."""
    name = posixpath.basename(path)
    if path.endswith("/"):
        chosen = _chosen_by(pattern)
        files = _matching(path, store, lambda rest: chosen(posixpath.basename(rest)))
        if not files:
            raise refuse(f"{path}: no TFRecord files are there: pass pattern= for other names")
    elif match := _SET.search(name):
        count = "*" if match[1] == "*" else f"{int(match[1]):05}"
        start, end = path[: len(path) - len(name)] + name[: match.start()], name[match.end() :]
        if count != "*":
            _ensure_few(path, int(match[1]))
            members = range(int(match[1]))
            root = posixpath.dirname(path)
            return [Found(f"{start}-{number:05}-of-{count}{end}", root) for number in members]
        files = _by_pattern(f"{start}-?????-of-?????{end}", store)
    elif _WILDCARD.search(path):
        files = _by_pattern(path, store)
    else:
        return [Found(path, posixpath.dirname(path))]
    _ensure_complete(files, allow_missing)
    return files


def _expand(path: str) -> Iterator[str]:
    """The paths that braces stand for."""
    match = _BRACES.search(path)
    if match is None:
        yield path
        return
    bounds = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if bounds:
        _ensure_few(path, int(bounds[2]) - int(bounds[1]))
        width = len(bounds[1]) if bounds[1].startswith("0") else 1
        names = [f"{n:0{width}}" for n in range(int(bounds[1]), int(bounds[2]) + 1)]
    else:
        names = match[1].split(",")
    for name in names:
        yield from _expand(path[: match.start()] + name + path[match.end() :])


def _ensure_few(path: str, count: int) -> None:
    if count > _MOST:
        raise refuse(f"{path}: stands for more than {_MOST:,} files")


def _by_pattern(path: str, store: Any) -> list[Found]:
    """The files that match a path with wildcards."""
    start = _WILDCARD.search(path)
    directory = path[: path.rfind("/", 0, start.start()) + 1] if start else ""
    if store is None and not re.match(r"[^:]+://[^/]+/", directory):
        raise refuse(f"{path}: a URL cannot have wildcards in its bucket or host")
    regex = _regex_of(path[len(directory) :])
    files = _matching(directory, store, lambda rest: regex.fullmatch(rest) is not None)
    if not files:
        raise TfrFileNotFoundError(f"{path}: no file matches", path=path, errno=2)
    return files


def _matching(directory: str, store: Any, matches: Any) -> list[Found]:
    """The data files below a directory whose paths in it match, sorted."""
    listed = {file.path: file for file in list_files(directory, store)}
    # Some programs write an empty object for a directory.
    directories = {posixpath.dirname(path) for path in listed}
    return [
        Found(path, directory.rstrip("/"), file, listed.get(f"{path}.idx"))
        for path, file in sorted(listed.items())
        if matches(rest := path.removeprefix(directory))
        and not path.endswith(_BESIDE)
        and not posixpath.basename(path).startswith("_")
        and not any(name.startswith(".") for name in rest.split("/"))
        and (file.size > 0 or path not in directories)
    ]


def _chosen_by(pattern: str | None) -> Any:
    """Whether a name in a directory is that of data."""
    if pattern is None:
        return lambda name: _DATA.search(name) is not None
    choices = [_regex_of(one) for one in _expand(pattern)]
    return lambda name: any(choice.fullmatch(name) for choice in choices)


def _regex_of(pattern: str) -> re.Pattern[str]:
    """A regular expression for a pattern: "**/" for any directories, "*" and "?" inside a name."""
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]+\])", pattern)
    special = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}

    def part(text: str, is_special: bool) -> str:
        if not is_special:
            return re.escape(text)
        return special.get(text) or f"[{'^' * (text[1] in '!^')}{text[1:-1].lstrip('!^')}]"

    try:
        return re.compile("".join(map(part, parts, itertools.cycle((False, True)))))
    except re.error as error:
        raise refuse(f"{pattern!r} is not a valid pattern: {error}") from None


def _ensure_complete(files: list[Found], allow_missing: bool) -> None:
    """Raises an error if files of a set are missing, or belong to another set."""
    if allow_missing:
        return
    sets: dict[tuple[str, str], dict[int, set[int]]] = {}
    for file in files:
        if match := _MEMBER.match(file.path):
            counts = sets.setdefault((match[1], match[4] or ""), {})
            counts.setdefault(int(match[3]), set()).add(int(match[2]))
    for (start, end), counts in sets.items():
        if len(counts) > 1:
            names = " and ".join(f"{start}@{count}{end}" for count in sorted(counts))
            raise refuse(f"{names} are beside each other: pass the one that is meant")
        [(count, members)] = counts.items()
        missing = sorted(set(range(count)) - members)
        if missing:
            path = f"{start}-{missing[0]:05}-of-{count:05}{end}"
            message = (
                f"{path}: cannot find it: {len(missing)} of the {count} files of its set "
                f"{'is' if len(missing) == 1 else 'are'} missing; restore what is missing, or pass "
                "allow_missing=True"
            )
            raise TfrFileNotFoundError(message, path=path, errno=2)
