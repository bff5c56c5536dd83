"""Early-learning regularisation (Liu et al. 2020, arXiv:2007.00151, eq. 6 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dsd2.keys import Doc, Ge, Lt
from dsd2.recipe import LOSSES
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-4
"""Probabilities are kept so far from 0 and 1, as in the authors' code."""


@LOSSES.register("early-learning-regularisation")
def early_learning_regularisation(
    logits: Tensor,
    labels: Tensor,
    rows: Tensor,
    memory: Tensor,
    *,
    beta: Annotated[Number, Ge(0), Lt(1), Doc("momentum of the targets")] = 0.7,
    strength: Annotated[Number, Ge(0), Doc("λ, weight of the regularisation")] = 3,
) -> Tensor:
    """Cross-entropy + λ log(1 − ⟨p, t⟩); t is a running mean of what the network said of the image.

    Args:
        logits: [B, classes].
        labels: given, int64 [B].
        rows: which images, int64 [B], none twice.
        memory: the running targets of all images, [N, classes], zeros at first; those of the batch
            are changed in place, before they are used, as in the authors' code.
        beta: share that stays of a target.
        strength: λ.
    """
    import torch.nn.functional as F

    p = F.softmax(logits, dim=1).clamp(SMALLEST, 1 - SMALLEST)
    said = p.detach()
    targets = beta * memory[rows] + (1 - beta) * said / said.sum(1, keepdim=True)
    memory.index_copy_(0, rows, targets)
    agreement = (targets * p).sum(1)
    return F.cross_entropy(logits, labels) + strength * (1 - agreement).log().mean()
