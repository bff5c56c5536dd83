"""Symmetric cross-entropy (Wang et al. 2019, arXiv:1908.06112, eq. 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dsd2.keys import Doc, Ge, Lt
from dsd2.recipe import LOSSES
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register("symmetric-cross-entropy")
def symmetric_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    alpha: Annotated[Number, Ge(0), Doc("weight of the cross-entropy")] = 0.1,
    beta: Annotated[Number, Ge(0), Doc("weight of the reverse one")] = 1,
    log_zero: Annotated[Number, Lt(0), Doc("A, what stands for the logarithm of 0")] = -4,
) -> Tensor:
    """α · cross-entropy + β · the reverse one, in which A stands for the label's log 0.

    Of one label the reverse one, −Σ p_k log q_k, is −A (1 − p), p being the label's probability.
    """
    import torch.nn.functional as F

    forward = F.cross_entropy(logits, labels, reduction="none")
    reverse = -log_zero * (1 - (-forward).exp())
    losses = alpha * forward + beta * reverse
    return losses.mean() if weights is None else (weights * losses).mean()
