"""scikit-learn's handwritten digits: 1,797 images of 8×8 pixels in 17 shades of grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.recipe import DATASETS, Contents, DatasetRecipe

if TYPE_CHECKING:
    from dsd2.data.source import Source


@DATASETS.register("digits")
@dataclass(frozen=True, kw_only=True)
class Digits(DatasetRecipe):
    """scikit-learn's handwritten digits; they need no download."""

    def contents(self, roots: Sequence[Path]) -> Contents:
        return Contents((1, 8, 8), 10, 1797)

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        import torch
        from sklearn.datasets import load_digits

        from dsd2.data.source import Images, Source

        digits = load_digits()
        images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
        labels = torch.from_numpy(digits.target).long()
        names = tuple(str(name) for name in digits.target_names)
        return Source(Images(images, labels), None, names, "scikit-learn's handwritten digits")
