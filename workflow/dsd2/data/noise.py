"""Label noise: clean labels in, noisy labels out."""

from __future__ import annotations

import torch
from torch import Tensor

from dsd2.config.recipe import NoiseRecipe
from dsd2.nn.randomness import generator


def symmetric(labels: Tensor, classes: int, rate: float, draws: torch.Generator) -> Tensor:
    """Give exactly ⌊rate·N⌉ random images another class, uniform over the others.

    Args:
        labels: int64 [N].
        classes: at least 2.
        rate: ε in [0, 1).
        draws: random generator.
    """
    chosen = torch.randperm(len(labels), generator=draws)[: int(rate * len(labels) + 0.5)]
    noisy = labels.clone()
    shift = torch.randint(1, classes, (len(chosen),), generator=draws)
    noisy[chosen] = (noisy[chosen] + shift) % classes
    return noisy


def symmetric_any(labels: Tensor, classes: int, rate: float, draws: torch.Generator) -> Tensor:
    """As :func:`symmetric`, but over all classes, the true one too (He et al. 2022).

    The share of wrong labels is then about ε·(1 − 1/classes).
    """
    chosen = torch.randperm(len(labels), generator=draws)[: int(rate * len(labels) + 0.5)]
    noisy = labels.clone()
    noisy[chosen] = torch.randint(0, classes, (len(chosen),), generator=draws)
    return noisy


def noisy_labels(labels: Tensor, classes: int, recipe: NoiseRecipe, split: str) -> Tensor:
    """The labels of a split under a recipe, int64 [N]; drawn from the noise seed and the split."""
    draws = generator("noise", recipe.seed, split)
    match recipe.kind:
        case "none":
            return labels.clone()
        case "symmetric":
            return symmetric(labels, classes, recipe.rate, draws)
        case "symmetric-any":
            return symmetric_any(labels, classes, recipe.rate, draws)
