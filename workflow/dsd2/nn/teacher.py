"""The teacher of a distilled network, and its logits of all views of the images, computed once.

In evaluation mode a teacher's logits depend on the view of the image alone. Without augmentation
an image has one view, with random flips and shifts 162, so that all logits can be cached.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dsd2.nn import evaluation
from dsd2.nn.augmentation import pad_images, same_view, take_views
from dsd2.nn.images import Batch, ImageSet
from dsd2.nn.objective import teacher_targets
from dsd2.recipe import AUGMENTATIONS, VIEWS, DistillationRecipe, RunRecipe


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
    def targets(self, batch: Batch, inputs: Tensor) -> Tensor:
        """Log-probabilities at the temperature, [B, classes].

        Args:
            batch: which images, in which views.
            inputs: those images, normalised.
        """
        logits = self.model(inputs) if self.table is None else self._look_up(self.table, batch)
        return teacher_targets(logits.float(), self.recipe.temperature)

    @staticmethod
    def _look_up(table: Tensor, batch: Batch) -> Tensor:
        views = table.shape[1]
        rows = batch.rows * views
        if views > 1:
            assert batch.views is not None, "logits are cached for numbered views alone"
            rows = rows + batch.views
        return table.flatten(0, 1)[rows.to(table.device)].to(batch.rows.device)


BATCH = 512
"""Images a forward pass of :func:`logits_of`. Another number may round its logits otherwise."""


def passes_an_image(recipe: RunRecipe, iteration: int) -> int:
    """Forward passes of the teacher that a distilled iteration takes for each image.

    Cached logits of all views count once for a run, with its dense iteration, though the students
    of one teacher share them.
    """
    views = AUGMENTATIONS[recipe.training.augmentation].views()
    if views == 1:
        return 1
    if views is not None and recipe.distillation is not None and recipe.distillation.table:
        return views if iteration == 0 else 0
    return recipe.training.epochs


@torch.no_grad()
def logits_of(model: nn.Module, data: ImageSet, batch: int = BATCH) -> Tensor:
    """The logits of all images as they are, [N, 1, classes] on the device of the data.

    Args:
        model: on that device; it is left in evaluation mode.
        data: the images.
        batch: how many at once.
    """
    model.eval()
    logits = [model(data.normalise(images)).float() for images in data.batches(batch)]
    return torch.cat(logits).unsqueeze(1)


@torch.no_grad()
def logits_of_views(
    model: nn.Module,
    data: ImageSet,
    batch: int = evaluation.BATCH,
    after_view: Callable[[int], None] = lambda number: None,
) -> Tensor:
    """The logits of all flipped and shifted views of all images, [N, 162, classes] on the CPU.

    Views are in the order of :attr:`Views.number`; arguments are those of :func:`logits_of`, with
    images in memory. ``after_view`` gets how many views are done.
    """
    assert isinstance(data.images, Tensor), "the views of streamed images are not cached"
    model.eval()
    padded = pad_images(data.images)
    columns = []
    for number in range(VIEWS):
        parts = []
        for rows in torch.arange(len(data), device=data.device).split(batch):
            views = same_view(number, len(rows)).to(data.device)
            parts.append(model(data.normalise(take_views(padded, rows, views))).float())
        columns.append(torch.cat(parts).cpu())
        after_view(number + 1)
    return torch.stack(columns, dim=1)
