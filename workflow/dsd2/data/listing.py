"""What a user's images are before any of them is decoded: names, labels, and what is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

SPLITS = ("train", "validation", "test")
"""Splits that a dataset may bring; ``train`` is always there."""

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""What folders or tables of a split are called, in any case; ``set``, ``data`` or ``images`` may
follow."""


CONTAINERS = {
    *("all", "data", "dataset", "files", "image", "images", "img", "imgs", "jpeg", "jpg"),
    *("photo", "photos", "pics", "pictures", "png", "annotations", "groundtruth", "labels"),
    *("mask", "masks", "segmentation", "segmentations"),
}
"""What folders are called that hold images of any class, in small letters."""


def names_no_class(name: str) -> bool:
    """Whether a folder's name says where images lie, and not what they show."""
    return name.strip().casefold() in CONTAINERS or split_of(name) is not None


def split_of(name: str) -> str | None:
    """The split that a folder or table of this name holds; None where the name is no split's."""
    plain = re.sub(r"[ _-]?(set|data|images)$", "", name.strip().casefold())
    return next((split for split, names in SPLIT_NAMES.items() if plain in names), None)


@dataclass(frozen=True)
class Listed:
    """The images of one split.

    Attributes:
        names: paths relative to the dataset's folder; of an image in a table, the table's path,
            ``#`` and the row.
        labels: the class of each.
    """

    names: list[str]
    labels: list[int]


@dataclass(frozen=True)
class LeftOut:
    """Files or folders that are not used.

    Attributes:
        what: they are, as a plural: ``hidden and system entries``.
        names: paths relative to the dataset's folder.
    """

    what: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """The images of a user's data.

    Attributes:
        classes: names, in the order of the labels.
        splits: the images of each of :data:`SPLITS` that there is.
        left_out: what lies beside them and is not used.
        remarks: sentences on what was taken for what, where that is not plain.
    """

    classes: tuple[str, ...]
    splits: dict[str, Listed]
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
