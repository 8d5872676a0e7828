"""The records of a `Dataset` with `features`: a dict for each."""

from __future__ import annotations

from typing import Any

from ._bytes_column import BytesColumn
from ._columns import Columns, Wanted
from ._errors import TfrError
from ._handle import Handle
from ._library import CData, exception_of, ffi, lib, make
from ._ragged import Ragged
from ._typing import Buffer

__all__ = ["read_columns", "read_rows", "rows_of"]

Row = dict[Any, Any]


def rows_of(columns: Columns) -> list[Row]:
    """The records, each in memory of its own: one that is kept must not keep the batch."""
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
    if not isinstance(column, Ragged) and column.ndim == 1:
        return list(column)
    return [_copied(row) for row in column]


def _copied(row: Any) -> Any:
    if isinstance(row, Ragged):
        return Ragged._of(_copied(row.values), row.offsets.copy())
    return row.copy()


def read_columns(handle: Handle, column: Buffer, wanted: Wanted, part: range) -> Columns:
    """Reads the features of a column of numbers, 8 bytes each.

    Raises:
        IndexError: a number is out of range.
    """
    return Columns._of(_read(handle, column, wanted), wanted, part)


def _read(handle: Handle, column: Buffer, wanted: Wanted) -> CData:
    numbers = ffi.from_buffer("uint64_t[]", column)
    given = handle.native, numbers, len(numbers), wanted.native
    try:
        return make("batch", lib.tfr_dataset_read_columns, *given)
    except TfrError as error:
        if error.status == "TFR_ERR_OUT_OF_RANGE":
            raise IndexError from None
        raise


def read_rows(handle: Handle, column: Buffer, wanted: Wanted) -> list[Row]:
    """The same as rows. It leaves nothing out, whatever the data set does with bad records."""
    batch = _read(handle, column, wanted)
    if skipped := make("error", lib.tfr_batch_skipped, batch, 0):
        raise exception_of(skipped)
    return rows_of(Columns._of(batch, wanted, range(1)))
