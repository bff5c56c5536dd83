"""The cross-entropy that the paper trains with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsd2.recipe import LOSSES

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register("cross-entropy")
def cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy of the softmax in nats."""
    import torch.nn.functional as F

    if weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    return (weights * losses).mean()
