"""What a training minimises: a loss on the labels, eq. 2's distillation term, an ℓ1 penalty."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd2.compat import foreach
from dsd2.recipe import DIVERGENCES, LOSSES, DistillationRecipe, TrainingRecipe

LabelLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From logits [B, classes], given labels [B] and positions of the images [B] to a scalar."""


MEMORY = "memory"
"""The argument of a loss that remembers something of each training image."""


def teacher_targets(logits: Tensor, temperature: float) -> Tensor:
    """The teacher's log-probabilities at the temperature, [B, classes]."""
    return F.log_softmax(logits / temperature, dim=1)


def balanced_weights(labels: Tensor) -> Tensor:
    """What each image counts where all classes are to count the same together, float32 [N].

    N / (K · n) for an image whose label n images have, where K labels occur. Their mean is 1: the
    loss keeps its scale, and with it the learning rate and eq. 2's α.

    A batch's loss is divided by its images. torch's ``CrossEntropyLoss(weight=…)`` divides by their
    weights, so that a batch of one class is not weighted at all; where a class is rare most batches
    are such. Here a step is on average that of all images, whatever shares its batch.

    Args:
        labels: given labels of the training images, int64 [N].
    """
    counts = labels.cpu().bincount()
    weights = len(labels) / (int((counts > 0).sum()) * counts.clamp_min(1).float())
    return weights.to(labels.device)[labels]


def label_loss(
    recipe: TrainingRecipe, labels: Tensor, memory: dict[str, Tensor] | None = None
) -> LabelLoss:
    """The loss on the labels of a batch, which weights classes and smooths as the recipe says.

    Args:
        recipe: the loss, its parameters, its weights and its smoothing.
        labels: of all training images, int64 [N]; the positions of a batch's images are in these.
        memory: what the loss remembers of images, as :data:`MEMORY`; it is put there by the first
            batch, where the loss has any.
    """
    loss = partial(LOSSES[recipe.loss], **dict(recipe.loss_parameters))
    if recipe.label_smoothing:
        loss = partial(loss, smoothing=recipe.label_smoothing)
    if remembers(recipe.loss):
        held = {} if memory is None else memory

        def remembering(logits: Tensor, given: Tensor, rows: Tensor) -> Tensor:
            if MEMORY not in held:
                held[MEMORY] = torch.zeros(len(labels), logits.shape[1], device=logits.device)
            return loss(logits, given, rows=rows, memory=held[MEMORY])

        return remembering
    if recipe.class_weights == "none":
        return lambda logits, given, rows: loss(logits, given)
    weights = balanced_weights(labels)
    return lambda logits, given, rows: loss(logits, given, weights[rows])


def remembers(loss: str) -> bool:
    """Whether a registered loss remembers something of each training image."""
    return MEMORY in inspect.signature(LOSSES[loss]).parameters


def distillation_loss(
    on_labels: Tensor, logits: Tensor, targets: Tensor, recipe: DistillationRecipe
) -> Tensor:
    """Eq. 2: (1 − α) · CE(student, labels) + α · [τ²] · KL(teacher ‖ student at τ), a scalar.

    The published code and Hinton et al. (2015) have the factor τ², and eq. 2 has not.

    Args:
        on_labels: the loss on the labels, a scalar.
        logits: the student's, [B, classes].
        targets: :func:`teacher_targets` of the same images, [B, classes].
        recipe: α, τ, τ² and the divergence.
    """
    tau = recipe.temperature
    student = F.log_softmax(logits / tau, dim=1)
    divergence = DIVERGENCES[recipe.divergence](student, targets)
    scale = tau**2 if recipe.temperature_squared else 1.0
    return (1 - recipe.alpha) * on_labels + recipe.alpha * scale * divergence


def add_l1_gradients(gradients: list[Tensor], weights: list[Tensor], strength: float) -> None:
    """Add the gradient of λ · Σ|w| to that of the loss, in place (Appendix D's ℓ1).

    That gradient is λ · sign(w), 0 at 0, as autograd has it; so no graph needs to be built.

    Args:
        gradients: of the loss, one tensor a weight.
        weights: of the same shapes, without autograd.
        strength: λ.
    """
    foreach("add_")(gradients, foreach("sign")(weights), alpha=strength)
