"""Tables of text as people and programs write them: CSV with any usual separator, JSON lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsd2.data.column_names import plain
from dsd2.errors import UserError
from dsd2.files.reading import check_file, not_read

SEPARATORS = (",", ";", "\t", "|")
JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = (".csv", ".tsv", *JSON_LINES)
"""Endings of tables that are looked for, in small letters."""

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_START = re.compile(r"(?:[^\S\n]*\n)*(?:sep=(.)[^\S\n]*\n)?", re.IGNORECASE)
"""Empty lines, and the line by which Excel is told the separator."""


@dataclass(frozen=True)
class Sheet:
    """A table whose values are text, without its empty rows.

    Attributes:
        path: of the file.
        columns: names in their order.
        cells: the values of each column, without spaces around them.
        lines: of the file where each row begins, from 1.
        nested: columns with lists or mappings, and the line of the first.
    """

    path: Path
    columns: tuple[str, ...]
    cells: tuple[list[str], ...]
    lines: list[int]
    nested: Mapping[str, int] = field(default_factory=dict)

    def values(self, column: str) -> list[str]:
        """The values of a column, a row each."""
        return self.cells[self.columns.index(column)]

    def named(self, name: str) -> str | None:
        """The column of a name, which may differ in case and spaces; None where there is none.

        Raises:
            UserError: two columns have it.
        """
        exact = [column for column in self.columns if column == name]
        found = exact or [column for column in self.columns if plain(column) == plain(name)]
        if len(found) > 1:
            raise UserError(f"{self.path}: has two columns {' and '.join(map(repr, found))}")
        return found[0] if found else None


def read_sheet(path: Path) -> Sheet:
    """Read a table in UTF-8 or UTF-16, with the line ends of any system.

    Values stay as they are written: ``01`` and ``NA`` are text.

    Raises:
        UserError: the file cannot be read, is no text or no table, or has no rows.
    """
    try:
        check_file(path)
        text = _decoded(path, path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    is_json = path.suffix.lower() in JSON_LINES
    sheet = _json_lines(path, text) if is_json else _separated(path, text)
    if not sheet.lines:
        raise UserError(f"{path}: has no rows")
    return sheet


def header_of(path: Path) -> tuple[str, ...]:
    """The columns that a table begins with, from its first 64 KiB; none where it is no table."""
    try:
        check_file(path)
        with path.open("rb") as file:
            data = file.read(2**16)
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
        text = data.decode(encoding, errors="replace").replace("\r", "\n")
        start = _START.match(text)
        assert start is not None, "it matches nothing, too"
        line = text[start.end() :].partition("\n")[0]
        if path.suffix.lower() in JSON_LINES:
            return tuple(map(str, json.loads(line)))
        return tuple(next(csv.reader([line], delimiter=start[1] or _separator(line)), []))
    except (OSError, UserError, ValueError, TypeError, RecursionError, csv.Error):
        return ()


def _decoded(path: Path, data: bytes) -> str:
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    if data.startswith(_WORKBOOKS):
        raise UserError(f"{path}: is a workbook or an archive; save its table as CSV")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} line {line}: is neither UTF-8 nor UTF-16 text (byte {data[error.start]:#04x});"
            " save the table as CSV in UTF-8"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{path} line {line}: has a zero byte; save the table as CSV in UTF-8")
    return text


def _separator(header: str) -> str:
    """The separator that stands most often in a header, outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(SEPARATORS, key=bare.count)


def _separated(path: Path, text: str) -> Sheet:
    start = _START.match(text)
    assert start is not None, "it matches nothing, too"
    first = text.count("\n", 0, start.end()) + 1
    text = text[start.end() :]
    if not text.strip():
        raise UserError(f"{path}: is empty")
    frame = _frame(path, text, start[1] or _separator(text.partition("\n")[0]))
    # A quoted value may hold line breaks, so that a row may be several lines.
    breaks = sum(frame[column].str.count("\n") for column in frame) + 1
    begins = [first + int(n) for n in breaks.cumsum().shift(fill_value=0)]
    cells = [frame[column].str.strip().tolist() for column in frame]
    names = [column[0] for column in cells]
    width = max((n for n, name in enumerate(names, 1) if name), default=0)
    kept = [row for row in range(1, len(begins)) if any(column[row] for column in cells)]
    for row in kept:
        if any(column[row] for column in cells[width:]):
            fields = max(n for n, column in enumerate(cells, 1) if column[row])
            raise UserError(
                f"{path} line {begins[row]}: has {fields} values, and the header {width} columns;"
                " put a value that holds the separator in quotes"
            )
    columns = tuple([column[row] for row in kept] for column in cells[:width])
    return Sheet(path, tuple(names[:width]), columns, [begins[row] for row in kept])


def _frame(path: Path, text: str, separator: str) -> Any:
    """All rows of a table, its header among them, as text; short rows end in empty values."""
    import pandas as pd

    def read(**options: Any) -> Any:
        return pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            na_filter=False,
            skip_blank_lines=False,
            skipinitialspace=separator != "\t",
            **options,
        )

    try:
        try:
            return read()
        except pd.errors.ParserError:
            # A row is longer than the header. With columns enough its place is known.
            most = max(line.count(separator) for line in text.split("\n")) + 1
            return read(names=range(most))
    except (pd.errors.ParserError, ValueError, MemoryError) as error:
        reason = str(error).strip()
        raise not_read(error, f"{path}: cannot be read as a table ({reason})") from error


def _json_lines(path: Path, text: str) -> Sheet:
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    nested: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            held = json.loads(line, parse_int=str, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path} line {number}: is no JSON ({error})") from error
        if not isinstance(held, dict):
            raise UserError(f"{path} line {number}: is no mapping of columns to values")
        for name, value in held.items():
            if isinstance(value, dict | list):
                nested.setdefault(name, number)
        rows.append({name: _text(value) for name, value in held.items()})
        lines.append(number)
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    cells = tuple([row.get(name, "") for row in rows] for name in columns)
    return Sheet(path, columns, cells, lines, nested)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value)
