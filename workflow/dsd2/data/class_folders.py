"""Which folders are classes: no two alike, and all at one depth."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from dsd2.data.listing import names_no_class, split_of
from dsd2.errors import UserError


def distinct_classes(folder: Path, names: list[str]) -> list[str]:
    """The names of class folders, no two of which look like one class.

    Raises:
        UserError: two do, or a name is no text.
    """
    alike: dict[str, str] = {}
    for name in names:
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
    return names


def check_names(folder: Path, found: Iterable[str]) -> None:
    """Refuse folders whose names say where images lie, as ``images`` beside ``test``.

    Args:
        folder: of them.
        found: names of those that hold images.

    Raises:
        UserError: there are several, and none is named after what its images show.
    """
    names = list(found)
    if len(names) > 1 and all(map(names_no_class, names)):
        raise UserError(
            f"{folder}: the folders {', '.join(names)} hold images, but such names are no classes;"
            " give a folder for each class, or a table of labels (dataset.table)"
        )


def check_depth(folder: Path, found: dict[str, list[str]]) -> None:
    """Refuse folders of classes beside folders of images, as ``Dataset`` and ``Examples``.

    Args:
        folder: of both.
        found: the images of each, as paths.

    Raises:
        UserError: there are both.
    """
    deep: list[str] = []
    flat: list[str] = []
    for name, images in found.items():
        places = {image.rpartition("/")[0] for image in images}
        is_flat = any(Path(place).name == name for place in places) or len(places) == 1
        (flat if is_flat else deep).append(name)
    if deep and flat:
        raise UserError(
            f"{folder}: {deep[0]} holds folders of images and {flat[0]} holds images; give the"
            f" folder whose folders are the classes, as {folder / deep[0]}, or name what is no"
            f" class in dataset.ignore, as [{flat[0]}]"
        )


def check_inner(folder: Path, found: dict[str, list[str]]) -> None:
    """Refuse folders that hold splits, or that are parts of one set, as ``fold1`` and ``fold2``.

    Args:
        folder: of them.
        found: the images of each, as paths.

    Raises:
        UserError: each holds the same folders, and these are splits or rather the classes.
    """
    inner = {name: _folders_below(name, images) for name, images in found.items()}
    held = set().union(*inner.values())
    if "train" in map(split_of, held) and len(set(map(split_of, held)) - {None}) > 1:
        raise UserError(
            f"{folder}: the class folders hold the folders {_listed(held)}, which are splits; put"
            f" the splits first, as {_first(held, 'train')}/{next(iter(found))}"
        )
    alike = len(held) > 1 and all(names == held for names in inner.values())
    if alike and len(found) > 1 and _is_series(found) and not _is_series(held):
        raise UserError(
            f"{folder}: each of the folders {_listed(found)} holds the folders {_listed(held)},"
            " which look like the classes; join them, so that there is one folder for each class"
        )


def _folders_below(name: str, images: Iterable[str]) -> set[str]:
    """The folders in a class folder that hold its images."""
    below: set[str] = set()
    for place in {image.rpartition("/")[0] for image in images}:
        parts = place.split("/")
        below.update(parts[parts.index(name) + 1 :][:1])
    return below


def _is_series(names: Iterable[str]) -> bool:
    """Whether names differ in nothing but a number: ``fold1``, ``fold2``."""
    stems = [re.fullmatch(r"(.*?)[ _-]*[0-9]+", name) for name in names]
    return len({stem[1].casefold() if stem else None for stem in stems}) == 1 and all(stems)


def _first(names: Iterable[str], split: str) -> str:
    return next(name for name in sorted(names) if split_of(name) == split)


def _listed(names: Iterable[str]) -> str:
    first, *rest = ordered = sorted(names)
    return f"{', '.join(ordered[:-1])} and {ordered[-1]}" if rest else first
