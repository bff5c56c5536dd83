"""Retraining one pruned network (Algorithm 1, line 20): a loop that reads from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.compat import foreach
from dsd2.errors import UserError
from dsd2.nn.images import ImageSet
from dsd2.nn.models import head_parameters
from dsd2.nn.objective import add_l1_gradients, distillation_loss, label_loss
from dsd2.nn.optimisers import Moments, Optimiser, clip
from dsd2.nn.precision import arithmetic, lay_out, memory_layout, training_products
from dsd2.nn.pruning import Masks, prunable_weights_masks
from dsd2.nn.rates import learning_rate
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
    """

    epoch: int = 0
    moments: Moments = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    rewind: State = field(default_factory=dict)


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
    rewind_step: int | None = None,
    progress: Progress | None = None,
    after_epoch: Callable[[Progress], None] = lambda _: None,
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
        rewind_step: keep the state before this optimiser step in ``Progress.rewind``.
        progress: where an interrupted training of this network stood.
        after_epoch: called with the progress after each epoch.

    Raises:
        UserError: the loss became NaN or infinite; the message names the epoch.
    """
    progress = progress or Progress()
    model.train()
    layout = memory_layout(recipe)
    for network in (model, teacher.model) if teacher else (model,):
        lay_out(network, layout)
    forward_pass = arithmetic(recipe, data.device)
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    leaves = list(parameters.values())
    head = head_parameters(model) if recipe.head_rate != 1 else frozenset[str]()
    optimiser = Optimiser(parameters, recipe, head, progress.moments)
    pruned, alive = prunable_weights_masks(model, masks)
    place = {name: i for i, name in enumerate(parameters)}
    loss_on_labels = label_loss(recipe, data.labels)
    batches_of = data.epochs(recipe.augmentation, recipe.batch_size)
    steps_an_epoch = -(-len(data) // recipe.batch_size)

    with training_products(recipe):
        while progress.epoch < recipe.epochs:
            epoch, start = progress.epoch, time.perf_counter()
            draws = generator(*stream, epoch)
            order = torch.randperm(len(data), generator=draws)
            batches = batches_of(order, draws)
            torch.manual_seed(derived_seed(*stream, epoch, "dropout"))
            loss_sum = torch.zeros((), device=data.device)
            correct = torch.zeros((), dtype=torch.int64, device=data.device)
            for step, batch in enumerate(batches):
                if rewind_step == epoch * steps_an_epoch + step:
                    progress.rewind = network_state(model)
                inputs = data.normalise(batch.images.contiguous(memory_format=layout))
                labels = data.labels[batch.rows]
                with forward_pass():
                    logits = model(inputs).float()
                    targets = None if teacher is None else teacher.targets(batch, inputs)
                loss = loss_on_labels(logits, labels, batch.rows)
                if teacher is not None and targets is not None:
                    loss = distillation_loss(loss, logits, targets, teacher.recipe)
                gradients = list(
                    torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
                )
                of_pruned = [gradients[place[name]] for name in masks]
                if recipe.l1:
                    add_l1_gradients(of_pruned, pruned, recipe.l1)
                if recipe.clip_norm:
                    # What is removed takes no step, and is not to shorten that of the others.
                    foreach("mul_")(of_pruned, alive)
                    clip(gradients, recipe.clip_norm)
                rate = learning_rate(recipe, epoch, step, steps_an_epoch)
                optimiser.step(gradients, rate, epoch * steps_an_epoch + step)
                foreach("mul_")(pruned, alive)
                loss_sum += loss.detach() * len(labels)
                correct += (logits.detach().argmax(1) == labels).sum()
            progress.epoch += 1
            progress.moments = optimiser.moments()
            progress.history.append(
                {
                    "epoch": progress.epoch,
                    "learning_rate": learning_rate(recipe, epoch, 0, steps_an_epoch),
                    "train_loss": _finite(float(loss_sum) / len(data), progress.epoch, recipe),
                    "train_accuracy": int(correct) / len(data),
                    "seconds": time.perf_counter() - start,
                }
            )
            after_epoch(progress)
    lay_out(model, torch.contiguous_format)
    return progress


def _finite(loss: float, epoch: int, recipe: TrainingRecipe) -> float:
    if loss - loss != 0:
        raise UserError(
            f"the training diverged in epoch {epoch} of {recipe.epochs} (loss {loss}):"
            f" lower training.learning_rate (it is {recipe.learning_rate:g})"
            " or, when distilling, distillation.alpha or distillation.temperature"
        )
    return loss
