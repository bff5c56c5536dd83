"""The cross-entropy that the paper trains with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsd2.recipe import LOSSES

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register("cross-entropy")
def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of the softmax in nats."""
    import torch.nn.functional as F

    if weights is None:
        return F.cross_entropy(logits, labels)
    return (weights * F.cross_entropy(logits, labels, reduction="none")).mean()
