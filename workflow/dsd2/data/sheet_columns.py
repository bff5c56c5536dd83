"""Which columns of a table hold images' names, labels and splits."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from dsd2.data.column_names import IMAGE_NAMES, LABEL_NAMES, SPLIT_NAMES, usual
from dsd2.data.image_index import ImageIndex
from dsd2.data.listing import split_of
from dsd2.data.one_hot import with_one_hot
from dsd2.data.sheets import Sheet
from dsd2.errors import UserError


@dataclass(frozen=True)
class Columns:
    """Columns of a table; None for one that is to be found, or is not there.

    Attributes:
        image: of images' names.
        label: of labels.
        split: of words for splits.
    """

    image: str | None = None
    label: str | None = None
    split: str | None = None


def columns_of(sheet: Sheet, wanted: Columns, index: ImageIndex, near: str) -> Columns:
    """The columns of a table: those that are wanted, and by their usual names the others.

    A column of images' names is one whose first value names a file. Where no name is usual it is
    the only such column; the label's is then the only one that is left.

    Args:
        sheet: the table.
        wanted: names that the user gives.
        index: of the files.
        near: the table's folder.

    Returns:
        ``split`` is None where there is no such column; the others are there.

    Raises:
        UserError: a column is not there, or it is not plain which one is meant.
    """
    if any(_names_file(cell, index, near) for cell in sheet.columns):
        raise UserError(f"{sheet.path} line 1: names an image; put names of the columns above it")
    image = wanted_column(sheet, "image_column", wanted.image) or _image(sheet, index, near)
    split = wanted_column(sheet, "split_column", wanted.split)
    if split is None:
        split = next(iter(usual(_left(sheet, image, wanted.label), SPLIT_NAMES)), None)
    label = wanted_column(sheet, "label_column", wanted.label)
    return Columns(image, label or _label(sheet, _left(sheet, image, split)), split)


def with_labels(
    sheet: Sheet, wanted: Columns, index: ImageIndex, near: str, remarks: list[str]
) -> Sheet:
    """A table that has a column of labels, also where it has a column for each class instead.

    Args:
        sheet: the table.
        wanted: names that the user gives.
        index: of the files.
        near: the table's folder.
        remarks: which get one, where such columns were taken.

    Raises:
        UserError: a row is of no class, or of several.
    """
    if wanted.label is not None or usual(sheet.columns, LABEL_NAMES):
        return sheet
    try:
        image = wanted_column(sheet, "image_column", wanted.image) or _image(sheet, index, near)
    except UserError:
        return sheet  # Whoever looks for the columns says it.
    split = wanted.split or next(iter(usual(_left(sheet, image), SPLIT_NAMES)), None)
    classes = _left(sheet, image, split)
    made = with_one_hot(sheet, classes)
    if made is None:
        return sheet
    path = posixpath.join(near, sheet.path.name)
    remarks.append(f"{path}: the columns {', '.join(classes)} are taken for classes")
    return made


def wanted_column(sheet: Sheet, key: str, name: str | None) -> str | None:
    """The column that a configuration key names; None where it names none.

    Raises:
        UserError: the table has no such column.
    """
    column = None if name is None else sheet.named(name)
    if name is not None and column is None:
        raise UserError(
            f"{sheet.path}: has no column {name!r} (dataset.{key}); it has {_listed(sheet.columns)}"
        )
    return column


def image_column(sheet: Sheet, name: str, index: ImageIndex, near: str) -> str:
    """The column of images' names in a further table: of the same name, or as for the first."""
    return sheet.named(name) or _image(sheet, index, near)


def _left(sheet: Sheet, *taken: str | None) -> list[str]:
    return [name for name in sheet.columns if name and name not in taken]


def _image(sheet: Sheet, index: ImageIndex, near: str) -> str:
    named = usual(sheet.columns, IMAGE_NAMES)
    naming = [name for name in named or _left(sheet) if _is_of_names(sheet, name, index, near)]
    if named:
        return (naming or named)[0]
    if len(naming) == 1:
        return naming[0]
    how = "several columns name images" if naming else "no column is plainly of images' names"
    raise UserError(
        f"{sheet.path}: {how}; set dataset.image_column to one of"
        f" {_listed(naming or sheet.columns)}"
    )


def _is_of_names(sheet: Sheet, column: str, index: ImageIndex, near: str) -> bool:
    first = next(filter(None, sheet.values(column)), None)
    return first is not None and _names_file(first, index, near)


def _names_file(name: str, index: ImageIndex, near: str) -> bool:
    try:
        return bool(name) and bool(index.find(name, near))
    except UserError:
        return False


def _label(sheet: Sheet, left: Sequence[str]) -> str:
    named = usual(left, LABEL_NAMES)
    if len(named) == 1:
        return named[0]
    if not named and len(left) == 1:
        return left[0]
    how = "several columns may be the label" if named else "no column is plainly the label"
    raise UserError(
        f"{sheet.path}: {how}; set dataset.label_column to one of {_listed(named or left)}"
    )


def splits_of_rows(sheet: Sheet, column: str, given: bool) -> list[str] | None:
    """The split of each row by a column; None where it holds no words for splits.

    Args:
        sheet: the table.
        column: its column.
        given: whether the user names it, so that it must hold such words.

    Raises:
        UserError: a value means no split, though others do.
    """
    words = sheet.values(column)
    splits = [split_of(word) for word in words]
    if not given and not any(splits):
        return None
    for line, word, split in zip(sheet.lines, words, splits, strict=True):
        if split is None:
            raise UserError(
                f"{sheet.path} line {line}: {column} is {word!r}, which must be train, validation"
                " or test (dataset.split_column)"
            )
    return [split for split in splits if split]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name for name in names if name)
