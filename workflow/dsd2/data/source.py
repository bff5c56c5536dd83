"""What every dataset gives, and what reading one takes, wherever it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.data.copies import groups_of
from dsd2.data.files import Encoded
from dsd2.data.listing import SPLITS


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
        groups: of the training images, int64 [N]: copies of one image have one number. Splits are
            drawn by class where this is known, and keep copies together.
        left_out: images that are not to be used, int64 rows by split.
    """

    train: Images
    test: Images | None
    classes: tuple[str, ...]
    origin: str
    validation: Images | None = None
    groups: Tensor | None = None
    left_out: dict[str, Tensor] = field(default_factory=dict)

    def used(self, split: str) -> Tensor:
        """The rows of a split's images that are to be used, int64."""
        part: Images | None = getattr(self, split)
        kept = torch.ones(0 if part is None else len(part.labels), dtype=torch.bool)
        kept[self.left_out.get(split, torch.empty(0, dtype=torch.int64))] = False
        return kept.nonzero().flatten()


def judged(source: Source, rows: Sequence[Mapping[str, Any]]) -> Source:
    """A source with what an inspection found: images that cannot be decoded, and copies.

    Args:
        source: it.
        rows: of :data:`dsd2.files.records.IMAGES`, one for each image, in the order of the source.
    """
    by_split = {split: [row for row in rows if row["given_split"] == split] for split in SPLITS}
    left_out = {
        split: torch.tensor([i for i, row in enumerate(own) if row["error"]], dtype=torch.int64)
        for split, own in by_split.items()
    }
    groups = torch.tensor(groups_of(row["digest"] for row in by_split["train"]))
    return replace(source, groups=groups, left_out=left_out)


def reading_of(images: Tensor | Encoded) -> dict[str, Any]:
    """How images were read: ``mode``, ``size`` and ``fit`` (:func:`dsd2.preprocessing.read_image`).

    The ``fit`` of images that came as arrays is ``none``: all had one size, and none was resized.
    """
    if isinstance(images, Encoded):
        return images.reading
    channels, height, width = images.shape[1:]
    size = height if height == width else [height, width]
    return {"mode": "L" if channels == 1 else "RGB", "size": size, "fit": "none"}


def channels_first(pixels: np.ndarray) -> Tensor:
    """uint8 pixels [N, H, W, C] as images are decoded, as a tensor [N, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
