"""One step of a training: forward, backward, update. Nothing in it waits for a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dsd2.compat import foreach
from dsd2.nn.images import ImageSet
from dsd2.nn.objective import add_l1_gradients, distillation_loss, label_loss
from dsd2.nn.precision import arithmetic, laid_like, lay_out, memory_layout
from dsd2.nn.pruning import Masks, prunable_weights_masks
from dsd2.nn.teacher import Teacher
from dsd2.recipe import TrainingRecipe

StepInputs = tuple[Tensor, Tensor, Tensor | None]
"""Which images, int64 [B]; they, augmented, uint8 [B, C, H, W]; the teacher's logits if cached."""


def sgd_step(
    values: list[Tensor],
    gradients: list[Tensor],
    momenta: list[Tensor | None],
    recipe: TrainingRecipe,
    rate: float,
) -> None:
    """A step of SGD with momentum and weight decay, in place: what ``torch.optim.SGD`` computes.

    Building that class makes torch import its compiler, which costs every stage two seconds.

    Args:
        values: the parameters, without autograd.
        gradients: of the loss, one a parameter.
        momenta: one a parameter; all None before the first step, which sets them.
        recipe: momentum and weight decay.
        rate: the learning rate.
    """
    if recipe.weight_decay:
        gradients = foreach("add")(gradients, values, alpha=recipe.weight_decay)
    if recipe.momentum:
        known = [momentum for momentum in momenta if momentum is not None]
        if known:
            foreach("mul_")(known, recipe.momentum)
            foreach("add_")(known, gradients)
        else:
            momenta[:] = known = [gradient.clone() for gradient in gradients]
        gradients = known
    foreach("add_")(values, gradients, alpha=-rate)


class Step:
    """A step of a network's training, in place: on the same memory each time.

    Args:
        model: the network, which is put into training mode and into the recipe's memory layout.
        masks: which prunable weights are alive.
        data: the training images; their labels and their normalisation are used.
        recipe: optimiser, loss and arithmetic.
        teacher: the teacher to distil from, laid out likewise.
        momentum: of an earlier part of this training, by the parameter's name.
    """

    def __init__(
        self,
        model: nn.Module,
        masks: Masks,
        data: ImageSet,
        recipe: TrainingRecipe,
        teacher: Teacher | None,
        momentum: Mapping[str, Tensor],
    ) -> None:
        self._model, self._data, self._recipe, self._teacher = model, data, recipe, teacher
        model.train()
        self._layout = memory_layout(recipe)
        for network in (model, teacher.model) if teacher else (model,):
            lay_out(network, self._layout)
        self._forward_pass = arithmetic(recipe, data.device)
        self._parameters = dict(model.named_parameters())
        self._values = [leaf.data for leaf in self._parameters.values()]
        self._momenta: list[Tensor | None] = [
            laid_like(momentum[name], leaf) if name in momentum else None
            for name, leaf in self._parameters.items()
        ]
        self._pruned, self._alive = prunable_weights_masks(model, masks)
        place = {name: i for i, name in enumerate(self._parameters)}
        self._prunable = [place[name] for name in masks]
        self._label_loss = label_loss(recipe, data.labels)
        self._loss_sum = torch.zeros((), device=data.device)
        self._correct = torch.zeros((), dtype=torch.int64, device=data.device)

    def __call__(self, inputs: StepInputs, rate: float) -> None:
        """Take a step at a learning rate."""
        rows, images, cached = inputs
        data, recipe, teacher = self._data, self._recipe, self._teacher
        normalised = data.normalise(images.contiguous(memory_format=self._layout))
        labels = data.labels[rows]
        with self._forward_pass():
            logits = self._model(normalised).float()
            targets = None if teacher is None else teacher.targets(normalised, cached)
        loss = self._label_loss(logits, labels, rows)
        if teacher is not None and targets is not None:
            loss = distillation_loss(loss, logits, targets, teacher.recipe)
        gradients = list(torch.autograd.grad(loss, list(self._parameters.values())))
        if recipe.l1:
            add_l1_gradients([gradients[i] for i in self._prunable], self._pruned, recipe.l1)
        sgd_step(self._values, gradients, self._momenta, recipe, rate)
        foreach("mul_")(self._pruned, self._alive)
        self._loss_sum += loss.detach() * len(labels)
        self._correct += (logits.detach().argmax(1) == labels).sum()

    def forget_losses(self) -> None:
        """Begin an epoch."""
        self._loss_sum.zero_()
        self._correct.zero_()

    def losses(self) -> tuple[float, int]:
        """The sum of the epoch's losses, and how many images were right; a GPU is waited for once.

        Both are exact as float64.
        """
        loss, correct = torch.stack((self._loss_sum.double(), self._correct.double())).tolist()
        return loss, int(correct)

    def momentum(self) -> dict[str, Tensor]:
        """The momentum of each parameter by its name; nothing before the first step."""
        known = zip(self._parameters, self._momenta, strict=True)
        return {name: momentum for name, momentum in known if momentum is not None}
