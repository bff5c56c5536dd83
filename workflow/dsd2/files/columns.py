"""Tables from and to plain values and numpy arrays, and their checksum; without pandas.

Millions of rows take a second. Arrow's own functions would import pandas, so arrays are taken from
its buffers, and rows go by way of JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.json import ParseOptions, ReadOptions, read_json

_CHECKSUM = b"sha256-of-columns"
_CHECKSUM_OF_ROWS = b"sha256"
"""What files of earlier versions carry instead."""


def column(
    name: str, kind: pa.DataType, unit: str, meaning: str, *, optional: bool = False
) -> pa.Field:
    """A column of a schema, with its unit and meaning; one that is not optional has no nulls."""
    return pa.field(name, kind, nullable=optional, metadata={"unit": unit, "meaning": meaning})


def with_checksum(table: pa.Table) -> pa.Table:
    """The table with its checksum among its metadata, which the checksum covers."""
    metadata = {**(table.schema.metadata or {}), _CHECKSUM: _checksum(table)}
    return table.replace_schema_metadata(metadata)


def is_whole(table: pa.Table) -> bool:
    """Whether a table is as it was written, by the checksum that it carries.

    Of files of earlier versions that is a checksum of the rows, which takes several seconds for a
    million.
    """
    carried = table.schema.metadata or {}
    if _CHECKSUM in carried:
        return bool(carried[_CHECKSUM] == _checksum(table))
    return bool(carried.get(_CHECKSUM_OF_ROWS) == _checksum_of_rows(table))


def _checksum(table: pa.Table) -> bytes:
    """SHA-256 of what a table holds: its metadata, and names and values of its columns.

    Types are left out: readers compare the schema, and Parquet calls some types otherwise.
    """
    about = {
        key.decode(): value.decode()
        for key, value in (table.schema.metadata or {}).items()
        if key != _CHECKSUM
    }
    digest = hashlib.sha256(json.dumps([about, table.num_rows], sort_keys=True).encode())
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(json.dumps(name).encode())
        for part in _parts(column.combine_chunks()):
            digest.update(part)
    return digest.hexdigest().encode()


def _checksum_of_rows(table: pa.Table) -> bytes:
    text = json.dumps(table.to_pydict(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _parts(column: pa.Array) -> Iterator[bytes | memoryview]:
    """The bytes that stand for an array: the same for equal arrays, however they are stored."""
    kind, count, first = column.type, len(column), column.offset
    if column.null_count:
        # What a buffer holds where there is no value is not defined. Such columns are short.
        yield json.dumps(column.to_pylist()).encode()
    elif count and pa.types.is_boolean(kind):
        bits = np.frombuffer(column.buffers()[1], np.uint8)
        yield np.unpackbits(bits, bitorder="little")[first : first + count].data
    elif count and (pa.types.is_string(kind) or pa.types.is_list(kind)):
        ends = np.frombuffer(column.buffers()[1], np.int32)[first : first + count + 1]
        yield np.diff(ends).data
        start, stop = int(ends[0]), int(ends[-1])
        if pa.types.is_list(kind):
            yield from _parts(column.values.slice(start, stop - start))
        elif stop > start:
            yield np.frombuffer(column.buffers()[2], np.uint8)[start:stop].data
    elif count:
        yield numbers(column).data


def number_column(values: np.ndarray) -> pa.Array:
    """Numbers, int64 [rows], as a column that shares their memory."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values, np.int64))]
    return pa.Array.from_buffers(pa.int64(), len(values), buffers)


def numbers(column: pa.Array) -> np.ndarray:
    """A column of numbers without gaps as an array that shares its memory, [rows]."""
    kind = column.type.to_pandas_dtype()
    if len(column) == 0:
        return np.empty(0, kind)  # Arrow gives such a column no memory.
    return np.frombuffer(column.buffers()[1], kind)[column.offset :][: len(column)]


def table_of_rows(
    rows: list[Mapping[str, Any]], schema: pa.Schema, may_be_nan: Collection[str]
) -> pa.Table:
    """A table of rows whose keys are the schema's columns.

    Args:
        rows: plain values.
        schema: of the table.
        may_be_nan: columns of numbers in which NaN may stand; pyarrow reads it back.

    Raises:
        ValueError, pa.ArrowException: a value does not fit the schema.
    """
    lines = "\n".join(_line(row, may_be_nan) for row in rows)
    options = ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    # As one block: a row must not be cut in two.
    blocks = ReadOptions(use_threads=False, block_size=len(lines) + 1)
    table = read_json(io.BytesIO(lines.encode()), read_options=blocks, parse_options=options)
    for field in schema:
        if not field.nullable and table.column(field.name).null_count:
            raise ValueError(f"column {field.name} has no value")
    return pa.Table.from_arrays([table.column(name) for name in schema.names], schema=schema)


def _line(row: Mapping[str, Any], may_be_nan: Collection[str]) -> str:
    undefined = {name for name in may_be_nan if row.get(name) != row.get(name)}
    json.dumps({**row, **dict.fromkeys(undefined)}, allow_nan=False)
    return json.dumps(row)


def with_later_columns(table: pa.Table, schema: pa.Schema, later: Collection[str]) -> pa.Table:
    """The table with nulls for columns of a schema that it lacks, where all of them came later.

    Any other table stays as it is.
    """
    missing = [field for field in schema if field.name not in table.column_names]
    if len(table.column_names) + len(missing) != len(schema):
        return table
    if not missing or any(field.name not in later for field in missing):
        return table
    for field in missing:
        table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names)
