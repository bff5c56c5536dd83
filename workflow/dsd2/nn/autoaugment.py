"""AutoAugment with its CIFAR-10 policy, then CutOut: of all images of an epoch at once (Fig. 6).

The policy and its magnitudes are those of Cubuk et al. 2019, as torchvision has them. Torchvision
has no public way to apply them with draws of one's own, so they are written out here. The
operations are torchvision's. Images that get the same one are edited together, so that it is fast
on a GPU too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from dsd2.compat import import_torchvision
from dsd2.nn.transfer import sent

CHUNK = 1024
"""Images edited at once, which bounds the memory; the result does not depend on it."""
_MAGNITUDES = 10
"""Into how many steps AutoAugment divides each operation's range."""
_POLICY = (
    (("invert", 0.1, 0), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate-x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear-y", 0.5, 8), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.5, 0), ("equalize", 0.9, 0)),
    (("shear-y", 0.2, 7), ("posterize", 0.3, 7)),
    (("saturation", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 0), ("equalize", 0.5, 0)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("saturation", 0.7, 7), ("translate-x", 0.5, 8)),
    (("equalize", 0.3, 0), ("autocontrast", 0.4, 0)),
    (("translate-y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("saturation", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 0)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 0), ("equalize", 0.6, 0)),
    (("saturation", 0.9, 9), ("equalize", 0.6, 0)),
    (("autocontrast", 0.8, 0), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("saturation", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 0)),
    (("translate-y", 0.9, 9), ("translate-y", 0.7, 9)),
    (("autocontrast", 0.9, 0), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 0), ("invert", 0.1, 0)),
    (("translate-y", 0.7, 9), ("autocontrast", 0.9, 0)),
)
"""Pairs of (operation, probability, step of its range) for CIFAR-10."""
_RANGES = {
    "shear-y": (0.0, 0.3),
    "translate-x": (0.0, 150 / 331),
    "translate-y": (0.0, 150 / 331),
    "rotate": (0.0, 30.0),
    "brightness": (0.0, 0.9),
    "saturation": (0.0, 0.9),
    "contrast": (0.0, 0.9),
    "sharpness": (0.0, 0.9),
    "posterize": (8.0, 4.0),
    "solarize": (1.0, 0.0),
}
"""First and last magnitude of the operations that have one; of a translation, in image sides."""
_UNSIGNED = {"posterize", "solarize", "autocontrast", "equalize", "invert"}
"""Operations whose magnitude has no sign."""
_EDITS: dict[str, Callable[[Any, Tensor, float], Tensor]] = {
    "shear-y": lambda tv, images, m: tv.affine(
        images, 0.0, [0, 0], 1.0, [0.0, math.degrees(math.atan(m))], center=[0, 0]
    ),
    "translate-x": lambda tv, images, m: tv.affine(images, 0.0, [int(m), 0], 1.0, [0.0, 0.0]),
    "translate-y": lambda tv, images, m: tv.affine(images, 0.0, [0, int(m)], 1.0, [0.0, 0.0]),
    "rotate": lambda tv, images, m: tv.rotate(images, m),
    "brightness": lambda tv, images, m: tv.adjust_brightness(images, 1.0 + m),
    "saturation": lambda tv, images, m: tv.adjust_saturation(images, 1.0 + m),
    "contrast": lambda tv, images, m: tv.adjust_contrast(images, 1.0 + m),
    "sharpness": lambda tv, images, m: tv.adjust_sharpness(images, 1.0 + m),
    "posterize": lambda tv, images, m: tv.posterize(images, int(m)),
    "solarize": lambda tv, images, m: tv.solarize(images, 255.0 * m),
    "autocontrast": lambda tv, images, _: tv.autocontrast(images),
    "equalize": lambda tv, images, _: tv.equalize(images),
    "invert": lambda tv, images, _: tv.invert(images),
    "identity": lambda tv, images, _: images,
}
"""Each operation by torchvision's functions, on uint8 images [N, C, H, W] with a magnitude."""


@dataclass(frozen=True)
class Edits:
    """What each image of an epoch gets, on the CPU.

    Attributes:
        policy: which of the policy's pairs of operations, [N].
        chance: below an operation's probability it is done, [N, 2].
        sign: at or below ½ a magnitude that may have a sign is negative, [N, 2].
        row: centre of the hole, [N].
        column: centre of the hole, [N].
    """

    policy: Tensor
    chance: Tensor
    sign: Tensor
    row: Tensor
    column: Tensor

    def __getitem__(self, index: slice) -> Edits:
        return Edits(*(getattr(self, part.name)[index] for part in fields(self)))


def draw_edits(images: int, size: Sequence[int], generator: torch.Generator) -> Edits:
    """Draw the edits of so many images of a size (H, W): everything is uniform."""

    def below(bound: int) -> Tensor:
        return torch.randint(bound, (images,), generator=generator)

    return Edits(
        policy=below(len(_POLICY)),
        chance=torch.rand(images, 2, generator=generator),
        sign=torch.rand(images, 2, generator=generator),
        row=below(size[0]),
        column=below(size[1]),
    )


def auto_cutout(images: Tensor, edits: Edits) -> Tensor:
    """AutoAugment, then CutOut, of uint8 images [N, C, H, W] with 1 or 3 channels; a new tensor."""
    return cut_out(auto_augment(images, edits), edits.row, edits.column)


def auto_augment(images: Tensor, edits: Edits) -> Tensor:
    """What torchvision's ``AutoAugment`` does to each image by itself, for the given draws."""
    functional = import_torchvision("torchvision.transforms.v2.functional")
    place = torch.arange(len(images))
    for first_or_second in range(2):
        groups = _groups(edits, first_or_second, images.shape[-2:])
        # Images of a group lie side by side: writing rows by their index makes a GPU wait.
        order = torch.cat([rows for *_, rows in groups])
        images = images[sent(place[order], images.device)]
        place = order.argsort()
        parts = images.split([len(rows) for *_, rows in groups])
        for (operation, magnitude, _), group in zip(groups, parts, strict=True):
            for some in group.split(CHUNK):
                some.copy_(_EDITS[operation](functional, some, magnitude))
    return images[sent(place, images.device)]


def cut_out(images: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """A black square in each image, clipped at the border (DeVries & Taylor 2017).

    Its side is half the image's shorter side: 16 of CIFAR-10's 32 pixels, as theirs.

    Args:
        images: [N, C, H, W].
        row: of the squares' centres, [N].
        column: likewise.
    """
    height, width = images.shape[-2:]
    side = min(height, width) // 2

    def inside(centre: Tensor, size: int) -> Tensor:
        first = sent(centre, images.device)[:, None] - side // 2
        place = torch.arange(size, device=images.device)
        return (place >= first) & (place < first + side)

    hole = inside(row, height)[:, None, :, None] & inside(column, width)[:, None, None, :]
    return images.masked_fill(hole, 0)


def _magnitude(operation: str, step: int, size: Sequence[int]) -> float:
    """The magnitude of an operation at a step of its range, for images of a size (H, W)."""
    if operation not in _RANGES:
        return 0.0
    first, last = _RANGES[operation]
    if operation == "posterize":
        bits = first - torch.arange(_MAGNITUDES) / ((_MAGNITUDES - 1) / (first - last))
        return float(bits.round()[step])
    sides = {"translate-x": size[1], "translate-y": size[0]}
    return float(torch.linspace(first, last * sides.get(operation, 1), _MAGNITUDES)[step])


def _groups(
    edits: Edits, first_or_second: int, size: Sequence[int]
) -> list[tuple[str, float, Tensor]]:
    """Images that get the same edit, as (operation, magnitude, rows); each is in one group."""
    masks: dict[tuple[str, float], Tensor] = {}
    nothing = torch.zeros(len(edits.policy), dtype=torch.bool)
    for number, pair in enumerate(_POLICY):
        operation, probability, step = pair[first_or_second]
        done = (edits.policy == number) & (edits.chance[:, first_or_second] <= probability)
        magnitude = _magnitude(operation, step, size)
        negative = done & (operation not in _UNSIGNED) & (edits.sign[:, first_or_second] <= 0.5)
        for key, chosen in ((magnitude, done & ~negative), (-magnitude, negative)):
            masks[operation, key] = masks.get((operation, key), nothing) | chosen
    masks["identity", 0.0] = ~torch.stack(list(masks.values())).any(0)
    found = ((*edit, mask.nonzero().flatten()) for edit, mask in masks.items())
    return [group for group in found if len(group[2])]
