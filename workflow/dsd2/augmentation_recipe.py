"""What is done at random to training images: the base of every registered augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from dsd2.registry import Registry

if TYPE_CHECKING:
    from torch import Generator, Tensor

AUGMENTATIONS: Registry[type[Augmentation]] = Registry("augmentation", "dsd2.nn.augmentations")

SHIFT = 4
"""Largest random shift of an image in pixels, in any direction (Appendix B.1)."""

VIEWS = 2 * (2 * SHIFT + 1) ** 2
"""How many views of an image random flips and shifts have: 162."""


class Augmentation:
    """What is done at random to the training images, anew in each epoch.

    An augmentation is a subclass that is registered in ``AUGMENTATIONS``.

    Attributes:
        shifts: images are first flipped and shifted by up to 4 pixels.
        crops: images are cropped while they are decoded, so that they must be streamed.
        edits: :meth:`edit` changes images.
        slug: what a run's name says of it; nothing by default.
    """

    shifts: ClassVar[bool] = False
    crops: ClassVar[bool] = False
    edits: ClassVar[bool] = False
    slug: ClassVar[str] = ""

    @classmethod
    def views(cls) -> int | None:
        """How many views of an image there are; None where they cannot be numbered."""
        if cls.crops or cls.edits:
            return None
        return VIEWS if cls.shifts else 1

    @staticmethod
    def draw(images: int, size: Sequence[int], draws: Generator) -> Any:
        """The random numbers of so many images of a size (H, W); a slice of them is a batch's."""
        raise NotImplementedError

    @staticmethod
    def edit(images: Tensor, drawn: Any) -> Tensor:
        """Edited images, uint8 [B, C, H, W], by what was drawn for them."""
        raise NotImplementedError
