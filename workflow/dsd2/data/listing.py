"""Class folders: which image files they hold, by the rules of torchvision's ``ImageFolder``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2.errors import UserError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Endings of image files, in any case; torchvision's."""

GREY = {"1", "L", "LA", "La", "I", "I;16", "F"}
"""PIL's modes of images without colour."""

SPLITS = ("train", "validation", "test")
"""Folders, or beginnings of parquet files, of a dataset that is split already."""


@dataclass(frozen=True)
class Listed:
    """The files of one split.

    Attributes:
        names: paths relative to the dataset's folder, by class and then by name.
        labels: the class of each.
    """

    names: list[str]
    labels: list[int]


@dataclass(frozen=True)
class ClassFolders:
    """The files of all splits; ``train`` alone where the folder is not split."""

    classes: tuple[str, ...]
    splits: dict[str, Listed]


def list_class_folders(folder: Path) -> ClassFolders:
    """List class folders, or such folders in ``train``, ``validation`` and ``test``.

    Raises:
        UserError: there is no class folder or one is empty, or splits have different classes.
    """
    if not (folder / "train").is_dir():
        classes, listed = _list(folder, folder)
        return ClassFolders(classes, {"train": listed})
    found = {split: _list(folder, folder / split) for split in SPLITS if (folder / split).is_dir()}
    classes = found["train"][0]
    for split, (others, _) in found.items():
        if others != classes:
            raise UserError(f"{folder}: train and {split} have different class folders")
    return ClassFolders(classes, {split: listed for split, (_, listed) in found.items()})


def _list(root: Path, folder: Path) -> tuple[tuple[str, ...], Listed]:
    entries = sorted(e.name for e in os.scandir(folder) if e.is_dir()) if folder.is_dir() else []
    if not entries:
        raise UserError(f"{folder}: needs a folder of images for each class")
    listed = Listed([], [])
    for label, name in enumerate(entries):
        before = len(listed.names)
        for place, _, files in sorted(os.walk(folder / name, followlinks=True)):
            images = [file for file in sorted(files) if file.lower().endswith(EXTENSIONS)]
            inside = os.path.relpath(place, root)
            listed.names.extend(f"{inside}/{image}" for image in images)
        found = len(listed.names) - before
        if not found:
            raise UserError(
                f"{folder / name}: has no image file; images end in {', '.join(EXTENSIONS)}"
            )
        listed.labels.extend([label] * found)
    return tuple(entries), listed


def open_image(path: Path | str) -> Any:
    """A PIL image whose header alone is read.

    Raises:
        UserError: it is no image, or not there.
    """
    from PIL import Image

    try:
        return Image.open(path)
    except Exception as error:
        raise UserError(f"{path}: the image cannot be decoded ({error})") from error


def folders_mode(folder: Path, listed: ClassFolders) -> str:
    """``L`` if all images are greyscale, else ``RGB``; stops at the first colour image."""
    for split in listed.splits.values():
        for name in split.names:
            with open_image(folder / name) as image:
                if image.mode not in GREY:
                    return "RGB"
    return "L"
