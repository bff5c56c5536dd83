"""Image files as the workflow opens them: what is wrong with one is a user's error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.errors import UserError
from dsd2.files.reading import check_file, not_read

if TYPE_CHECKING:
    from PIL.Image import Image


def open_image(source: Path | str | bytes, name: str | None = None) -> Image:
    """An image whose header alone is read (:func:`dsd2.preprocessing.open_image`).

    Args:
        source: an image file, or what is in one.
        name: of the image in messages; the file's by default.

    Raises:
        UserError: it is no image, not there, no file, or too large to be an image.
    """
    from dsd2 import preprocessing

    name = name or str(source)
    try:
        if not isinstance(source, bytes):
            check_file(source)
        return preprocessing.open_image(source, name)
    except UserError:
        raise
    except preprocessing.ImageError as error:
        raise not_read(error.__cause__ or error, str(error)) from error
    except Exception as error:
        raise not_read(error, f"{name}: the image cannot be decoded ({error})") from error


def decoded(image: Image, mode: str, name: str) -> Image:
    """The image's pixels (:func:`dsd2.preprocessing.pixels_of`).

    Raises:
        UserError: it cannot be decoded.
    """
    from dsd2 import preprocessing

    try:
        return preprocessing.pixels_of(image, mode, name)
    except preprocessing.ImageError as error:
        raise not_read(error.__cause__ or error, str(error)) from error
