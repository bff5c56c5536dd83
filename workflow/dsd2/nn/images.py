"""Labelled images as training and evaluation take them: batch by batch, on one device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, starmap
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from dsd2.nn.augmentation import (
    Views,
    draw_views,
    pad_images,
    take_positions,
    take_views,
    view_positions,
)
from dsd2.nn.sizes import EDITED_ON_GPU
from dsd2.nn.transfer import sent
from dsd2.recipe import AUGMENTATIONS, Augmentation


class Batch(NamedTuple):
    """Some images of an epoch, all tensors on the device.

    Attributes:
        rows: which images, int64 [B].
        images: augmented, uint8 [B, C, H, W].
    """

    rows: Tensor
    images: Tensor


class Epoch(NamedTuple):
    """The images of an epoch.

    Attributes:
        batches: to be taken once, in order.
        views: the number of each image's view, int64 [N] on the CPU in the epoch's order, where
            flips and shifts are all that is done to them; else None.
    """

    batches: Iterator[Batch]
    views: Tensor | None = None


Epochs = Callable[[Tensor, torch.Generator], Epoch]
"""From the order of the images, int64 [N] on the CPU, and the epoch's generator to the epoch.
What is random is drawn when it is called, before the first batch is taken."""


class ImageStream(Protocol):
    """Images that are decoded when they are needed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W), as a tensor of them would have."""
        ...

    def __len__(self) -> int: ...

    def batches(self, order: Tensor, size: int, seeds: Tensor | None = None) -> Iterator[Tensor]:
        """Decoded images in an order, uint8 [B, C, H, W] each on the CPU.

        Args:
            order: which images, int64.
            size: images a batch; the last may have fewer.
            seeds: of a random view of each of ``order``, int64; None for the images as they are.
        """
        ...


@dataclass(frozen=True)
class ImageSet:
    """Images with their labels, on one device.

    Attributes:
        images: uint8 [N, C, H, W] on the device, or a stream of images.
        labels: int64 [N], on the device.
        mean: per channel, in units of 0–255, [C, 1, 1].
        std: per channel, in units of 0–255, [C, 1, 1].
    """

    images: Tensor | ImageStream
    labels: Tensor
    mean: Tensor
    std: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.labels.device

    def to(self, device: torch.device) -> ImageSet:
        """The same images and labels on another device; a stream stays where it is."""
        images = self.images.to(device) if isinstance(self.images, Tensor) else self.images
        return ImageSet(images, *(part.to(device) for part in (self.labels, self.mean, self.std)))

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images as network input: float32, per channel zero mean and unit deviation."""
        return (images.to(torch.float32) - self.mean) / self.std

    def batches(self, size: int) -> Iterator[Tensor]:
        """All images in their order and unaugmented, uint8 [B, C, H, W]."""
        if isinstance(self.images, Tensor):
            return iter(self.images.split(size))
        batches = self.images.batches(torch.arange(len(self)), size)
        return (batch.to(self.device, non_blocking=True) for batch in batches)

    def epochs(self, augmentation: str, size: int) -> Epochs:
        """A training's epochs in batches of a size; what all have in common is done here, once.

        Raises:
            ValueError: the augmentation needs files, and the images are in memory.
        """
        chosen = AUGMENTATIONS[augmentation]
        if not isinstance(self.images, Tensor):
            return _streamed_epochs(self.images, chosen, size, self.device)
        if chosen.crops:
            raise ValueError(f"{augmentation} needs images in files")
        return _held_epochs(self.images, chosen, size)


def _held_epochs(images: Tensor, augmentation: type[Augmentation], size: int) -> Epochs:
    """Epochs of images in memory: each batch is one gather."""
    source = pad_images(images) if augmentation.shifts else images

    def epoch(order: Tensor, draws: torch.Generator) -> Epoch:
        drawn_views = draw_views(len(images), draws) if augmentation.shifts else None
        rows = sent(order, images.device)
        views = None if drawn_views is None else drawn_views.to(images.device)
        if augmentation.edits:
            # Editing a whole epoch at once makes large groups of images with the same edit.
            drawn = augmentation.draw(len(images), images.shape[-2:], draws)
            taken = images[rows] if views is None else take_views(source, rows, views)
            edited = augmentation.edit(taken, drawn)
            return Epoch(map(Batch, rows.split(size), edited.split(size)))
        if views is None or drawn_views is None:
            return Epoch(Batch(index, source[index]) for index in rows.split(size))
        return Epoch(shifted(rows, views), drawn_views.number)

    def shifted(rows: Tensor, views: Views) -> Iterator[Batch]:
        # All that a step need not do again is done for the epoch.
        of_epoch = (rows, *view_positions(source, views))
        for index, y, x in zip(*(part.split(size) for part in of_epoch), strict=True):
            yield Batch(index, take_positions(source, index, y, x))

    return epoch


def _streamed_epochs(
    images: ImageStream, augmentation: type[Augmentation], size: int, device: torch.device
) -> Epochs:
    """Epochs of images in files, with the same draws as :func:`_held_epochs`."""
    # Each kind of edit takes launches and waits on a GPU, whatever the number of images.
    many = augmentation.edits and device.type == "cuda"
    at_once = max(1, EDITED_ON_GPU // (size * math.prod(images.shape[1:]))) if many else 1

    def epoch(order: Tensor, draws: torch.Generator) -> Epoch:
        views = drawn = seeds = None
        if augmentation.shifts:
            views = draw_views(len(order), draws).to(device)
        if augmentation.edits:
            drawn = augmentation.draw(len(order), images.shape[-2:], draws)
        if augmentation.crops:
            seeds = torch.randint(2**63 - 1, (len(order),), generator=draws)
        decoded = images.batches(order, size, seeds)
        return Epoch(batches(sent(order, device), views, drawn, decoded))

    def batches(
        rows: Tensor, views: Views | None, drawn: Any, decoded: Iterator[Tensor]
    ) -> Iterator[Batch]:
        step = at_once * size
        together = _together(decoded, at_once, device)
        for first, taken in zip(range(0, len(rows), step), together, strict=True):
            some = slice(first, first + step)
            if views is not None:
                places = torch.arange(len(taken), device=device)
                taken = take_views(pad_images(taken), places, views[some])
            if augmentation.edits:
                taken = augmentation.edit(taken, drawn[some])
            parts = zip(rows[some].split(size), taken.split(size), strict=True)
            yield from starmap(Batch, parts)

    return epoch


def _together(batches: Iterator[Tensor], number: int, device: torch.device) -> Iterator[Tensor]:
    """So many batches as one tensor on the device; the last may have fewer."""
    while some := [batch.to(device, non_blocking=True) for batch in islice(batches, number)]:
        yield some[0] if len(some) == 1 else torch.cat(some)
