"""Generalised cross-entropy (Zhang and Sabuncu 2018, arXiv:1805.07836, eq. 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from dsd2.keys import Doc, Gt, Le
from dsd2.recipe import LOSSES
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import Tensor


@LOSSES.register("generalised-cross-entropy")
def generalised_cross_entropy(
    logits: Tensor,
    labels: Tensor,
    weights: Tensor | None = None,
    *,
    q: Annotated[Number, Gt(0), Le(1), Doc("1 is the mean absolute error, 0 cross-entropy")] = 0.7,
) -> Tensor:
    """(1 − p^q) / q of the probability p of the label, which a wrong label cannot make large."""
    import torch
    import torch.nn.functional as F

    of_label = -F.cross_entropy(logits, labels, reduction="none")
    # Exact for small q, where 1 − p^q loses its digits.
    losses = -torch.expm1(q * of_label) / q
    return losses.mean() if weights is None else (weights * losses).mean()
