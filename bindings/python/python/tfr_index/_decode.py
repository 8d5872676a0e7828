"""`Decoder`: the items of a `Dataset`, made of its payloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ._handle import Handle

__all__ = ["Decoder"]

Item = TypeVar("Item")


class Decoder(Generic[Item]):
    """The `decode` function of a data set. An error that it raises says which record it was."""

    __slots__ = ("_handle", "function")

    def __init__(self, handle: Handle, function: Callable[[bytes], Item] | None) -> None:
        self._handle = handle
        self.function = function

    def one(self, payload: bytes, number: int) -> Item:
        """The item of the record with this number in the data set."""
        if self.function is None:
            return payload  # type: ignore[return-value] # then Item is bytes
        try:
            return self.function(payload)
        except Exception as error:
            path, record = self._handle.locate(number)
            error.add_note(f"while decoding record {record} of {path}")
            raise

    def many(self, payloads: list[bytes], numbers: Sequence[int]) -> list[Item]:
        """The items of the records with these numbers."""
        if self.function is None:
            return payloads  # type: ignore[return-value] # then Item is bytes
        return [self.one(payload, numbers[place]) for place, payload in enumerate(payloads)]
