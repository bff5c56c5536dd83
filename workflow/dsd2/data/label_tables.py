"""Images whose labels are in tables: the rows of the tables with their files."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsd2.data.class_names import check_classes, check_labels, sorted_classes
from dsd2.data.find_tables import ALL, FoundTables, split_of_table, tables_of
from dsd2.data.image_index import ImageIndex, is_image_name
from dsd2.data.listing import SPLITS, LeftOut, Listed, Listing
from dsd2.data.scan import HIDDEN, IGNORED, ignored_paths, unknown_ignored
from dsd2.data.sheet_columns import (
    Columns,
    columns_of,
    image_column,
    splits_of_rows,
    wanted_column,
    with_labels,
)
from dsd2.data.sheets import Sheet, read_sheet
from dsd2.data.split_words import first_split
from dsd2.errors import UserError

SHOWN = 5
"""Rows that a message names of those with one fault."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        table: its path below the folder.
        line: of that file.
        image: what it calls the image.
        label: empty where it has none.
        split: ``train``, ``validation`` or ``test``; None where the table does not say.
    """

    table: str
    line: int
    image: str
    label: str
    split: str | None

    @property
    def place(self) -> str:
        """Table and line, for messages."""
        return f"{self.table} line {self.line}"


@dataclass(frozen=True)
class Tabulated:
    """A user's images with the tables that their labels are from.

    Attributes:
        listing: of the images.
        tables: paths below the folder.
    """

    listing: Listing
    tables: tuple[str, ...]


def list_tables(
    folder: Path, table: str | None, wanted: Columns, ignore: Sequence[str] = ()
) -> Tabulated:
    """The images that the tables of a folder name.

    Args:
        folder: of the images.
        table: the one table below it; None where it is to be found.
        wanted: columns that the user names.
        ignore: paths below the folder that are passed over.

    Raises:
        UserError: there is no table, it is not plain what it says, an image is missing, or a label
            is.
    """
    ignore = ignored_paths(ignore)
    if unknown := [name for name in ignore if not (folder / name).exists()]:
        raise unknown_ignored(folder, unknown)
    found = tables_of(folder, table, ignore)
    index = ImageIndex(folder, (*found.tables.values(), *found.others), ignore)
    remarks: list[str] = []
    rows = _rows(folder, found, wanted, index, remarks)
    rows, unlabelled = _labelled(folder, rows, remarks)
    files = _resolved(folder, rows, index)
    if not any(row.split for row in rows):
        rows = _by_folders(rows, files, remarks)
    kept = _once(folder, rows, files, remarks)
    classes = _classes(folder, list(kept.values()))
    splits = {split: Listed([], []) for split in SPLITS}
    numbers = {name: label for label, name in enumerate(classes)}
    for name, row in kept.items():
        listed = splits[row.split or "train"]
        listed.names.append(name)
        listed.labels.append(numbers[row.label])
    if not splits["train"].names:
        raise UserError(f"{folder / rows[0].table}: has no row for training, only others")
    apart = {name for row in unlabelled for name in _find(row, index)} - kept.keys()
    listing = Listing(
        classes,
        {split: listed for split, listed in splits.items() if listed.names},
        _left_out(index, kept.keys() | apart, apart, found, ignore),
        tuple(remarks),
    )
    return Tabulated(listing, tuple(found.tables.values()))


def _rows(
    folder: Path, found: FoundTables, wanted: Columns, index: ImageIndex, remarks: list[str]
) -> list[Row]:
    rows: list[Row] = []
    tables = sorted(found.tables.items(), key=lambda item: item[0] != "train")
    taken: Columns | None = None
    for split, path in tables:
        sheet, near = read_sheet(folder / path), posixpath.dirname(path)
        if split != ALL and wanted.split is not None:
            raise UserError(
                f"config key dataset.split_column is {wanted.split!r}, but {folder} has a table for"
                " each split; name one table by dataset.table, or leave the key out"
            )
        sheet = with_labels(sheet, wanted, index, near, remarks)
        if taken is None:
            taken = columns_of(sheet, wanted, index, near)
            image, label = taken.image, taken.label
        else:
            # A table of test images may lack labels, so its columns are those of the first.
            image = wanted_column(sheet, "image_column", wanted.image)
            image = image or image_column(sheet, str(taken.image), index, near)
            label = sheet.named(str(taken.label))
        splits = None if split == ALL else [split] * len(sheet.lines)
        if split == ALL and taken.split is not None:
            splits = splits_of_rows(sheet, taken.split, wanted.split is not None)
            remarks.append(
                f"{path}: the column {taken.split} holds no words for splits and is not used"
                if splits is None
                else f"{path}: the column {taken.split} says which split an image belongs to"
            )
        rows += _of_sheet(sheet, path, str(image), label, splits)
    return rows


def _of_sheet(
    sheet: Sheet, path: str, image: str, label: str | None, splits: list[str] | None
) -> list[Row]:
    if label in sheet.nested:
        line = sheet.nested[str(label)]
        raise UserError(
            f"{sheet.path} line {line}: {label} is a list or mapping, and must be one label"
        )
    names = sheet.values(image)
    labels = [""] * len(names) if label is None else sheet.values(label)
    rows = []
    for row, (line, name, given) in enumerate(zip(sheet.lines, names, labels, strict=True)):
        if not name:
            raise UserError(f"{sheet.path} line {line}: {image} is empty; it must name an image")
        rows.append(Row(path, line, name, given, splits[row] if splits else None))
    return rows


def _labelled(folder: Path, rows: list[Row], remarks: list[str]) -> tuple[list[Row], list[Row]]:
    """The rows with labels, and those of a test or validation split that has none at all."""
    by_split: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        by_split[row.split].append(row)
    negative = any(row.label == "-1" for row in by_split["train"])
    apart: list[Row] = []
    for split in ("validation", "test"):
        given = {row.label for row in by_split[split]}
        if given and given <= ({""} if negative else {"", "-1"}):
            apart += by_split.pop(split)
            remarks.append(
                f"{apart[-1].table}: has no labels of the {split} images, which are left out"
            )
    kept = [row for row in rows if row.split in by_split]
    empty = [row for row in kept if not row.label]
    if empty:
        raise UserError(
            f"{folder / empty[0].place}: the label of {empty[0].image!r} is empty"
            + (f", and {len(empty) - 1} more are" if len(empty) > 1 else "")
        )
    return kept, apart


def _find(row: Row, index: ImageIndex) -> list[str]:
    split = row.split or split_of_table(row.table)
    return index.find(row.image, posixpath.dirname(row.table), split)


def _resolved(folder: Path, rows: list[Row], index: ImageIndex) -> list[str]:
    """The file of each row.

    Raises:
        UserError: names are not found, fit several files or lie outside of the folder.
    """
    files, missing = [], []
    for row in rows:
        try:
            hits = _find(row, index)
        except UserError as error:
            raise UserError(f"{folder / row.place}: {error}") from error
        if len(hits) > 1:
            raise UserError(
                f"{folder / row.place}: {row.image!r} may be {' or '.join(hits[:2])}; write the"
                " path below the folder"
            )
        if hits:
            files.append(hits[0])
        else:
            missing.append(row)
    if missing:
        listed = ", ".join(f"{row.image!r} ({row.place})" for row in missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise UserError(
            f"{folder / missing[0].table}: {len(missing)} of {len(rows)} images that are named are"
            f" not in {folder}: {listed}{more}"
        )
    return files


def _by_folders(rows: list[Row], files: list[str], remarks: list[str]) -> list[Row]:
    """The rows with the splits whose folders their files lie in, where all lie in such folders."""
    splits = [first_split(file.split("/")[:-1]) for file in files]
    if "train" not in splits or None in splits or len(set(splits)) == 1:
        return rows
    remarks.append("the folders of the images say which split they belong to")
    return [
        Row(row.table, row.line, row.image, row.label, split)
        for row, split in zip(rows, splits, strict=True)
    ]


def _once(folder: Path, rows: list[Row], files: list[str], remarks: list[str]) -> dict[str, Row]:
    """The row of each file."""
    kept: dict[str, Row] = {}
    for file, row in zip(files, rows, strict=True):
        other = kept.setdefault(file, row)
        if other.label != row.label:
            raise UserError(
                f"{folder / row.place}: {file} is {row.label!r}, but {other.label!r} in"
                f" {other.place}"
            )
        if other.split != row.split:
            raise UserError(
                f"{folder / row.place}: {file} is of the {row.split} split, but of the"
                f" {other.split} split in {other.place}"
            )
    if again := len(rows) - len(kept):
        remarks.append(f"{again} rows name an image a second time, with the same label")
    return kept


def _classes(folder: Path, rows: list[Row]) -> tuple[str, ...]:
    places: dict[str, str] = {}
    for row in rows:
        places.setdefault(row.label, row.place)
    classes = sorted_classes(places)
    where = str(folder / rows[0].table)
    check_classes(where, classes, places)
    check_labels(where, [row.label for row in rows], places)
    return classes


def _left_out(
    index: ImageIndex,
    named: set[str],
    unlabelled: set[str],
    found: FoundTables,
    ignore: Sequence[str],
) -> tuple[LeftOut, ...]:
    unnamed = [path for path in index.files if path not in named]
    parts = {
        "images that no table names": [path for path in unnamed if is_image_name(path)],
        "images without labels": sorted(unlabelled),
        "tables that are not used": found.others,
        "files that are no images by their names": [
            path for path in unnamed if not is_image_name(path)
        ],
        HIDDEN: index.hidden,
        IGNORED: ignore,
    }
    return tuple(LeftOut(what, tuple(names)) for what, names in parts.items() if names)
