"""Which folders are classes: no two alike, and all at one depth."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from dsd2.data.listing import names_no_class
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
        places = {Path(image).parent for image in images}
        is_flat = any(place.name == name for place in places) or len(places) == 1
        (flat if is_flat else deep).append(name)
    if deep and flat:
        raise UserError(
            f"{folder}: {deep[0]} holds folders of images and {flat[0]} holds images; give the"
            f" folder whose folders are the classes, as {folder / deep[0]}, or name what is no"
            f" class in dataset.ignore, as [{flat[0]}]"
        )
