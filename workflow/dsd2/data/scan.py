"""Class folders: which image files they hold, by the rules of torchvision's ``ImageFolder``."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dsd2.data.decoding import open_image
from dsd2.errors import UserError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Endings of image files, in any case; torchvision's."""

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
        UserError: there is no class folder or one is empty, two are alike or one, or splits have
            different classes.
    """
    seen: dict[str, str] = {}
    if not (folder / "train").is_dir():
        classes, listed = _list(folder, folder, seen)
        return ClassFolders(classes, {"train": listed})
    found = {
        split: _list(folder, folder / split, seen) for split in SPLITS if (folder / split).is_dir()
    }
    classes = found["train"][0]
    for split, (others, _) in found.items():
        if others != classes:
            alone = ", ".join(sorted({*classes} ^ {*others}))
            raise UserError(
                f"{folder}: train and {split} have different class folders, one of them alone has"
                f" {alone}"
            )
    return ClassFolders(classes, {split: listed for split, (_, listed) in found.items()})


def _list(root: Path, folder: Path, seen: dict[str, str]) -> tuple[tuple[str, ...], Listed]:
    entries = _class_names(folder) if folder.is_dir() else []
    if not entries:
        raise UserError(f"{folder}: needs a folder of images for each class")
    listed = Listed([], [])
    for label, name in enumerate(entries):
        before = len(listed.names)
        for place, files in sorted(_walk(folder / name, seen)):
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


def _class_names(folder: Path) -> list[str]:
    """Names of the folders in a folder, no two of which look like one class."""
    names = []
    try:
        with os.scandir(folder) as scanned:
            entries = list(scanned)
        for entry in entries:
            if entry.is_symlink() and not Path(entry.path).exists():
                raise UserError(f"{entry.path}: is a link to nothing; remove it")
            if entry.is_dir():
                names.append(entry.name)
    except OSError as error:
        raise _unlisted(error) from error
    alike: dict[str, str] = {}
    for name in sorted(names):
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in name):
            raise UserError(f"{folder}: the class folder {name!r} is not named in UTF-8")
        # Where classes are letters, B is another than b.
        plain = unicodedata.normalize("NFC", name).strip()
        other = alike.setdefault(plain.casefold() if len(plain) > 1 else plain, name)
        if other != name:
            raise UserError(
                f"{folder}: the class folders {other!r} and {name!r} differ in nothing but case,"
                " spaces or the encoding of a letter; join them or give one another name"
            )
    return sorted(names)


def _walk(top: Path, seen: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The folders below one, itself among them, each with its files; follows links.

    Raises:
        UserError: a folder cannot be listed, or has been seen under another name.
    """

    def refuse(error: OSError) -> None:
        raise _unlisted(error) from error

    for place, _, files in os.walk(top, onerror=refuse, followlinks=True):
        other = seen.setdefault(os.path.realpath(place), place)
        if other != place:
            raise UserError(
                f"{place}: is the same folder as {other}, whose images would count twice; remove"
                " the link"
            )
        yield place, files


def _unlisted(error: OSError) -> UserError:
    return UserError(f"{error.filename}: cannot be listed ({error.strerror})")


def folders_mode(folder: Path, listed: ClassFolders) -> str:
    """``L`` if all images are greyscale, else ``RGB``; stops at the first colour image."""
    from dsd2.preprocessing import is_grey

    for split in listed.splits.values():
        for name in split.names:
            with open_image(folder / name) as image:
                if not is_grey(image):
                    return "RGB"
    return "L"
