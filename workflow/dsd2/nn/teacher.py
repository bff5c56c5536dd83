"""The teacher of a distilled network, and its logits of all views of the images, computed once.

In evaluation mode a teacher's logits depend on the view of the image alone. Without augmentation
an image has one view, with random flips and shifts 162, so that all logits can be cached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dsd2.nn.augmentation import every_view, pad_images, take_positions, view_positions
from dsd2.nn.evaluation import evaluated_at_once
from dsd2.nn.images import ImageSet
from dsd2.nn.objective import teacher_targets
from dsd2.nn.transfer import sent
from dsd2.recipe import VIEWS, DistillationRecipe, RunRecipe


@dataclass
class Teacher:
    """The network that a student is distilled from.

    Attributes:
        model: the teacher, on the device of the data; it is put into evaluation mode.
        recipe: of the distillation.
        table: its cached logits, [N, views, classes] on any device; None for a forward pass in
            every step.
    """

    model: nn.Module
    recipe: DistillationRecipe
    table: Tensor | None = None

    def __post_init__(self) -> None:
        self.model.eval()

    @torch.no_grad()
    def targets(self, inputs: Tensor, cached: Tensor | None = None) -> Tensor:
        """Log-probabilities at the temperature, [B, classes].

        Args:
            inputs: images in the views that the student sees, normalised.
            cached: their logits, where they are known.
        """
        logits = self.model(inputs) if cached is None else cached
        return teacher_targets(logits.float(), self.recipe.temperature)

    def cached(self, order: Tensor, views: Tensor | None, device: torch.device) -> Tensor | None:
        """The cached logits of an epoch, [N, classes] on a device; None where none are cached.

        They are gathered where the table is, so that one copy is all that a GPU gets of a table
        that does not fit there.

        Args:
            order: of the images, int64 [N] on the CPU.
            views: the number of each one's view, likewise.
            device: where the student is trained.
        """
        if self.table is None:
            return None
        rows = order * self.table.shape[1]
        if self.table.shape[1] > 1:
            assert views is not None, "logits are cached for numbered views alone"
            rows = rows + views
        return sent(self.table.flatten(0, 1)[sent(rows, self.table.device)], device)


BATCH = 512
"""Images a forward pass of :func:`logits_of` on a CPU. Another number may round otherwise."""


def passes_an_image(recipe: RunRecipe, iteration: int) -> int:
    """Forward passes of the teacher that a distilled iteration takes for each image.

    Cached logits of all views count once for a run, with its dense iteration, though the students
    of one teacher share them.
    """
    views = recipe.training.views
    if views == 1:
        return 1
    if views is not None and recipe.distillation is not None and recipe.distillation.table:
        return views if iteration == 0 else 0
    return recipe.training.epochs


@torch.no_grad()
def logits_of(model: nn.Module, data: ImageSet, batch: int | None = None) -> Tensor:
    """The logits of all images as they are, [N, 1, classes] on the device of the data.

    Args:
        model: on that device; it is left in evaluation mode.
        data: the images.
        batch: how many at once; by default what suits the device.
    """
    model.eval()
    size = batch or max(BATCH, evaluated_at_once(data.device))
    logits = [model(data.normalise(images)).float() for images in data.batches(size)]
    return torch.cat(logits).unsqueeze(1)


@torch.no_grad()
def logits_of_views(
    model: nn.Module,
    data: ImageSet,
    batch: int | None = None,
    after_view: Callable[[int], None] = lambda number: None,
) -> Tensor:
    """The logits of all flipped and shifted views of all images, [N, 162, classes] on the CPU.

    Views are in the order of :attr:`Views.number`; arguments are those of :func:`logits_of`, with
    images in memory. ``after_view`` gets how many views are done.
    """
    assert isinstance(data.images, Tensor), "the views of streamed images are not cached"
    model.eval()
    padded = pad_images(data.images)
    rows, columns = view_positions(padded, every_view().to(data.device))
    batches = torch.arange(len(data), device=data.device).split(
        batch or evaluated_at_once(data.device)
    )
    table = []
    for number in range(VIEWS):
        view = slice(number, number + 1)
        parts = [
            model(data.normalise(take_positions(padded, index, rows[view], columns[view]))).float()
            for index in batches
        ]
        table.append(torch.cat(parts).cpu())
        after_view(number + 1)
    return torch.stack(table, dim=1)
