"""Retraining one pruned network (Algorithm 1, line 20): a loop that reads from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.nn.graphs import Replay, can_be_replayed
from dsd2.nn.images import ImageSet
from dsd2.nn.keeping import HELD_OUT, held_out_accuracy, leave, remember
from dsd2.nn.mixup import shares
from dsd2.nn.objective import remembers
from dsd2.nn.optimisers import Moments
from dsd2.nn.precision import lay_out, training_products
from dsd2.nn.pruning import Masks
from dsd2.nn.rates import learning_rate
from dsd2.nn.steps import Step
from dsd2.nn.teacher import Teacher
from dsd2.recipe import TrainingRecipe
from dsd2.seeds import derived_seed, generator

State = dict[str, Tensor]
"""A network's parameters and buffers by name."""


@dataclass
class Progress:
    """Where a training is: all that continuing it needs, for the same end to the bit.

    Attributes:
        epoch: epochs done.
        moments: what the optimiser remembers of each parameter; empty before the first step.
        history: one row an epoch done.
        rewind: the state at the rewind step, once that is passed.
        kept: what the training may leave in place of its last weights, ``best`` or ``average``; and
            what its loss remembers of images, ``memory``.
    """

    epoch: int = 0
    moments: Moments = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    rewind: State = field(default_factory=dict)
    kept: dict[str, State] = field(default_factory=dict)


def network_state(model: nn.Module) -> State:
    """A copy of the parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def train(
    model: nn.Module,
    masks: Masks,
    data: ImageSet,
    recipe: TrainingRecipe,
    *,
    stream: tuple[int | str, ...],
    teacher: Teacher | None = None,
    validation: ImageSet | None = None,
    rewind_step: int | None = None,
    progress: Progress | None = None,
    after_epoch: Callable[[Progress], None] = lambda _: None,
    graphs: bool = True,
) -> Progress:
    """Train the network in place, its removed weights held at zero, from where ``progress`` says.

    Order, views and dropout of an epoch are drawn from the stream's names and the epoch's number
    alone, so that a resumed training ends with the same bits as an undisturbed one. The losses in
    the history are those of the data, without weight decay and ℓ1 penalty.

    Args:
        model: on the device of the data, its removed weights already zero.
        masks: which prunable weights are alive, on that device.
        data: the training images with their given labels.
        recipe: epochs, optimiser and augmentation.
        stream: names that make this training's random draws its own.
        teacher: the teacher to distil from; None for plain cross-entropy.
        validation: the images that choose the best epoch, where the recipe keeps that.
        rewind_step: keep the state before this optimiser step in ``Progress.rewind``.
        progress: where an interrupted training of this network stood.
        after_epoch: called with the progress after each epoch.
        graphs: whether a GPU may have its steps as CUDA graphs, which end with the same bits.

    Raises:
        UserError: the loss became NaN or infinite; the message names the epoch.
    """
    progress = progress or Progress()
    memory = progress.kept.setdefault("memory", {}) if remembers(recipe.loss) else None
    step = Step(model, masks, data, recipe, teacher, progress.moments, memory)
    replayed = graphs and data.device.type == "cuda" and can_be_replayed(recipe)
    take = Replay(step) if replayed else step
    epochs = data.epochs(recipe.augmentation, recipe.batch_size)
    steps = -(-len(data) // recipe.batch_size)

    while progress.epoch < recipe.epochs:
        number, start = progress.epoch, time.perf_counter()
        draws = generator(*stream, number)
        order = torch.randperm(len(data), generator=draws)
        epoch = epochs(order, draws)
        cached = teacher.cached(order, epoch.views, data.device) if teacher else None
        answers = cached.split(recipe.batch_size) if cached is not None else [None] * steps
        mixing: Sequence[Tensor | None] = [None] * steps
        if recipe.mixup:
            mixing = shares(recipe.mixup, steps, (*stream, number), data.device)
        torch.manual_seed(derived_seed(*stream, number, "dropout"))
        step.forget_losses()
        with training_products(recipe):
            taken = zip(epoch.batches, answers, mixing, strict=True)
            for i, (batch, known, share) in enumerate(taken):
                if rewind_step == number * steps + i:
                    progress.rewind = network_state(model)
                rate = learning_rate(recipe, number, i, steps)
                take((*batch, known, share), rate, number * steps + i)
            loss, correct = step.losses()
        progress.epoch += 1
        progress.moments = step.moments()
        progress.history.append(
            {
                "epoch": progress.epoch,
                "learning_rate": learning_rate(recipe, number, 0, steps),
                "train_loss": _finite(loss / len(data), progress.epoch, recipe),
                "train_accuracy": correct / len(data),
                HELD_OUT: held_out_accuracy(recipe, model, validation),
                "seconds": time.perf_counter() - start,
            }
        )
        remember(recipe, model, progress)
        after_epoch(progress)
    lay_out(model, torch.contiguous_format)
    leave(recipe, model, data, progress, stream)
    return progress


def _finite(loss: float, epoch: int, recipe: TrainingRecipe) -> float:
    if loss - loss != 0:
        raise UserError(
            f"the training diverged in epoch {epoch} of {recipe.epochs} (loss {loss}):"
            f" lower training.learning_rate (it is {recipe.learning_rate:g})"
            " or, when distilling, distillation.alpha or distillation.temperature"
        )
    return loss
