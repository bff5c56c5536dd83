"""VGG-like(δ, γ), the paper's own network (Table 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from dsd2.errors import UserError
from dsd2.keys import Default, Doc, Ge, Le, Lt
from dsd2.recipe import NETWORKS, ModelRecipe
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import nn

POOLED = 7
"""Side of the adaptive average pool before the classifier; Table 3's counts confirm it."""


@NETWORKS.register("vgg-like")
@dataclass(frozen=True, kw_only=True)
class VGGLike(ModelRecipe):
    """The paper's own (Table 2)."""

    depth: Annotated[
        int, Ge(1), Le(10), Default(5), Doc("δ, the number of stages; each halves the image.")
    ]
    width: Annotated[
        int,
        Ge(0),
        Le(14),
        Default(5),
        Doc("γ; the first stage has 2^γ filters, each further one twice as many."),
    ]
    dropout: Annotated[
        Number, Ge(0), Lt(1), Default(0), Doc("Probability of a dropout before the classifier.")
    ] = 0.0

    @property
    def slug(self) -> str:
        """``vgg5x5``."""
        return f"vgg{self.depth}x{self.width}"

    @property
    def title(self) -> str:
        """``vgg-like(5, 5)``."""
        return f"{self.name}({self.depth}, {self.width})"

    @property
    def filters(self) -> list[int]:
        """Filters of each convolution."""
        return [2 ** (self.width + stage) for stage in range(self.depth) for _ in range(2)]

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """Twice Conv-ReLU-BatchNorm, then a 2×2 max-pool, in each stage; a linear layer at last."""
        from torch import nn

        from dsd2.nn.models import PooledLinear

        if min(image[1:]) < 2**self.depth:
            raise UserError(
                f"model.depth: {self.depth} max-pools need images of at least"
                f" {2**self.depth} pixels a side, and these are {image[1]}×{image[2]}; lower the"
                " depth"
            )
        layers: list[nn.Module] = []
        channels = image[0]
        for stage in range(self.depth):
            filters = 2 ** (self.width + stage)
            for inputs in (channels, filters):
                layers += [
                    nn.Conv2d(inputs, filters, 3, padding=1),
                    nn.ReLU(inplace=True),
                    nn.BatchNorm2d(filters),
                ]
            layers.append(nn.MaxPool2d(2))
            channels = filters
        if self.dropout > 0:
            layers.append(nn.Dropout(self.dropout))
        return nn.Sequential(*layers, PooledLinear(channels, POOLED, classes))
