"""What every dataset gives, and what reading one takes, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.data.files import ImageFiles


@dataclass(frozen=True)
class Images:
    """Labelled images: uint8 [N, C, H, W] or their files, and int64 [N]."""

    images: Tensor | ImageFiles
    labels: Tensor


@dataclass(frozen=True)
class Source:
    """A dataset as it comes.

    Attributes:
        train: its training images.
        test: its test images; None where it has no test set of its own.
        classes: names of the classes, in the order of the labels.
        origin: one line that says what was read.
        validation: its validation images, if it has any of its own.
    """

    train: Images
    test: Images | None
    classes: tuple[str, ...]
    origin: str
    validation: Images | None = None


def reading_of(images: Tensor | ImageFiles) -> dict[str, Any]:
    """How images were read: ``mode``, ``size`` and ``fit`` (:func:`dsd2.preprocessing.read_image`).

    The ``fit`` of images that came as arrays is ``none``: all had one size, and none was resized.
    """
    if isinstance(images, ImageFiles):
        return images.reading
    channels, height, width = images.shape[1:]
    size = height if height == width else [height, width]
    return {"mode": "L" if channels == 1 else "RGB", "size": size, "fit": "none"}


def channels_first(pixels: np.ndarray) -> Tensor:
    """uint8 pixels [N, H, W, C] as images are decoded, as a tensor [N, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
