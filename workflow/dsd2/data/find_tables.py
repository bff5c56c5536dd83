"""Which tables of a folder hold its images' labels, by names and headers alone."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dsd2.data.column_names import IMAGE_NAMES, LABEL_NAMES, usual
from dsd2.data.image_index import is_image_name, relative_name, walked
from dsd2.data.listing import split_of
from dsd2.data.scan import is_hidden
from dsd2.data.sheets import SUFFIXES, header_of
from dsd2.data.split_words import split_in
from dsd2.errors import UserError

ALL = "all"
"""Stands for the split of a table whose rows may be of any split."""


@dataclass(frozen=True)
class FoundTables:
    """The tables of a folder of images.

    Attributes:
        tables: the path of each split's below the folder; of one table alone under :data:`ALL`.
        problem: why there are none, as the end of a sentence on the folder; None where there are.
        ambiguous: tables of which none is plainly the one; empty where one is, or none is there.
        others: tables that are not taken.
    """

    tables: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    ambiguous: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def find_tables(folder: Path, ignore: Collection[str] = ()) -> FoundTables:
    """Look for images with one table of labels, or with one for each split.

    Tables lie in the folder, or where it has none in a folder in it. Those of splits are told by a
    word in their names or by their folders (``train.csv``, ``train/metadata.csv``). No image is
    opened, and of tables the header alone is read.

    Args:
        folder: to look into.
        ignore: paths below it that are passed over.

    Raises:
        UserError: a folder cannot be listed.
    """
    found = _tables_in(folder, "", ignore)
    if not found:
        inner = [name for name in _entries(folder, Path.is_dir) if name not in ignore]
        found = [path for inside in inner for path in _tables_in(folder, inside, ignore)]
    if not found:
        return FoundTables(problem=f"has no table of labels ({', '.join(SUFFIXES)})")
    if not any(is_image_name(name) for _, shown, _ in walked(folder, ignore) for name in shown):
        return FoundTables(problem="has no image file")
    # What is to be handed in at Kaggle holds no labels.
    labels = [path for path in found if "submission" not in re.split(r"[\W_]+", path.lower())]
    splits: dict[str, list[str]] = defaultdict(list)
    for path in labels:
        splits[split_of_table(path) or ALL].append(path)
    if len(labels) > 1 and splits["train"]:
        return _of_splits(folder, splits, found)
    if len(labels) > 1:
        labels = [path for path in labels if _has_labels(folder / path)]
    if len(labels) == 1:
        return FoundTables({ALL: labels[0]}, others=_without(found, labels))
    return _ambiguous(labels or found)


def tables_of(folder: Path, table: str | None, ignore: Collection[str] = ()) -> FoundTables:
    """The tables that a dataset's labels are in.

    Args:
        folder: of the dataset.
        table: path of its one table below the folder; None where it is to be found.
        ignore: paths below the folder that are passed over.

    Raises:
        UserError: there is no such file, or none or several are found.
    """
    if table is not None:
        try:
            path = relative_name(table, "")
        except UserError as error:
            raise UserError(f"config key dataset.table: {error}") from error
        if not (folder / path).is_file():
            raise UserError(f"config key dataset.table is {table!r}, and {folder} has no such file")
        return FoundTables({ALL: path})
    if not folder.is_dir():
        raise UserError(f"{folder}: is no folder of images with a table of their labels")
    found = find_tables(folder, ignore)
    if found.problem is not None:
        raise UserError(f"{folder}: {found.problem}")
    return found


def _tables_in(folder: Path, inside: str, ignore: Collection[str]) -> list[str]:
    """The tables in a folder, not in those below it, as paths below the dataset's folder."""
    names = _entries(folder / inside, Path.is_file)
    paths = [posixpath.join(inside, name) for name in names if name.lower().endswith(SUFFIXES)]
    return [path for path in paths if path not in ignore]


def _entries(folder: Path, kind: Callable[[Path], bool]) -> list[str]:
    """Names of the files, or of the folders, in a folder."""
    try:
        found = [path.name for path in folder.iterdir() if kind(path)]
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be listed ({error.strerror})") from error
    return sorted(name for name in found if not is_hidden(name))


def split_of_table(path: str) -> str | None:
    """The split of a table: by its folder's whole name, else by a word in its own."""
    inside, name = posixpath.split(path)
    return split_of(inside) or split_in(posixpath.splitext(name)[0])


def _of_splits(folder: Path, splits: dict[str, list[str]], found: Sequence[str]) -> FoundTables:
    plain = [path for path in splits.pop(ALL, []) if _has_labels(folder / path)]
    several = [path for paths in splits.values() if len(paths) > 1 for path in paths]
    if several or plain:
        return _ambiguous([*several, *plain, *(() if several else splits["train"])])
    tables = {split: paths[0] for split, paths in splits.items() if paths}
    return FoundTables(tables, others=_without(found, list(tables.values())))


def _has_labels(path: Path) -> bool:
    """Whether a table's header has usual names for a column of images and one of labels."""
    header = header_of(path)
    return bool(usual(header, IMAGE_NAMES) and usual(header, LABEL_NAMES))


def _without(found: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    return tuple(path for path in found if path not in taken)


def _ambiguous(tables: Sequence[str]) -> FoundTables:
    listed = ", ".join(sorted(tables))
    return FoundTables(
        problem=f"has several tables ({listed}); name the one with the labels: dataset.table",
        ambiguous=tuple(sorted(tables)),
    )
