"""Label noise: clean labels in, noisy labels out."""

from __future__ import annotations

import torch
from torch import Tensor

from dsd2.errors import UserError
from dsd2.recipe import NoiseRecipe
from dsd2.seeds import generator

ALIKE = {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
}
"""CIFAR-10's classes that are taken for another (Patrini et al. 2017; He et al. 2022)."""


def chosen(count: int, rate: float, draws: torch.Generator) -> Tensor:
    """Exactly ⌊rate·count⌉ of so many positions, at random."""
    return torch.randperm(count, generator=draws)[: int(rate * count + 0.5)]


def symmetric(labels: Tensor, classes: int, rate: float, draws: torch.Generator) -> Tensor:
    """Give exactly ⌊rate·N⌉ random images another class, uniform over the others.

    Args:
        labels: int64 [N].
        classes: at least 2.
        rate: ε in [0, 1).
        draws: random generator.
    """
    noisy, rows = labels.clone(), chosen(len(labels), rate, draws)
    shift = torch.randint(1, classes, (len(rows),), generator=draws)
    noisy[rows] = (noisy[rows] + shift) % classes
    return noisy


def symmetric_any(labels: Tensor, classes: int, rate: float, draws: torch.Generator) -> Tensor:
    """As :func:`symmetric`, but over all classes, the true one too (He et al. 2022).

    The share of wrong labels is then about ε·(1 − 1/classes).
    """
    noisy, rows = labels.clone(), chosen(len(labels), rate, draws)
    noisy[rows] = torch.randint(0, classes, (len(rows),), generator=draws)
    return noisy


def pairflip(labels: Tensor, classes: int, rate: float, draws: torch.Generator) -> Tensor:
    """Give exactly ⌊rate·N⌉ random images the next class, the last class the first."""
    noisy, rows = labels.clone(), chosen(len(labels), rate, draws)
    noisy[rows] = (noisy[rows] + 1) % classes
    return noisy


def asymmetric(
    labels: Tensor, classes: tuple[str, ...], rate: float, draws: torch.Generator
) -> Tensor:
    """Take exactly ⌊rate·n⌉ images of each class of :data:`ALIKE` for the class that it looks like.

    The share of wrong labels is then ε times the share of those classes, about ε/2 on CIFAR-10.

    Raises:
        UserError: the classes are not CIFAR-10's.
    """
    missing = sorted({*ALIKE, *ALIKE.values()} - set(classes))
    if missing:
        raise UserError(
            "config key noise.kind is 'asymmetric', which is defined for CIFAR-10's classes;"
            f" the dataset has no class {missing[0]}"
        )
    noisy = labels.clone()
    for name, other in ALIKE.items():
        members = torch.nonzero(labels == classes.index(name)).flatten()
        noisy[members[chosen(len(members), rate, draws)]] = classes.index(other)
    return noisy


def noisy_labels(
    labels: Tensor, classes: tuple[str, ...], recipe: NoiseRecipe, split: str
) -> Tensor:
    """The labels of a split under a recipe, int64 [N]; drawn from the noise seed and the split.

    Args:
        labels: clean.
        classes: names.
        recipe: any kind but ``human``, whose labels are not drawn but read.
        split: name of the split.

    Raises:
        UserError: the noise is not defined for these classes.
    """
    draws = generator("noise", recipe.seed, split)
    return recipe.apply(labels, classes, draws)
