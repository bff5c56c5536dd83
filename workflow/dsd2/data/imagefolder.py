"""Anyone's images: a folder for each class, images of any size and format, resized once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from dsd2.data.source import Images, Source, channels_first
from dsd2.errors import UserError

GREY = {"1", "L", "LA", "I", "I;16", "F"}
"""Modes of images without colour."""


def read_imagefolder(folder: Path, size: int) -> Source:
    """Read class folders, or such folders in ``train`` and ``test``, by torchvision's own reader.

    The shorter side of every image is brought to the size, and the middle square cut out. Images
    are greyscale if all of them are, and RGB otherwise.

    Args:
        folder: holds a folder for each class, or ``train`` and perhaps ``test`` with those.
        size: side of the images in pixels.

    Raises:
        UserError: there are no images, or one cannot be decoded, or the test has other classes.
    """
    split = (folder / "train").is_dir()
    train = _listed(folder / "train" if split else folder)
    test = _listed(folder / "test") if split and (folder / "test").is_dir() else None
    if test is not None and test.classes != train.classes:
        raise UserError(f"{folder}: train and test have different class folders")
    parts = [train] if test is None else [train, test]
    grey = all(_mode(path) in GREY for part in parts for path, _ in part.samples)
    read = [_read(part.samples, size, "L" if grey else "RGB") for part in parts]
    return Source(
        train=read[0],
        test=read[1] if test is not None else None,
        classes=tuple(train.classes),
        origin=f"image files in {folder.name}",
    )


def _listed(folder: Path) -> Any:
    from dsd2.nn.torchvision_ops import import_torchvision

    try:
        return import_torchvision("torchvision.datasets").ImageFolder(str(folder))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{folder}: needs a folder of images for each class ({error})") from error


def _mode(path: str) -> str:
    with _opened(path) as image:
        return str(image.mode)


def _opened(path: str) -> Any:
    from PIL import Image

    try:
        return Image.open(path)
    except Exception as error:
        raise UserError(f"{path}: the image cannot be decoded ({error})") from error


def _read(samples: list[tuple[str, int]], size: int, mode: str) -> Images:
    from PIL import ImageOps

    channels = 1 if mode == "L" else 3
    pixels = np.empty((len(samples), size, size, channels), np.uint8)
    for row, (path, _) in enumerate(samples):
        with _opened(path) as image:
            try:
                # Scales the shorter side and cuts out the middle, with antialiasing.
                square = ImageOps.fit(image.convert(mode), (size, size))
            except Exception as error:
                raise UserError(f"{path}: the image cannot be decoded ({error})") from error
        pixels[row] = np.asarray(square).reshape(size, size, channels)
    return Images(
        channels_first(pixels),
        torch.tensor([label for _, label in samples], dtype=torch.int64),
    )
