"""What people call the columns of a table of images."""

from __future__ import annotations

import re
from collections.abc import Sequence

IMAGE_NAMES = (
    *("filename", "file", "filepath", "fname", "image", "imagefilename", "imagefile", "imagepath"),
    *("imagename", "imageid", "img", "imgpath", "imgname", "imgid", "imageindex", "picture"),
    *("photo", "path", "isicid", "idcode", "uuid", "id", "name"),
)
"""Columns of images' names or of images, the plainest first, as :func:`plain` writes them."""

LABEL_NAMES = (
    *("label", "labels", "class", "classname", "classlabel", "classid", "category", "target"),
    *("categoryname", "labelname", "labelid", "finelabel", "coarselabel", "species", "breed"),
    *("diagnosis", "cultivar", "y"),
)
"""Columns of labels."""

SPLIT_NAMES = ("split", "set", "subset", "fold", "partition")
"""Columns that say which split a row belongs to."""


def plain(name: str) -> str:
    """A column's name without case, spaces, hyphens, underscores and full stops."""
    return re.sub(r"[\s_.\-]+", "", name).casefold()


def usual(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns that bear one of some usual names, in the order of the names."""
    found = [column for column in columns if plain(column) in names]
    return sorted(found, key=lambda column: names.index(plain(column)))
