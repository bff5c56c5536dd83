"""Which weights a training leaves: of its last epoch, of its best one, or a mean of several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dsd2.nn.evaluation import evaluate
from dsd2.nn.images import ImageSet
from dsd2.recipe import TrainingRecipe
from dsd2.seeds import generator

if TYPE_CHECKING:
    from dsd2.nn.training import Progress

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
AVERAGED = 0.25
"""Share of the epochs, the last ones, whose weights are averaged (Izmailov et al. 2018)."""
HELD_OUT = "held_out_accuracy"
"""The column of the history that says how an epoch did on the validation images."""


def first_averaged(epochs: int) -> int:
    """The first epoch, from 1, whose weights are averaged; of one epoch it is that."""
    return epochs - math.ceil(AVERAGED * epochs) + 1


def best_epoch(history: Sequence[Mapping[str, Any]]) -> int:
    """The epoch, from 1, of the best validation accuracy; the first of equals."""
    return int(max(history, key=lambda row: row[HELD_OUT])["epoch"])


def kept_epoch(recipe: TrainingRecipe, history: Sequence[Mapping[str, Any]]) -> int | None:
    """The epoch, from 1, whose weights a training left; None where it left a mean of several."""
    if recipe.keep == "best-epoch":
        return best_epoch(history)
    return None if recipe.keep == "average" else recipe.epochs


def held_out_accuracy(
    recipe: TrainingRecipe, model: nn.Module, validation: ImageSet | None
) -> float | None:
    """Accuracy on the validation images, where the recipe keeps what does best there.

    Raises:
        ValueError: it does, and there are none.
    """
    if recipe.keep != "best-epoch":
        return None
    if validation is None:
        raise ValueError("the best epoch is chosen by validation images, of which there are none")
    accuracy = evaluate(model, validation).accuracy
    model.train()
    return accuracy


@torch.no_grad()
def remember(recipe: TrainingRecipe, model: nn.Module, progress: Progress) -> None:
    """Put what may be left at the end beside the progress, after an epoch that is in its history.

    ``progress.kept`` holds it, as ``best`` or ``average``.
    """
    state = model.state_dict()
    if recipe.keep == "best-epoch" and best_epoch(progress.history) == progress.epoch:
        progress.kept["best"] = {name: tensor.clone() for name, tensor in state.items()}
    first = first_averaged(recipe.epochs)
    if recipe.keep == "average" and progress.epoch >= first:
        before = progress.kept.get("average", {})
        count = progress.epoch - first + 1
        progress.kept["average"] = {
            name: before[name].lerp(tensor, 1 / count)
            if name in before and tensor.is_floating_point()
            else tensor.clone()
            for name, tensor in state.items()
        }


def leave(
    recipe: TrainingRecipe,
    model: nn.Module,
    data: ImageSet,
    progress: Progress,
    stream: tuple[int | str, ...],
) -> None:
    """Give the network, in place, the weights that its training leaves.

    Args:
        recipe: of the training.
        model: as its last epoch left it, contiguous in memory.
        data: the training images.
        progress: of the training, at its end.
        stream: names that make the training's random draws its own.
    """
    if recipe.keep == "best-epoch":
        model.load_state_dict(progress.kept["best"])
    elif recipe.keep == "average":
        model.load_state_dict(progress.kept["average"])
        draws = generator(*stream, "statistics")
        order = torch.randperm(len(data), generator=draws)
        batches = data.epochs(recipe.augmentation, recipe.batch_size)(order, draws).batches
        count_statistics(model, (data.normalise(batch.images) for batch in batches))


@torch.no_grad()
def count_statistics(model: nn.Module, batches: Any) -> None:
    """Set batch-norm's running statistics to their means over batches; leaves evaluation mode.

    Args:
        model: in place; one without batch-norm is not run.
        batches: of network inputs, an iterable of tensors.
    """
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, BATCH_NORMS)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.train()
        # A mean over all batches.
        norm.momentum = None
    batch: Tensor
    for batch in batches if norms else ():
        model(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()
