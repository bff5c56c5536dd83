"""One step of a training: forward, backward, update. Nothing in it waits for a GPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsd2.compat import foreach
from dsd2.nn.images import ImageSet
from dsd2.nn.mixup import mixed, partners
from dsd2.nn.models import head_parameters
from dsd2.nn.objective import add_l1_gradients, distillation_loss, label_loss
from dsd2.nn.optimisers import Moments, Optimiser, clip
from dsd2.nn.precision import arithmetic, lay_out, memory_layout
from dsd2.nn.pruning import Masks, prunable_weights_masks
from dsd2.nn.teacher import Teacher
from dsd2.recipe import TrainingRecipe

StepInputs = tuple[Tensor, Tensor, Tensor | None, Tensor | None]
"""Which images, int64 [B]; they, augmented, uint8 [B, C, H, W]; the teacher's logits if cached; the
share of each that is not its partner's, a scalar, where they are mixed."""


class Step:
    """A step of a network's training, in place: on the same memory each time.

    Args:
        model: the network, which is put into training mode and into the recipe's memory layout.
        masks: which prunable weights are alive.
        data: the training images; their labels and their normalisation are used.
        recipe: optimiser, loss and arithmetic.
        teacher: the teacher to distil from, laid out likewise.
        moments: of an earlier part of this training.
        memory: what the loss remembers of images, changed in place; of that part likewise.
    """

    def __init__(
        self,
        model: nn.Module,
        masks: Masks,
        data: ImageSet,
        recipe: TrainingRecipe,
        teacher: Teacher | None,
        moments: Moments,
        memory: dict[str, Tensor] | None = None,
    ) -> None:
        self._model, self._data, self._recipe, self._teacher = model, data, recipe, teacher
        model.train()
        self._layout = memory_layout(recipe)
        for network in (model, teacher.model) if teacher else (model,):
            lay_out(network, self._layout)
        self._forward_pass = arithmetic(recipe, data.device)
        parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._leaves = list(parameters.values())
        head = head_parameters(model) if recipe.head_rate != 1 else frozenset[str]()
        self._optimiser = Optimiser(parameters, recipe, head, moments)
        self.moments = self._optimiser.moments
        self._pruned, self._alive = prunable_weights_masks(model, masks)
        place = {name: i for i, name in enumerate(parameters)}
        self._prunable = [place[name] for name in masks]
        self._label_loss = label_loss(recipe, data.labels, memory)
        self._loss_sum = torch.zeros((), device=data.device)
        self._correct = torch.zeros((), dtype=torch.int64, device=data.device)

    def __call__(self, inputs: StepInputs, rate: float, number: int = 0) -> None:
        """Take a step at a learning rate; it has its number in the whole training, from 0."""
        rows, images, cached, share = inputs
        data, recipe, teacher = self._data, self._recipe, self._teacher
        normalised = data.normalise(images.contiguous(memory_format=self._layout))
        if share is not None:
            normalised = mixed(normalised, share)
        labels = data.labels[rows]
        with self._forward_pass():
            logits = self._model(normalised).float()
            targets = None if teacher is None else teacher.targets(normalised, cached)
        loss = self._label_loss(logits, labels, rows)
        if share is not None:
            others = self._label_loss(logits, partners(labels), partners(rows))
            loss = share * loss + (1 - share) * others
        if teacher is not None and targets is not None:
            loss = distillation_loss(loss, logits, targets, teacher.recipe)
        gradients = list(
            torch.autograd.grad(loss, self._leaves, allow_unused=True, materialize_grads=True)
        )
        of_pruned = [gradients[i] for i in self._prunable]
        if recipe.l1:
            add_l1_gradients(of_pruned, self._pruned, recipe.l1)
        if recipe.clip_norm:
            # What is removed takes no step, and is not to shorten that of the others.
            foreach("mul_")(of_pruned, self._alive)
            clip(gradients, recipe.clip_norm)
        self._optimiser.step(gradients, rate, number)
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
