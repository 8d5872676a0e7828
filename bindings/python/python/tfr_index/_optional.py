"""Modules that the package needs only for some calls, and imports only then."""

from __future__ import annotations

__all__ = ["not_there"]


def not_there(name: str, who: str, error: ImportError) -> ImportError:
    """The error for a module that cannot be imported. `who` needs it."""
    message = f"{who} need {name}, which cannot be imported ({error}): pip install {name}"
    return ImportError(message, name=name)
