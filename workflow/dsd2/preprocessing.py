"""How an image file becomes the pixels that a network takes.

This module needs numpy and Pillow alone, and pillow-heif for HEIC photos. A copy of it lies beside
every exported network, so that new photos are read as the training images were.

An image is identified by its content, never by its name. Of a file with several images the first is
read. It is turned as its EXIF orientation says. Transparent parts show :data:`BACKGROUND`, whatever
colour they hide. Of 16 bits a channel the upper 8 are kept, rounded: v/257.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = (
    *("AVIF", "BMP", "DDS", "DIB", "GIF", "HEIF", "ICNS", "ICO", "JPEG", "JPEG2000", "MPO", "PCX"),
    *("PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP"),
)
"""Pillow's formats that are read: those that a file's first bytes tell, and none that runs another
program to decode it, as EPS does."""

GREY = {"1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N"}
"""Pillow's modes of images without colour."""

BACKGROUND = (255, 255, 255)
"""White: what transparent parts of an image show."""

CENTRE = 256 / 224
"""What ImageNet's protocol makes the shorter side to be before it cuts out the middle."""

HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of HEIC files, which Pillow needs a plugin for."""


SYSTEM = {
    *("__macosx", "$recycle.bin", "system volume information", "@eadir", "lost+found"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
}
"""Names, in small letters, of what systems leave among images."""


class ImageError(Exception):
    """An image cannot be read; the text says why."""


def is_shown(name: str) -> bool:
    """Whether an entry of a folder is neither hidden nor a system's."""
    return not name.startswith(".") and name.lower() not in SYSTEM


def open_image(source: Any, name: str | None = None) -> Image.Image:
    """An image whose header alone is read.

    Args:
        source: path of an image file, or the bytes of one.
        name: of the image in messages; the path by default.

    Raises:
        ImageError: it is not there, or no image, or of a kind that is not read.
        MemoryError: memory was short.
    """
    name = name or os.fspath(source)
    _register_heif()
    Image.init()
    formats = [known for known in FORMATS if known in Image.OPEN]
    try:
        image = Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, "r", formats
        )
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: the image cannot be decoded ({_unknown(source)})") from error
    except MemoryError:
        raise
    except Exception as error:
        raise ImageError(f"{name}: the image cannot be decoded ({error})") from error
    if image.mode == "F":
        image.close()
        raise ImageError(
            f"{name}: the image has floating-point pixels (Pillow's mode F), which have no greatest"
            " value; convert it to 8 or 16 bits"
        )
    return image


@cache
def _register_heif() -> None:
    """Have Pillow read HEIC photos, where the plugin is installed."""
    with suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()


def _unknown(source: Any) -> str:
    """What is known of a file that is none of the formats."""
    if isinstance(source, bytes):
        start = source[:12]
    else:
        with Path(source).open("rb") as file:
            start = file.read(12)
    if not start:
        return "the file is empty"
    if start[4:8] == b"ftyp" and start[8:12] in HEIC:
        return "it is a HEIC photo: pip install pillow-heif"
    return f"it is none of {', '.join(FORMATS)}"


def is_grey(image: Image.Image) -> bool:
    """Whether an image has no colour, by its mode."""
    return image.mode in GREY


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image, 1 to 8; 1 is upright."""
    # Pillow would decode a PNG without EXIF to look behind its pixels.
    if image.format == "PNG" and not image.info.keys() & {"exif", "Raw profile type exif"}:
        return 1
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:
        return 1
    return found if found in range(1, 9) else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an image in pixels once it is turned."""
    width, height = image.size
    # Pillow itself turns a TIFF when it decodes it, and gives the size after that.
    turned = image.format != "TIFF" and orientation(image) >= 5
    return (height, width) if turned else (width, height)


