"""Random flips and shifts of a whole batch by one gather."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd2.nn.transfer import sent
from dsd2.recipe import SHIFT, VIEWS


@dataclass(frozen=True)
class Views:
    """Which view of each image of an epoch: flipped or not [N], rows and columns shifted [N]."""

    flip: Tensor
    row: Tensor
    column: Tensor

    def __getitem__(self, index: slice) -> Views:
        return Views(self.flip[index], self.row[index], self.column[index])

    @property
    def number(self) -> Tensor:
        """A number below 162 for each view, int64 [N]: flip, then row, then column."""
        side = 2 * SHIFT + 1
        return (self.flip.long() * side + self.row) * side + self.column

    def to(self, device: torch.device) -> Views:
        """The same views on another device; nobody waits for them to arrive on a GPU."""
        parts = torch.stack((self.flip.long(), self.row, self.column))
        flip, row, column = sent(parts, device)
        return Views(flip.bool(), row, column)


def draw_views(images: int, generator: torch.Generator) -> Views:
    """Flip with probability ½ and shift by −4 to 4 pixels along each axis, uniformly."""
    return Views(
        flip=torch.rand(images, generator=generator) < 0.5,
        row=torch.randint(0, 2 * SHIFT + 1, (images,), generator=generator),
        column=torch.randint(0, 2 * SHIFT + 1, (images,), generator=generator),
    )


def every_view() -> Views:
    """All views in the order of their numbers."""
    side = 2 * SHIFT + 1
    number = torch.arange(VIEWS)
    return Views(number >= side**2, number // side % side, number % side)


def pad_images(images: Tensor) -> Tensor:
    """Images [N, C, H + 1, W + 1] with a black row and column, which stand for the whole border."""
    return F.pad(images, (0, 1, 0, 1))


def take_views(padded: Tensor, index: Tensor, views: Views) -> Tensor:
    """The chosen views of the chosen images, [B, C, H, W].

    Bit for bit what torchvision's horizontal flip followed by ``RandomCrop(padding=4)`` gives.

    Args:
        padded: :func:`pad_images` of the data.
        index: which images, [B].
        views: which view of each; or one for all.
    """
    return take_positions(padded, index, *view_positions(padded, views))


def view_positions(padded: Tensor, views: Views) -> tuple[Tensor, Tensor]:
    """Where in its padded image each row, [B, H], and each column, [B, W], of a view comes from."""
    height, width = (side - 1 for side in padded.shape[-2:])
    rows = views.row[:, None] + torch.arange(height, device=padded.device) - SHIFT
    columns = views.column[:, None] + torch.arange(width, device=padded.device) - SHIFT
    columns = torch.where(views.flip[:, None], width - 1 - columns, columns)
    return _or_black(rows, height), _or_black(columns, width)


def _or_black(positions: Tensor, side: int) -> Tensor:
    """Positions in an image's side, or of the black pixel behind it for those beyond."""
    return torch.where((positions < 0) | (positions >= side), side, positions)


def take_positions(padded: Tensor, index: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The chosen rows and columns of the chosen images, [B, C, H, W]; see :func:`take_views`."""
    channels = torch.arange(padded.shape[1], device=padded.device)
    return padded[
        index[:, None, None, None],
        channels[:, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]
