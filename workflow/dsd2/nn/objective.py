"""What a training minimises: a loss on the labels, eq. 2's distillation term, an ℓ1 penalty."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dsd2.compat import foreach
from dsd2.recipe import DIVERGENCES, LOSSES, DistillationRecipe


def teacher_targets(logits: Tensor, temperature: float) -> Tensor:
    """The teacher's log-probabilities at the temperature, [B, classes]."""
    return F.log_softmax(logits / temperature, dim=1)


def distillation_loss(
    logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    recipe: DistillationRecipe,
    loss: str = "cross-entropy",
) -> Tensor:
    """Eq. 2: (1 − α) · CE(student, labels) + α · [τ²] · KL(teacher ‖ student at τ), a scalar.

    The published code and Hinton et al. (2015) have the factor τ², and eq. 2 has not.

    Args:
        logits: the student's, [B, classes].
        labels: given labels, [B].
        targets: :func:`teacher_targets` of the same images, [B, classes].
        recipe: α, τ, τ² and the divergence.
        loss: name of the loss on the labels.
    """
    tau = recipe.temperature
    student = F.log_softmax(logits / tau, dim=1)
    divergence = DIVERGENCES[recipe.divergence](student, targets)
    scale = tau**2 if recipe.temperature_squared else 1.0
    return (1 - recipe.alpha) * LOSSES[loss](logits, labels) + recipe.alpha * scale * divergence


def add_l1_gradients(gradients: list[Tensor], weights: list[Tensor], strength: float) -> None:
    """Add the gradient of λ · Σ|w| to that of the loss, in place (Appendix D's ℓ1).

    That gradient is λ · sign(w), 0 at 0, as autograd has it; so no graph needs to be built.

    Args:
        gradients: of the loss, one tensor a weight.
        weights: of the same shapes, without autograd.
        strength: λ.
    """
    foreach("add_")(gradients, foreach("sign")(weights), alpha=strength)