def pixels_of(image: Image.Image, mode: str, name: str) -> Image.Image:
    """The image turned upright, without transparency, 8 bits a channel.

    Args:
        image: as :func:`open_image` gives it.
        mode: ``L`` or ``RGB``.
        name: in messages.

    Raises:
        ImageError: it cannot be decoded.
        MemoryError: memory was short.
    """
    try:
        image.load()
        image = _turned(image)
        if image.mode.startswith("I"):
            image = _eight_bits(image, name)
        if image.has_transparency_data:
            seen = image.convert("RGBA")
            image = Image.new("RGBA", seen.size, (*BACKGROUND, 255))
            image.alpha_composite(seen)
        return image.convert(mode)
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        raise ImageError(f"{name}: the image cannot be decoded ({error})") from error


def _turned(image: Image.Image) -> Image.Image:
    # Once the image is decoded, EXIF behind the pixels of a PNG is known, too.
    if orientation(image) == 1:
        return image
    with suppress(Exception):  # Damaged EXIF says nothing of how the photo was held.
        return ImageOps.exif_transpose(image)
    return image


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{name}: the image has values from {values.min()} to {values.max()}, more than 16"
            " bits; convert it to 8 or 16 bits"
        )
    return Image.fromarray(((values * 2 + 257) // 514).astype(np.uint8))


def central_square(image: Image.Image, size: int) -> Image.Image:
    """ImageNet's usual view for evaluation: resize the shorter side, cut out the middle.

    The same bits as torchvision's ``Resize`` and ``CenterCrop`` give.
    """
    short = round(size * CENTRE)
    width, height = image.size
    if width <= height:
        scaled = (short, int(short * height / width))
    else:
        scaled = (int(short * width / height), short)
    image = image.resize(scaled, Image.Resampling.BILINEAR)
    left, top = round((scaled[0] - size) / 2), round((scaled[1] - size) / 2)
    return image.crop((left, top, left + size, top + size))


def fitted(image: Image.Image, size: int | Sequence[int], fit: str) -> Image.Image:
    """The part of an image that is evaluated.

    Args:
        image: of any size.
        size: side in pixels of the square that it becomes; or, of what is no square, its height
            and width.
        fit: ``square`` cuts out the largest middle part of the right shape and scales it with
            Pillow's bicubic filter; an image of the right size stays as it is. ``imagenet`` is
            :func:`central_square`.

    Raises:
        ImageError: there is no such fit.
    """
    if fit == "imagenet" and isinstance(size, int):
        return central_square(image, size)
    if fit != "square":
        raise ImageError(f"an image is fitted by the rule square or imagenet, not {fit} of {size}")
    height, width = (size, size) if isinstance(size, int) else size
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def as_array(image: Image.Image) -> np.ndarray:
    """The pixels of an image, uint8 [C, H, W]."""
    array = np.array(image, np.uint8).reshape(image.height, image.width, -1)
    return np.ascontiguousarray(array.transpose(2, 0, 1))


def read_image(source: Any, how: Mapping[str, Any], name: str | None = None) -> np.ndarray:
    """An image file as a network takes it, uint8 [C, H, W].

    Args:
        source: path of an image file, or the bytes of one.
        how: ``mode`` (``L`` or ``RGB``), ``size`` and ``fit`` (see :func:`fitted`), as
            ``preprocessing.json`` beside an exported network says.
        name: of the image in messages; the path by default.

    Raises:
        ImageError: it is not there, or cannot be decoded.
        MemoryError: memory was short.
    """
    name = name or os.fspath(source)
    with open_image(source, name) as image:
        return as_array(fitted(pixels_of(image, how["mode"], name), how["size"], how["fit"]))


def is_resized(source: Any, how: Mapping[str, Any]) -> bool:
    """Whether an image is resized though no training image is known to have been.

    Args:
        source: path of an image file, or the bytes of one.
        how: what ``preprocessing.json`` says.
    """
    with open_image(source) as image:
        width, height = upright_size(image)
    return not how["resized"] and [height, width] != how["input"]["shape"][2:]
