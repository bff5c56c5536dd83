"""What every dataset gives, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Images:
    """Labelled images: uint8 [N, C, H, W], int64 [N]."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Source:
    """A dataset as it comes.

    Attributes:
        train: its training images.
        test: its test images; None where it has no test set of its own.
        classes: names of the classes, in the order of the labels.
        origin: one line that says what was read.
    """

    train: Images
    test: Images | None
    classes: tuple[str, ...]
    origin: str
