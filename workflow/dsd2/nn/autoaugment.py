"""AutoAugment with its CIFAR-10 policy, then CutOut: of all images of an epoch at once (Fig. 6).

Policy, magnitudes and operations are torchvision's (Cubuk et al. 2019). Images that get the same
operation with the same magnitude are edited together, so that it is fast on a GPU too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import torch
from torch import Tensor

CHUNK = 1024
"""Images edited at once, which bounds the memory; the result does not depend on it."""
_MAGNITUDES = 10
"""Into how many steps AutoAugment divides each operation's range."""


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
        policy=below(len(_auto_augment()._policies)),
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
    transform, images = _auto_augment(), images.clone()
    for first_or_second in range(2):
        for operation, magnitude, rows in _groups(edits, first_or_second, images.shape[-2:]):
            for some in rows.to(images.device).split(CHUNK):
                images[some] = transform._apply_image_or_video_transform(
                    images[some],
                    operation,
                    magnitude,
                    interpolation=transform.interpolation,
                    fill=transform._fill,
                )
    return images


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
        first = centre.to(images.device)[:, None] - side // 2
        place = torch.arange(size, device=images.device)
        return (place >= first) & (place < first + side)

    hole = inside(row, height)[:, None, :, None] & inside(column, width)[:, None, None, :]
    return images.masked_fill(hole, 0)


@cache
def _auto_augment() -> Any:
    """Torchvision's transform, which holds the policy, the magnitudes and the operations.

    It has no public way to apply one of its operations; hence the private names here. The tests
    compare with its public one, an image at a time.
    """
    from dsd2.compat import import_torchvision

    transforms = import_torchvision("torchvision.transforms.v2")
    return transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)


def _groups(
    edits: Edits, first_or_second: int, size: Sequence[int]
) -> Iterator[tuple[str, float, Tensor]]:
    """The images that get an operation of a magnitude, as (operation, magnitude, rows)."""
    transform = _auto_augment()
    groups: dict[tuple[str, float], list[Tensor]] = defaultdict(list)
    for number, pair in enumerate(transform._policies):
        operation, probability, step = pair[first_or_second]
        done = (edits.policy == number) & (edits.chance[:, first_or_second] <= probability)
        magnitudes, signed = transform._AUGMENTATION_SPACE[operation]
        steps = magnitudes(_MAGNITUDES, *size)
        magnitude = 0.0 if steps is None else float(steps[step])
        negative = done & signed & (edits.sign[:, first_or_second] <= 0.5)
        groups[operation, magnitude].append(done & ~negative)
        groups[operation, -magnitude].append(negative)
    for (operation, magnitude), chosen in groups.items():
        rows = torch.stack(chosen).any(0).nonzero().flatten()
        if len(rows):
            yield operation, magnitude, rows
