"""Images that stay in their files: a list of names, decoded when needed."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from dsd2.data.decoding import decoded, open_image
from dsd2.errors import UserError
from dsd2.preprocessing import as_array, fitted

CROP_SCALE = (0.08, 1.0)
"""Share of an image's area that a random crop takes."""

CROP_RATIO = (3 / 4, 4 / 3)
"""Its width to its height."""


class Encoded(ABC):
    """Images that are decoded when needed; with a length, a shape and rows like their tensor."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W) of the images once decoded."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    @abstractmethod
    def reading(self) -> dict[str, Any]:
        """What :func:`dsd2.preprocessing.read_image` has to know to read such an image."""

    @abstractmethod
    def __getitem__(self, rows: Tensor) -> Self:
        """Some of the images."""

    @abstractmethod
    def decode(self, row: int, seed: int | None = None) -> Tensor:
        """One image, uint8 [C, H, W]; a random view of it where a seed is given.

        Raises:
            UserError: it cannot be decoded.
        """

    def decode_all(self) -> Tensor:
        """All images in memory, uint8 [N, C, H, W].

        Raises:
            UserError: they do not fit into it, or one cannot be decoded.
        """
        check_memory(self.shape, physical_memory())
        images = torch.empty(self.shape, dtype=torch.uint8)
        for row in range(len(self)):
            images[row] = self.decode(row)
        return images


@dataclass(frozen=True)
class ImageFiles(Encoded):
    """Labelled images' files.

    Attributes:
        folder: that the names are relative to.
        names: as the file system has them, padded with zeros, uint8 [N, longest].
        mode: ``L`` or ``RGB``: what images are converted to.
        size: side in pixels that they get.
        fit: ``square`` brings the shorter side to the size and cuts out the middle; ``imagenet``
            brings it to 256/224 of the size, as the usual ImageNet protocol.
    """

    folder: Path
    names: Tensor
    mode: str
    size: int
    fit: Literal["square", "imagenet"]

    @property
    def reading(self) -> dict[str, Any]:
        """See :attr:`Encoded.reading`."""
        return {"mode": self.mode, "size": self.size, "fit": self.fit}

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W) of the images once decoded."""
        return len(self.names), 1 if self.mode == "L" else 3, self.size, self.size

    def __getitem__(self, rows: Tensor) -> Self:
        return replace(self, names=self.names[rows])

    def path(self, row: int) -> str:
        """The file of an image."""
        name = self.names[row].numpy().tobytes().rstrip(b"\0")
        return str(self.folder / os.fsdecode(name))

    def decode(self, row: int, seed: int | None = None) -> Tensor:
        """One image, uint8 [C, size, size]; a random view of it where a seed is given.

        Raises:
            UserError: the file is missing or cannot be decoded.
        """
        path = self.path(row)
        with open_image(path) as image:
            pixels = decoded(image, self.mode, path)
        if seed is None:
            pixels = fitted(pixels, self.size, self.fit)
        else:
            pixels = random_view(pixels, self.size, seed)
        return torch.from_numpy(as_array(pixels))


def image_files(
    folder: Path,
    names: Sequence[str],
    mode: str,
    size: int,
    fit: Literal["square", "imagenet"] = "square",
) -> ImageFiles:
    """Image files by their names relative to a folder."""
    padded = np.array([os.fsencode(name) for name in names], dtype=np.bytes_)
    table = padded.view(np.uint8).reshape(len(padded), padded.dtype.itemsize)
    return ImageFiles(folder, torch.from_numpy(table), mode, size, fit)


def physical_memory() -> int:
    """Bytes of memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_memory(shape: tuple[int, int, int, int], memory: int) -> None:
    """See that images fit into memory, with the float copy that their statistics take.

    Args:
        shape: (N, C, H, W).
        memory: bytes that there are.

    Raises:
        UserError: they do not.
    """
    needed = 5 * math.prod(shape)
    if needed > memory:
        raise UserError(
            f"dataset: {shape[0]} images of {shape[2]}×{shape[3]} pixels take"
            f" {needed / 2**30:.1f} GiB in memory, and this machine has {memory / 2**30:.1f} GiB:"
            " set dataset.stream: true to leave them in their files, or lower dataset.image_size"
        )


def random_view(image: Any, size: int, seed: int) -> Any:
    """A random crop of random shape, resized to a square, flipped with probability ½.

    The same bits as torchvision's ``RandomResizedCrop`` followed by ``RandomHorizontalFlip``
    give after ``torch.manual_seed(seed)``; torch's global generator is left alone.

    Args:
        image: a PIL image of any size.
        size: side of the result in pixels.
        seed: draws the view.
    """
    from PIL import Image

    draws = torch.Generator().manual_seed(seed)
    left, top, width, height = _random_box(image.width, image.height, draws)
    view = image.crop((left, top, left + width, top + height))
    view = view.resize((size, size), Image.Resampling.BILINEAR)
    if torch.rand(1, generator=draws) < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return view


def _random_box(width: int, height: int, draws: torch.Generator) -> tuple[int, int, int, int]:
    """Left, top, width and height of a crop, drawn as torchvision draws them."""
    low, high = torch.log(torch.tensor(CROP_RATIO)).tolist()
    for _ in range(10):
        area = width * height * torch.empty(1).uniform_(*CROP_SCALE, generator=draws).item()
        ratio = torch.exp(torch.empty(1).uniform_(low, high, generator=draws)).item()
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,), generator=draws))
            left = int(torch.randint(0, width - w + 1, (1,), generator=draws))
            return left, top, w, h
    w, h = width, height
    if width / height < CROP_RATIO[0]:
        h = round(width / CROP_RATIO[0])
    elif width / height > CROP_RATIO[1]:
        w = round(height * CROP_RATIO[1])
    return (width - w) // 2, (height - h) // 2, w, h
