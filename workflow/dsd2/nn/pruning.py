"""Which weights to remove: masks in, masks out (Algorithm 1, line 18)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dsd2.errors import UserError

Masks = dict[str, Tensor]
"""For each prunable weight a boolean tensor of its shape: True where the weight is alive."""


def full_masks(weights: Mapping[str, Tensor]) -> Masks:
    """Masks that keep every weight."""
    return {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}


def number_to_remove(remaining: int, fraction: float) -> int:
    """⌊fraction · remaining⌉, a half rounded up."""
    return int(fraction * remaining + 0.5)


def prune_lowest(scores: Mapping[str, Tensor], masks: Masks, fraction: float) -> Masks:
    """Remove the lowest-scoring fraction of the living weights, over all layers together.

    Exactly :func:`number_to_remove` of them; among equal scores those that come first, in the
    order of the mapping and then of memory, so that values alone decide.

    Args:
        scores: importance of each weight, one finite float tensor per mask, of its shape.
        masks: what is alive now.
        fraction: of the living weights, in [0, 1].

    Raises:
        UserError: a living weight's score is not finite.
    """
    alive = torch.cat([m.flatten() for m in masks.values()])
    score = torch.cat([scores[name].detach().flatten() for name in masks])[alive]
    if not bool(torch.isfinite(score).all()):
        raise UserError("cannot prune: a weight is NaN or infinite, so the training diverged")
    remove = number_to_remove(score.numel(), fraction)
    if remove:
        threshold = torch.kthvalue(score, remove).values
        doomed = score < threshold
        ties = torch.nonzero(score == threshold).flatten()
        doomed[ties[: remove - int(doomed.sum())]] = True
        alive[alive.clone()] = ~doomed
    pieces = alive.split([m.numel() for m in masks.values()])
    return {name: piece.view_as(masks[name]) for name, piece in zip(masks, pieces, strict=True)}


def prune_layerwise(scores: Mapping[str, Tensor], masks: Masks, fraction: float) -> Masks:
    """As :func:`prune_lowest`, of each layer by itself."""
    pruned: Masks = {}
    for name, mask in masks.items():
        pruned |= prune_lowest({name: scores[name]}, {name: mask}, fraction)
    return pruned


def densities(masks: Masks) -> dict[str, float]:
    """The fraction of living weights of each layer."""
    return {name: float(m.sum()) / m.numel() for name, m in masks.items()}


def sparsity(masks: Masks) -> float:
    """ζ as it is: the fraction of all prunable weights that are removed."""
    total = sum(m.numel() for m in masks.values())
    return 1.0 - sum(int(m.sum()) for m in masks.values()) / total


@torch.no_grad()
def apply_masks(weights: Mapping[str, nn.Parameter], masks: Masks) -> None:
    """Set the removed weights to zero, in place."""
    for name, weight in weights.items():
        weight.mul_(masks[name])


def prunable_weights_masks(model: nn.Module, masks: Masks) -> tuple[list[Tensor], list[Tensor]]:
    """The prunable weights and their masks as floats, in one order, for ``torch._foreach_mul_``."""
    weights = dict(model.named_parameters())
    return [weights[n].data for n in masks], [m.to(torch.float32) for m in masks.values()]
