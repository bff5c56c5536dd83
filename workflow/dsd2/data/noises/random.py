"""Label noise that is drawn: symmetric over the other or over all classes, and pair flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from dsd2.errors import UserError
from dsd2.keys import Default, Derived
from dsd2.recipe import NOISES, NoiseRecipe

if TYPE_CHECKING:
    from torch import Generator, Tensor

Classes = tuple[str, ...]

ALIKE = {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
}
"""CIFAR-10's classes that are taken for another (Patrini et al. 2017; He et al. 2022)."""


def chosen(count: int, rate: float, draws: Generator) -> Tensor:
    """Exactly ⌊rate·count⌉ of so many positions, at random."""
    import torch

    return torch.randperm(count, generator=draws)[: int(rate * count + 0.5)]


def symmetric(labels: Tensor, classes: int, rate: float, draws: Generator) -> Tensor:
    """Give exactly ⌊rate·N⌉ random images another class, uniform over the others.

    Args:
        labels: int64 [N].
        classes: at least 2.
        rate: ε in [0, 1).
        draws: random generator.
    """
    import torch

    noisy, rows = labels.clone(), chosen(len(labels), rate, draws)
    shift = torch.randint(1, classes, (len(rows),), generator=draws)
    noisy[rows] = (noisy[rows] + shift) % classes
    return noisy


@NOISES.register("none")
@dataclass(frozen=True, kw_only=True)
class NoNoise(NoiseRecipe):
    """Labels stay as they are."""

    rate: Annotated[float, Derived(), Default(0.0)]
    seed: Annotated[int, Derived(), Default(0)]
    validation: Annotated[Literal["clean", "noisy"], Derived(), Default("clean")]

    @classmethod
    def described(cls, share: str, *, stand_in: bool) -> str:
        return "none was added."

    slug = "clean"

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        return labels.clone()


@NOISES.register("symmetric")
@dataclass(frozen=True, kw_only=True)
class Symmetric(NoiseRecipe):
    """Exactly the rate's share of the images gets a different class, uniform over the others."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        return symmetric(labels, len(classes), self.rate, draws)


@NOISES.register("symmetric-any")
@dataclass(frozen=True, kw_only=True)
class SymmetricAny(NoiseRecipe):
    """As symmetric, but uniform over all classes, the true one too (He et al. 2022)."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`; about ε·(1 − 1/classes) of the labels are wrong then."""
        import torch

        noisy, rows = labels.clone(), chosen(len(labels), self.rate, draws)
        noisy[rows] = torch.randint(0, len(classes), (len(rows),), generator=draws)
        return noisy


@NOISES.register("pairflip")
@dataclass(frozen=True, kw_only=True)
class PairFlip(NoiseRecipe):
    """The rate's share of the images gets the next class, the last class the first."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        noisy, rows = labels.clone(), chosen(len(labels), self.rate, draws)
        noisy[rows] = (noisy[rows] + 1) % len(classes)
        return noisy


@NOISES.register("asymmetric")
@dataclass(frozen=True, kw_only=True)
class Asymmetric(NoiseRecipe):
    """CIFAR-10's classes that look alike are taken for each other, the rate's share of each."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`; about ε/2 of CIFAR-10's labels are wrong then."""
        import torch

        missing = sorted({*ALIKE, *ALIKE.values()} - set(classes))
        if missing:
            raise UserError(
                "config key noise.kind is 'asymmetric', which is defined for CIFAR-10's classes;"
                f" the dataset has no class {missing[0]}"
            )
        noisy = labels.clone()
        for name, other in ALIKE.items():
            members = torch.nonzero(labels == classes.index(name)).flatten()
            noisy[members[chosen(len(members), self.rate, draws)]] = classes.index(other)
        return noisy
