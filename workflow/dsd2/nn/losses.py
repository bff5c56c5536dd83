"""The training losses: cross-entropy, the distillation loss of eq. 2, and the ℓ1 penalty."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dsd2.compat import foreach


def teacher_targets(logits: Tensor, temperature: float) -> Tensor:
    """The teacher's log-probabilities at the temperature, [B, classes]."""
    return F.log_softmax(logits / temperature, dim=1)


def distillation_loss(
    logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    alpha: float,
    temperature: float,
    temperature_squared: bool,
) -> Tensor:
    """Eq. 2: (1 − α) · CE(student, labels) + α · [τ²] · KL(teacher ‖ student at τ), a scalar.

    Args:
        logits: the student's, [B, classes].
        labels: given labels, [B].
        targets: :func:`teacher_targets` of the same images, [B, classes].
        alpha: α, the weight of the distillation term.
        temperature: τ.
        temperature_squared: multiply the distillation term by τ², as the published code and
            Hinton et al. (2015) do and eq. 2 does not.
    """
    student = F.log_softmax(logits / temperature, dim=1)
    divergence = F.kl_div(student, targets, reduction="batchmean", log_target=True)
    scale = temperature**2 if temperature_squared else 1.0
    return (1 - alpha) * F.cross_entropy(logits, labels) + alpha * scale * divergence


def add_l1_gradients(gradients: list[Tensor], weights: list[Tensor], strength: float) -> None:
    """Add the gradient of λ · Σ|w| to that of the loss, in place (Appendix D's ℓ1).

    That gradient is λ · sign(w), 0 at 0, as autograd has it; so no graph needs to be built.

    Args:
        gradients: of the loss, one tensor a weight.
        weights: of the same shapes, without autograd.
        strength: λ.
    """
    foreach("add_")(gradients, foreach("sign")(weights), alpha=strength)
