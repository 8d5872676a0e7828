"""Checks of arguments. Their messages say what an argument must be, and what it is."""

import operator
import os
from collections.abc import Iterable

from ._errors import TfrValueError
from ._typing import Path

__all__ = ["ensure_callable", "ensure_one_of", "integer", "path_list", "refuse"]


def refuse(message: str) -> TfrValueError:
    """The error for an invalid argument."""
    return TfrValueError(message, "TFR_ERR_INVALID_ARGUMENT")


def ensure_callable(name: str, function: object) -> None:
    """Raises TypeError unless `function` is callable or None."""
    if function is not None and not callable(function):
        kind = type(function).__name__
        raise TypeError(f"{name} must be callable, such as a function, not {kind}")


def ensure_one_of(name: str, value: object, choices: Iterable[object]) -> None:
    """Raises TfrValueError unless `value` is one of `choices`."""
    choices = list(choices)
    if value not in choices:
        quoted = ", ".join(map(repr, choices))
        raise refuse(f"{name} must be one of {quoted}, not {value!r}")


def integer(name: str, value: object, least: int = 0, bits: int = 64) -> int:
    """Returns an argument as an integer.

    Raises:
        TypeError: it is not an integer.
        TfrValueError: it is less than `least`, or has more than `bits` bits.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, not {type(value).__name__}") from None
    if not least <= number < 2**bits:
        raise refuse(f"{name} must be between {least} and 2**{bits} - 1, not {number}")
    return number


def path_list(paths: Path | Iterable[Path]) -> list[Path]:
    """Returns the paths of an argument that is one path or several.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(paths, (str, bytes, os.PathLike)):
        return [paths]
    if not isinstance(paths, Iterable):
        raise TypeError(f"paths must be a path or an iterable of paths, not {type(paths).__name__}")
    return list(paths)
