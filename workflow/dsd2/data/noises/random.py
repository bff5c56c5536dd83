"""Label noise that is drawn: symmetric over the other or over all classes, and pair flips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from dsd2.keys import Default, Derived
from dsd2.recipe import NOISES, NoiseRecipe

if TYPE_CHECKING:
    from torch import Generator, Tensor

Classes = tuple[str, ...]


@NOISES.register("none")
@dataclass(frozen=True, kw_only=True)
class NoNoise(NoiseRecipe):
    """Labels stay as they are."""

    rate: Annotated[float, Derived(), Default(0.0)]
    seed: Annotated[int, Derived(), Default(0)]
    validation: Annotated[Literal["clean", "noisy"], Derived(), Default("clean")]

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`."""
        return labels.clone()


@NOISES.register("symmetric")
@dataclass(frozen=True, kw_only=True)
class Symmetric(NoiseRecipe):
    """Exactly the rate's share of the images gets a different class, uniform over the others."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`."""
        from dsd2.data.noise import symmetric

        return symmetric(labels, len(classes), self.rate, draws)


@NOISES.register("symmetric-any")
@dataclass(frozen=True, kw_only=True)
class SymmetricAny(NoiseRecipe):
    """As symmetric, but uniform over all classes, the true one too (He et al. 2022)."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`."""
        from dsd2.data.noise import symmetric_any

        return symmetric_any(labels, len(classes), self.rate, draws)


@NOISES.register("pairflip")
@dataclass(frozen=True, kw_only=True)
class PairFlip(NoiseRecipe):
    """The rate's share of the images gets the next class, the last class the first."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`."""
        from dsd2.data.noise import pairflip

        return pairflip(labels, len(classes), self.rate, draws)


@NOISES.register("asymmetric")
@dataclass(frozen=True, kw_only=True)
class Asymmetric(NoiseRecipe):
    """CIFAR-10's classes that look alike are taken for each other, the rate's share of each."""

    def apply(self, labels: Tensor, classes: Classes, draws: Generator) -> Tensor:
        """See :meth:`NoiseRecipe.apply`."""
        from dsd2.data.noise import asymmetric

        return asymmetric(labels, classes, self.rate, draws)
