"""Which weights or filters to remove: masks in, masks out (Algorithm 1, line 18)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.nn.channels import Channels
from dsd2.nn.couplings import Couplings
from dsd2.nn.schedule import number_to_remove, scheduled_sparsity
from dsd2.recipe import PruningRecipe

Masks = dict[str, Tensor]
"""For each prunable weight a boolean tensor of its shape: True where the weight is alive."""


def full_masks(weights: Mapping[str, Tensor]) -> Masks:
    """Masks that keep every weight."""
    return {name: torch.ones_like(w, dtype=torch.bool) for name, w in weights.items()}


def prune(
    scores: Mapping[str, Tensor],
    masks: Masks,
    recipe: PruningRecipe,
    depthwise: Collection[str] = (),
    channels: Sequence[Channels] = (),
) -> Masks:
    """One round of pruning as the recipe has it; arguments as those of the functions it chooses.

    Args:
        scores: importance of each weight.
        masks: what is alive now, of the weights that may be removed.
        recipe: what a round removes.
        depthwise: names of the weights of depthwise convolutions.
        channels: that can leave the network; of a recipe that removes filters.
    """
    if recipe.structure == "filters":
        return prune_filters(scores, masks, recipe.fraction, channels)
    guarded = depthwise if recipe.depthwise == "guarded" else ()
    if recipe.scope == "layer":
        return prune_layerwise(scores, masks, recipe.fraction, guarded)
    return prune_lowest(scores, masks, recipe.fraction, guarded)


def prune_lowest(
    scores: Mapping[str, Tensor],
    masks: Masks,
    fraction: float,
    guarded: Collection[str] = (),
) -> Masks:
    """Remove the lowest-scoring fraction of the living weights, over all layers together.

    Exactly :func:`number_to_remove` of them, or all that are not guarded; among equal scores those
    that come first, in the order of the mapping and then of memory, so that values alone decide.

    Args:
        scores: importance of each weight, one finite float tensor per mask, of its shape.
        masks: what is alive now.
        fraction: of the living weights, in [0, 1].
        guarded: layers of which each filter keeps its best weight.

    Raises:
        UserError: a living weight's score is not finite.
    """
    alive = torch.cat([m.flatten() for m in masks.values()])
    score = torch.cat([scores[name].detach().flatten() for name in masks])[alive]
    if not bool(torch.isfinite(score).all()):
        raise UserError("cannot prune: a weight is NaN or infinite, so the training diverged")
    remove = number_to_remove(score.numel(), fraction)
    if any(name in masks for name in guarded):
        kept = torch.cat([_best(scores[n], masks[n], n in guarded).flatten() for n in masks])[alive]
        score = torch.where(kept, torch.inf, score)
        remove = min(remove, int((~kept).sum()))
    if remove:
        threshold = torch.kthvalue(score, remove).values
        removed = score < threshold
        ties = torch.nonzero(score == threshold).flatten()
        removed[ties[: remove - int(removed.sum())]] = True
        alive[alive.clone()] = ~removed
    pieces = alive.split([m.numel() for m in masks.values()])
    return {name: piece.view_as(masks[name]) for name, piece in zip(masks, pieces, strict=True)}


def _best(scores: Tensor, mask: Tensor, guarded: bool) -> Tensor:
    """Which weight of each filter is its best living one; none where it is not guarded."""
    best = torch.zeros_like(mask)
    if guarded:
        rows = torch.where(mask, scores.detach(), -torch.inf).flatten(1).argmax(1, keepdim=True)
        best.view(len(best), -1).scatter_(1, rows, True)
    return best & mask


def prune_layerwise(
    scores: Mapping[str, Tensor],
    masks: Masks,
    fraction: float,
    guarded: Collection[str] = (),
) -> Masks:
    """As :func:`prune_lowest`, of each layer by itself."""
    pruned: Masks = {}
    for name, mask in masks.items():
        pruned |= prune_lowest({name: scores[name]}, {name: mask}, fraction, guarded)
    return pruned


def prune_filters(
    scores: Mapping[str, Tensor], masks: Masks, fraction: float, channels: Sequence[Channels]
) -> Masks:
    """Remove the lowest-scoring fraction of the living channels of each layer (Appendix G).

    With a channel go the rows of all weights that make it, and the columns of all that read it; so
    its biases and batch-norms are read by nothing, and the network computes what one without the
    channel would. A channel's score is the sum over its rows. Channels that the same layers make
    are ranked by themselves, by what lived before the round, as Li et al. (2017) do. A layer that
    reads some of them, as after a split, keeps the best of those. The classifier loses no rows.

    Args:
        scores: importance of each weight [outputs, inputs of a group, …].
        masks: what is alive now.
        fraction: of the living channels, in [0, 1].
        channels: that can leave the network (:func:`dsd2.nn.channels.coupled_channels`).

    Raises:
        UserError: a living weight's score is not finite.
    """
    flat = torch.contiguous_format
    pruned = {name: masks[name].clone(memory_format=flat) for name in scores if name in masks}
    for group in channels:
        score = torch.zeros(group.count, dtype=torch.float64)
        living = torch.zeros(group.count, dtype=torch.int64)
        for name, places in group.rows.items():
            if name in masks:
                mask = masks[name].flatten(1)
                rows = torch.where(mask, scores[name].detach().flatten(1), 0.0).double().sum(1)
                score.index_add_(0, places, rows)
                living.index_add_(0, places, mask.any(1).long())
        stays = _staying(score, living > 0, fraction, list(group.columns.values()))
        for name, places in group.rows.items():
            if name in masks:
                pruned[name].flatten(1).logical_and_(stays[places][:, None])
        for name, places in group.columns.items():
            if name in masks:
                read = pruned[name].view(len(pruned[name]), len(places), -1)
                # Place −1 is a column of another group.
                read.logical_and_(torch.cat([stays, stays.new_ones(1)])[places][:, None])
    return pruned


def _staying(score: Tensor, living: Tensor, fraction: float, readers: Sequence[Tensor]) -> Tensor:
    """The living channels but the lowest-scoring fraction, bool [channels].

    Args:
        score: of each channel.
        living: which are there, bool [channels].
        fraction: of the living channels, in [0, 1].
        readers: for each layer which channel each of its columns reads; −1 is none of these.
    """
    stays = prune_lowest({"": score}, {"": living}, fraction)[""]
    alone = [places for places in readers if (places >= 0).all() and living[places].any()]
    if all(stays[places].any() for places in alone):
        return stays
    ranked = score.masked_fill(~living, -math.inf)
    best = [int(places[ranked[places].argmax()]) for places in alone]
    protected = score.clone()
    protected[best] += score.max() + 1
    return prune_lowest({"": protected}, {"": living}, fraction)[""]


def densities(masks: Masks) -> dict[str, float]:
    """The fraction of living weights of each layer."""
    return {name: float(m.sum()) / m.numel() for name, m in masks.items()}


def scheduled_densities(
    layers: Sequence[str],
    recipe: PruningRecipe,
    iteration: int,
    kept: Collection[str] = (),
    couplings: Couplings | None = None,
) -> dict[str, float]:
    """The densities after so many rounds if every layer loses its share.

    With filters, a layer between others loses inputs too, and so twice.

    Args:
        layers: their names, in the network's order.
        recipe: what a round removes.
        iteration: how many rounds.
        kept: layers that lose nothing.
        couplings: of the network's channels, where filters are removed.
    """
    alive = 1.0 - scheduled_sparsity(iteration, recipe.fraction)
    share = couplings.density if couplings else lambda _, alive: alive
    return {name: 1.0 if name in kept else share(name, alive) for name in layers}


def sparsity(masks: Masks) -> float:
    """ζ as it is: the fraction of all prunable weights that are removed."""
    total = sum(m.numel() for m in masks.values())
    return 1.0 - sum(int(m.sum()) for m in masks.values()) / total


@torch.no_grad()
def apply_masks(weights: Mapping[str, nn.Parameter], masks: Masks) -> None:
    """Set the removed weights to zero, in place."""
    for name, mask in masks.items():
        weights[name].mul_(mask)


def prunable_weights_masks(model: nn.Module, masks: Masks) -> tuple[list[Tensor], list[Tensor]]:
    """The prunable weights and their masks as floats, in one order."""
    parameters = dict(model.named_parameters())
    weights = [parameters[name].data for name in masks]
    alive = [torch.empty_like(w).copy_(m) for w, m in zip(weights, masks.values(), strict=True)]
    return weights, alive
