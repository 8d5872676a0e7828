"""The records of a `Dataset` with `features`: a dict for each."""

from __future__ import annotations

from typing import Any

from ._bytes_column import BytesColumn
from ._columns import Columns, Wanted
from ._errors import TfrError
from ._handle import Handle
from ._library import call, ffi, lib, make
from ._ragged import Ragged
from ._typing import Buffer

__all__ = ["read_columns", "read_rows", "rows_of"]

Row = dict[Any, Any]


def rows_of(columns: Columns) -> list[Row]:
    """The records, which share no memory with the batch: one that is kept must not keep it all."""
    values = [_values_of(column) for column in columns.values()]
    if not values:
        return [{} for _ in range(columns.num_records)]
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _values_of(column: Any) -> list[Any]:
    values = column
    while isinstance(values, Ragged):
        values = values.values
    if isinstance(values, BytesColumn):
        found: list[Any] = column.to_list()
        return found
    return list(_in_own_memory(column))


def _in_own_memory(column: Any) -> Any:
    if isinstance(column, Ragged):
        return Ragged._of(_in_own_memory(column.values), column.offsets.copy())
    return column.copy()


def read_columns(handle: Handle, column: Buffer, wanted: Wanted, part: range) -> Columns:
    """Reads the features of a column of numbers, 8 bytes each.

    Raises:
        IndexError: a number is out of range.
    """
    numbers = ffi.from_buffer("uint64_t[]", column)
    given = handle.native, numbers, len(numbers), wanted.native
    try:
        batch = make("batch", lib.tfr_dataset_read_columns, *given)
    except TfrError as error:
        if error.status == "TFR_ERR_OUT_OF_RANGE":
            raise IndexError from None
        raise
    return Columns._of(batch, wanted, part)


def read_rows(handle: Handle, column: Buffer, wanted: Wanted) -> list[Row]:
    """The same as rows. It leaves nothing out, whatever the data set does with bad records."""
    columns = read_columns(handle, column, wanted, range(1))
    if columns.num_records < len(memoryview(column)):
        _raise_first(handle, column, wanted)
        return read_rows(handle, column, wanted)  # reading did not fail again
    return rows_of(columns)


def _raise_first(handle: Handle, column: Buffer, wanted: Wanted) -> None:
    """Raises the error of the first record that cannot be read, or else decoded."""
    payloads = handle.read_many(column)
    for number, payload in zip(memoryview(column).tolist(), payloads, strict=True):
        offsets = ffi.new("size_t[]", (0, len(payload)))
        given = wanted.native, payload, len(payload), offsets, 1, 1
        try:
            make("columns", lib.tfr_columns_decode, *given)
        except TfrError as error:
            path, record = handle.locate(number)
            entry = ffi.new("tfr_entry[1]")
            call(lib.tfr_dataset_entries, handle.native, [number], 1, entry)
            place = f"{path}: record {record} at byte {entry[0].offset}: "
            message = str(error).replace("record 0: ", place, 1)
            of = {"path": path, "record": record, "offset": entry[0].offset}
            raise type(error)(message, error.status, **of, feature=error.feature) from None
