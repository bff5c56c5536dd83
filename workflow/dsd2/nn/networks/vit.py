"""A small vision transformer (Dosovitskiy et al. 2021), by torchvision's class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from dsd2.errors import UserError
from dsd2.keys import Default, Doc, Ge, Le
from dsd2.recipe import NETWORKS, ModelRecipe

if TYPE_CHECKING:
    from torch import nn

EXPANSION = 4
"""Neurons of a block's hidden layer for each number of a token, as in the paper's ViTs."""


@NETWORKS.register("vit")
@dataclass(frozen=True, kw_only=True)
class VisionTransformer(ModelRecipe):
    """A vision transformer of any size, for small square images."""

    patch: Annotated[
        int, Ge(1), Le(64), Default(4), Doc("Side in pixels of the squares that become tokens.")
    ]
    hidden: Annotated[int, Ge(1), Le(4096), Default(64), Doc("Numbers of a token.")]
    blocks: Annotated[
        int, Ge(1), Le(64), Default(4), Doc("Blocks of attention and two linear layers.")
    ]
    heads: Annotated[
        int, Ge(1), Le(64), Default(4), Doc("Heads of each attention; they divide hidden evenly.")
    ]

    @property
    def slug(self) -> str:
        """``vit4x64-p2``."""
        return f"vit{self.blocks}x{self.hidden}-p{self.patch}"

    @property
    def title(self) -> str:
        """``vit(4, 64), patch 2``."""
        return f"{self.name}({self.blocks}, {self.hidden}), patch {self.patch}"

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """Torchvision's module: patches, a class token, blocks with norms before, a linear head."""
        from dsd2.compat import import_torchvision
        from dsd2.nn.models import take_channels

        channels, height, width = image
        if height != width or height % self.patch:
            raise UserError(
                f"config key model.patch is {self.patch} but must divide the side of square"
                f" images, and these are {width}×{height} pixels"
            )
        if self.hidden % self.heads:
            raise UserError(
                f"config key model.heads is {self.heads} but must divide model.hidden, which is"
                f" {self.hidden}"
            )
        models = import_torchvision("torchvision.models")
        network: nn.Module = models.VisionTransformer(
            image_size=height,
            patch_size=self.patch,
            num_layers=self.blocks,
            num_heads=self.heads,
            hidden_dim=self.hidden,
            mlp_dim=EXPANSION * self.hidden,
            num_classes=classes,
        )
        return take_channels(network, channels)
