"""What is in a user's images: each is decoded once."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.data.decoding import decoded, open_image
from dsd2.data.listing import Listing
from dsd2.data.own import OwnDataset
from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.preprocessing import orientation, upright_size

if TYPE_CHECKING:
    from PIL.Image import Image

REDUCED = 256
"""Pixels of the shorter side that a JPEG is decoded to at least: enough to tell pictures apart."""

Record = dict[str, Any]
"""A row of :data:`dsd2.files.records.IMAGES`."""


def decoded_reduced(image: Image, side: int, name: str) -> Image:
    """An image in colour; a JPEG is decoded to a fraction of its size, which is faster.

    Args:
        image: as :func:`dsd2.data.decoding.open_image` gives it.
        side: pixels that each side of a JPEG keeps at least, where it has them.
        name: in messages.

    Raises:
        UserError: it cannot be decoded.
    """
    if image.format in ("JPEG", "MPO"):
        image.draft(None, (side, side))
    return decoded(image, "RGB", name)


def inspect_image(source: Path | str | bytes, name: str) -> Record:
    """What a decoded image is, or why it cannot be decoded.

    Args:
        source: an image file, or what is in one.
        name: of the image in messages.
    """
    found: Record = dict.fromkeys(
        ("error", "format", "mode", "width", "height", "orientation", "transparent", "digest")
    )
    try:
        with open_image(source, name) as image:
            width, height = upright_size(image)
            found |= {
                "format": image.format,
                "mode": image.mode,
                "width": width,
                "height": height,
                "orientation": orientation(image),
                "transparent": image.has_transparency_data,
            }
            pixels = decoded_reduced(image, REDUCED, name)
    except UserError as error:
        return {**found, "error": one_line(str(error).removeprefix(f"{name}: "))}
    digest = hashlib.blake2b(f"{width}×{height}".encode(), digest_size=16)
    digest.update(pixels.tobytes())
    return {**found, "digest": digest.hexdigest()}


def inspect(recipe: OwnDataset, listing: Listing, threads: int) -> list[Record]:
    """A row of :data:`dsd2.files.records.IMAGES` for every listed image, ``split`` left open.

    Args:
        recipe: whose images.
        listing: of them.
        threads: that decode.
    """
    rows: list[Record] = []
    with ThreadPoolExecutor(threads) as pool:
        for split, listed in listing.splits.items():
            # What is no UTF-8 cannot be stored as text.
            names = [name.encode(errors="replace").decode() for name in listed.names]
            found = pool.map(inspect_image, recipe.sources(listed.names), names)
            for name, label, record in zip(names, listed.labels, found, strict=True):
                about = {"file": name, "given_split": split, "split": None, "label": label}
                rows.append({**about, "class": one_line(listing.classes[label]), **record})
    return rows
