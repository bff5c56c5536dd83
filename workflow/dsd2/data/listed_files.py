"""A user's image files once they are listed: their mode, their contents, and themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.data.decoding import open_image
from dsd2.data.listing import Listed, Listing
from dsd2.errors import UnreadableError, UserError
from dsd2.recipe import Contents

if TYPE_CHECKING:
    from dsd2.data.source import Images, Source


def listed_mode(folder: Path, listing: Listing) -> str:
    """``L`` if all images are greyscale, else ``RGB``; stops at the first colour image.

    What is no image says nothing; who decodes it names it.

    Raises:
        UnreadableError: a file may not be read.
    """
    from dsd2.preprocessing import is_grey

    for split in listing.splits.values():
        for name in split.names:
            try:
                with open_image(folder / name) as image:
                    if not is_grey(image):
                        return "RGB"
            except UnreadableError:
                raise
            except UserError:
                continue
    return "L"


def listed_contents(folder: Path, listing: Listing, size: int) -> Contents:
    """What a dataset of these files is, each image a square of a size."""
    channels = 1 if listed_mode(folder, listing) == "L" else 3
    count = {split: len(files.names) for split, files in listing.splits.items()}
    return Contents(
        (channels, size, size),
        len(listing.classes),
        count["train"],
        count.get("validation"),
        count.get("test"),
    )


def listed_source(folder: Path, listing: Listing, size: int, origin: str) -> Source:
    """The files as they are decoded later: the shorter side brought to a size, the middle cut out.

    Args:
        folder: that their names start in.
        listing: of them.
        size: side of the images in pixels.
        origin: one line that says what was read.
    """
    import torch

    from dsd2.data.files import image_files
    from dsd2.data.source import Images, Source

    mode = listed_mode(folder, listing)

    def images(split: Listed) -> Images:
        files = image_files(folder, split.names, mode, size)
        return Images(files, torch.tensor(split.labels, dtype=torch.int64))

    parts = {name: images(split) for name, split in listing.splits.items()}
    return Source(
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        classes=listing.classes,
        origin=origin,
    )
