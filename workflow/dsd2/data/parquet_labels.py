"""Labels in parquet files: whole numbers, text, or true and false."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.data.class_names import check_classes, check_labels, sorted_classes
from dsd2.data.parquet_io import class_names, parquet_schema, read_foreign_parquet, whole_numbers
from dsd2.errors import UserError

if TYPE_CHECKING:
    import numpy as np

MAX_CLASSES = 100_000
"""Classes where they have no names: a larger label is no label."""

_NO_LABEL = (None, -1, "")
"""What stands for the labels of a test set that are kept secret."""


@dataclass(frozen=True)
class Labels:
    """The labels of the splits that have any.

    Attributes:
        classes: their names.
        of: the class of each row, int64, by file.
        unlabelled: splits that have none.
    """

    classes: tuple[str, ...]
    of: Mapping[Path, np.ndarray]
    unlabelled: tuple[str, ...]


def read_labels(folder: Path, files: Mapping[str, Sequence[Path]], column: str) -> Labels:
    """The labels of all splits. Text, and true and false, become classes in their order.

    Args:
        folder: for messages.
        files: of each split.
        column: of the labels.

    Raises:
        UserError: a label is none, or outside the classes; files differ in their classes.
    """
    unlabelled = tuple(
        split for split in files if split != "train" and _has_no_labels(files[split], column)
    )
    held: dict[Path, np.ndarray | list[str]] = {}
    names: tuple[str, ...] = ()
    for file in (file for split in files if split not in unlabelled for file in files[split]):
        held[file] = _values(file, column)
        own = class_names(file, parquet_schema(file), column)
        if own and names and own != names:
            raise UserError(f"{file}: its class names are others than those of {next(iter(held))}")
        names = names or own
    texts = {file: values for file, values in held.items() if isinstance(values, list)}
    if texts and len(texts) < len(held):
        other = next(file for file in held if file not in texts)
        raise UserError(
            f"{next(iter(texts))}: its labels ({column}) are text, and those of {other} numbers"
        )
    if texts:
        return _of_texts(folder, texts, unlabelled)
    numbers = {file: values for file, values in held.items() if not isinstance(values, list)}
    return _of_numbers(numbers, names, unlabelled)


def _has_no_labels(files: Sequence[Path], column: str) -> bool:
    """Whether all labels of some files are missing or -1."""
    import pyarrow as pa

    for file in files:
        if column in parquet_schema(file).names:
            values = read_foreign_parquet(file, [column]).column(column)
            if pa.types.is_nested(values.type):
                return False
            if any(value not in _NO_LABEL for value in values.to_pylist()):
                return False
    return True


def _values(file: Path, column: str) -> np.ndarray | list[str]:
    """The labels of a file: whole numbers, or text."""
    import pyarrow as pa

    names = parquet_schema(file).names
    if column not in names:
        raise UserError(
            f"{file}: has no column {column!r} (dataset.label_column); it has {', '.join(names)}"
        )
    table = read_foreign_parquet(file, [column])
    if len(table) == 0:
        raise UserError(f"{file}: has no rows")
    values = table.column(column)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
        table = pa.table({column: values})
    kind = values.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not is_text and not pa.types.is_boolean(kind):
        return whole_numbers(file, table, column)
    given = values.to_pylist()
    texts = [str(value).lower() if isinstance(value, bool) else value for value in given]
    for row, text in enumerate(texts):
        if not text:
            raise UserError(f"{file} row {row}: {column} is {text!r}, which is no label")
    return texts


def _of_texts(folder: Path, held: Mapping[Path, list[str]], unlabelled: tuple[str, ...]) -> Labels:
    import numpy as np

    places: dict[str, str] = {}
    for file, texts in held.items():
        for row, text in enumerate(texts):
            if text not in places:
                places[text] = f"{file.relative_to(folder)} row {row}"
    classes = sorted_classes(places)
    check_classes(str(folder), classes, places)
    check_labels(str(folder), [text for texts in held.values() for text in texts], places)
    numbers = {name: label for label, name in enumerate(classes)}
    of = {
        file: np.array([numbers[text] for text in texts], np.int64) for file, texts in held.items()
    }
    return Labels(classes, of, unlabelled)


def _of_numbers(
    held: Mapping[Path, np.ndarray], names: tuple[str, ...], unlabelled: tuple[str, ...]
) -> Labels:
    most = len(names) or MAX_CLASSES
    for file, labels in held.items():
        outside = ((labels < 0) | (labels >= most)).nonzero()[0]
        if len(outside):
            row = int(outside[0])
            raise UserError(
                f"{file} row {row}: label {int(labels[row])} is outside 0 to {most - 1}"
            )
    highest = max(int(labels.max()) for labels in held.values())
    return Labels(names or tuple(map(str, range(highest + 1))), held, unlabelled)
