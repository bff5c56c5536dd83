"""The augmentations of the paper's experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dsd2.recipe import AUGMENTATIONS, Augmentation

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from dsd2.nn.autoaugment import Edits


@AUGMENTATIONS.register("none")
class NoAugmentation(Augmentation):
    """Images as they are."""


@AUGMENTATIONS.register("flip-shift")
class FlipShift(Augmentation):
    """Random horizontal flips and shifts by up to 4 pixels."""

    shifts = True


@AUGMENTATIONS.register("auto-cutout")
class AutoCutout(FlipShift):
    """The same, then AutoAugment's CIFAR-10 policy, then CutOut of half the side (Appendix D)."""

    edits = True
    slug = "autocutout"

    @staticmethod
    def draw(images: int, size: Sequence[int], draws: Generator) -> Edits:
        from dsd2.nn.autoaugment import draw_edits

        return draw_edits(images, size, draws)

    @staticmethod
    def edit(images: Tensor, drawn: Edits) -> Tensor:
        from dsd2.nn.autoaugment import auto_cutout

        return auto_cutout(images, drawn)


@AUGMENTATIONS.register("resized-crop")
class ResizedCrop(Augmentation):
    """Random flips and crops of the original image, resized; for streamed images alone."""

    crops = True
