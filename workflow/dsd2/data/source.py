"""What every dataset gives, and what reading one takes, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dsd2.data.files import Encoded


@dataclass(frozen=True)
class Images:
    """Labelled images: uint8 [N, C, H, W] or what they are decoded from, and int64 [N]."""

    images: Tensor | Encoded
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


def channels_first(pixels: np.ndarray) -> Tensor:
    """uint8 pixels [N, H, W, C] as images are decoded, as a tensor [N, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
