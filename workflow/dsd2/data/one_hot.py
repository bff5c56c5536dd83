"""Tables with a column for each class, of which one is 1 in each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dsd2.data.sheets import Sheet
from dsd2.errors import UserError

YES, NO = ("1", "1.0", "true", "True"), ("0", "0.0", "false", "False", "")


LABEL = "label"
"""Name of the column that is added."""


def with_one_hot(sheet: Sheet, columns: Sequence[str]) -> Sheet | None:
    """The table with a column :data:`LABEL` of class names; None where it has no such columns.

    Args:
        sheet: the table.
        columns: those that may be classes.

    Raises:
        UserError: the columns are of classes, but a row has none or several.
    """
    held = {value for column in columns for value in sheet.values(column)}
    if len(columns) < 2 or not held <= {*YES, *NO} or held.isdisjoint(YES):
        return None
    labels = []
    for row, line in enumerate(sheet.lines):
        of_row = [column for column in columns if sheet.values(column)[row] in YES]
        if len(of_row) != 1:
            raise UserError(
                f"{sheet.path} line {line}: is 1 in {' and '.join(of_row) or 'no column'} of"
                f" {', '.join(columns)}; each image must be of one class"
            )
        labels.append(of_row[0])
    return replace(sheet, columns=(*sheet.columns, LABEL), cells=(*sheet.cells, labels))
