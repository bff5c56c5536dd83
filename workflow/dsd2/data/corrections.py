"""Labels that a person or a network has corrected: read, checked and put in the place of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dsd2.data.dataset import Dataset, classes_without_images
from dsd2.data.labels import Corrected, Labels, SplitLabels
from dsd2.data.listing import SPLITS
from dsd2.data.parquet_io import read_foreign_parquet
from dsd2.data.sheets import read_sheet
from dsd2.data.source import Images
from dsd2.errors import UserError
from dsd2.escaping import escape_csv
from dsd2.files.issue_records import ACTIONS, DROP, KEEP, RELABEL

DROPPED = -1
"""The label of an image that is not trained or validated on."""

Decisions = dict[str, dict[int, int]]
"""For images of each split, by their place in it, the class that they get, or that they are
dropped."""


@dataclass(frozen=True)
class _Row:
    where: str
    image: str
    split: str
    action: str
    label: str


def read_corrections(
    path: Path, dataset: Dataset, names: Mapping[str, Sequence[str]], known: Sequence[str]
) -> tuple[Decisions, int]:
    """What a file says of a dataset's images, and how many of its images are not used.

    Args:
        path: CSV in any form of :func:`dsd2.data.sheets.read_sheet`, or parquet: with the columns
            ``image`` and ``action``, ``label`` for what is relabelled, and perhaps ``split``.
        dataset: whose labels are corrected.
        names: of its images by split (:func:`dsd2.data.image_names.image_names`).
        known: names of images that are there and not used.

    Raises:
        UserError: the file cannot be read, or a row names no image, action or class, or an image of
            the test set, or two rows differ.
    """
    places = {split: _places(names.get(split, ())) for split in SPLITS}
    others = {_key(name) for name in known}
    classes = {_key(name): label for label, name in enumerate(dataset.classes)}
    shared = () if dataset.own_validation else ("train", "validation")
    decisions: Decisions = {"train": {}, "validation": {}}
    unused = 0
    for row in _rows(path):
        if row.action == KEEP:
            continue
        image = _key(row.image)
        looked = (row.split, *shared) if row.split in shared else (row.split,)
        looked = looked if row.split else ("train", "validation")
        split = next((s for s in looked if image in places[s]), None)
        if row.split == "test" or (split is None and image in places["test"] and not row.split):
            raise UserError(
                f"{row.where}: image {row.image!r} is a test image, and test labels are never"
                " changed; set its action to keep"
            )
        if split is None:
            if image not in others:
                raise UserError(f"{row.where}: image {row.image!r} is none of the dataset's")
            unused += 1
            continue
        decided = DROPPED if row.action == DROP else _class(row, classes, dataset.classes)
        place = places[split][image]
        if place is None:
            raise UserError(f"{row.where}: image {row.image!r} is the name of several images")
        if decisions[split].setdefault(place, decided) != decided:
            raise UserError(f"{row.where}: image {row.image!r} stands there twice, and differently")
    return decisions, unused


def _places(names: Sequence[str]) -> dict[str, int | None]:
    """The place of each name; None where several are written alike."""
    places: dict[str, int | None] = {}
    for place, name in enumerate(names):
        key = _key(name)
        places[key] = None if key in places else place
    return places


def _key(name: str) -> str:
    """A name as tables hold it, whether or not it was escaped for a spreadsheet."""
    return escape_csv(name).strip()


def _class(row: _Row, classes: Mapping[str, int], names: Sequence[str]) -> int:
    if _key(row.label) not in classes:
        shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
        raise UserError(f"{row.where}: label is {row.label!r} but must be one of {shown}")
    return classes[_key(row.label)]


def _rows(path: Path) -> list[_Row]:
    """The rows of a file of corrections, their words in small letters."""
    if path.suffix.lower() == ".parquet":
        table = read_foreign_parquet(path)
        names = {name: name for name in table.column_names}
        columns = {n: [_text(v) for v in table.column(n).to_pylist()] for n in names}
        count, where = table.num_rows, [f"{path} row {row}" for row in range(table.num_rows)]
    else:
        sheet = read_sheet(path)
        wanted = ("image", "split", "action", "label")
        named = {name: sheet.named(name) for name in wanted}
        columns = {n: sheet.values(column) for n, column in named.items() if column is not None}
        count, where = len(sheet.lines), [f"{path} line {line}" for line in sheet.lines]
    for name in ("image", "action"):
        if name not in columns:
            raise UserError(f"{path}: has no column {name}; a table of label issues has it")
    empty = [""] * count
    rows = [
        _Row(place, image, split.lower(), action.lower() or KEEP, label)
        for place, image, split, action, label in zip(
            where,
            columns["image"],
            columns.get("split", empty),
            columns["action"],
            columns.get("label", empty),
            strict=True,
        )
    ]
    for row in rows:
        if row.action not in ACTIONS:
            raise UserError(
                f"{row.where}: action is {row.action!r} but must be one of {', '.join(ACTIONS)}"
            )
        if row.split not in ("", "train", "validation", "test"):
            raise UserError(
                f"{row.where}: split is {row.split!r} but must be train, validation or test"
            )
    return rows


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def suspects(order: Sequence[int], suggested: Sequence[int], action: str) -> Decisions:
    """What is decided of the training images whose label looks wrong.

    Args:
        order: their places in the training set.
        suggested: the class that each gets where it is relabelled.
        action: drop or relabel.
    """
    relabels = action == RELABEL
    pairs = zip(order, suggested, strict=True)
    return {"train": {place: label if relabels else DROPPED for place, label in pairs}}


def apply_corrections(labels: Labels, decisions: Decisions) -> Labels:
    """The labels with what was decided, and how many that changed."""
    held_out = labels.validation
    train, counts = _applied(labels.train, decisions.get("train", {}))
    more = Corrected(0, 0)
    if held_out is not None:
        held_out, more = _applied(held_out, decisions.get("validation", {}))
    return Labels(train, held_out, replace(counts, held_out=more.dropped + more.relabelled))


def emptied_classes(before: Tensor, after: Tensor, classes: tuple[str, ...]) -> list[str]:
    """Names of the classes that corrections leave without a training image.

    Args:
        before: the training labels, int64 [N].
        after: the corrected ones, int64 [N].
        classes: names.
    """
    empty = classes_without_images(before, classes)
    left = classes_without_images(after[after != DROPPED], classes)
    return [name for name in left if name not in empty]


def _applied(labels: SplitLabels, decided: Mapping[int, int]) -> tuple[SplitLabels, Corrected]:
    given = labels.given.clone()
    for place, label in decided.items():
        given[place] = label
    dropped = given == DROPPED
    relabelled = int(((given != labels.given) & ~dropped).sum())
    return SplitLabels(labels.clean, given), Corrected(int(dropped.sum()), relabelled)


def without_dropped(dataset: Dataset, labels: Labels) -> tuple[Dataset, Labels, Tensor | None]:
    """Dataset and labels of the images that are used, and the places of the training images.

    The places are None where no training image was dropped.
    """
    train, train_labels, kept = _used(dataset.train, labels.train)
    changes: dict[str, object] = {}
    if kept is not None:
        changes = {"train": train, "train_rows": dataset.train_rows[kept]}
    held_out = labels.validation
    if held_out is not None:
        images, held_out, left = _used(dataset.validation, held_out)
        if left is not None:
            rows = dataset.validation_rows[left]
            changes |= {"validation": images, "validation_rows": rows}
    if not changes:
        return dataset, labels, None
    dataset = replace(dataset, **changes)  # type: ignore[arg-type]
    return dataset, Labels(train_labels, held_out, labels.corrected), kept


def _used(images: Images, labels: SplitLabels) -> tuple[Images, SplitLabels, Tensor | None]:
    kept = torch.nonzero(labels.given != DROPPED).flatten()
    if len(kept) == len(labels.given):
        return images, labels, None
    left = Images(images.images[kept], images.labels[kept])
    return left, SplitLabels(labels.clean[kept], labels.given[kept]), kept
