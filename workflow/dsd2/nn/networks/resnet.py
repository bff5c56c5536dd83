"""Torchvision's ResNet-18 and ResNet-50 (Table 3, Appendix B.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from dsd2.keys import Default, Doc, Ge, Lt
from dsd2.recipe import NETWORKS, ModelRecipe
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class ResNet(ModelRecipe):
    """A ResNet of torchvision's."""

    stem: Annotated[
        Literal["cifar", "imagenet"],
        Doc(
            "How a ResNet begins; cifar: a convolution of 3×3 pixels and stride 1, for small"
            " images; imagenet: torchvision's own of 7×7 pixels and stride 2 with a max-pool, for"
            " large ones."
        ),
    ] = "cifar"
    dropout: Annotated[
        Number, Ge(0), Lt(1), Default(0), Doc("Probability of a dropout before the classifier.")
    ] = 0.0

    @property
    def torchvision_name(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """``resnet18`` or ``resnet18, imagenet stem``."""
        return self.name if self.stem == "cifar" else f"{self.name}, {self.stem} stem"

    @property
    def slug(self) -> str:
        """``resnet18`` or ``resnet18-imagenetstem``."""
        return self.name if self.stem == "cifar" else f"{self.name}-{self.stem}stem"

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """Torchvision's network from scratch, its first layers as the stem has them."""
        from torch import nn

        from dsd2.compat import import_torchvision

        builder = getattr(import_torchvision("torchvision.models"), self.name)
        network: Any = builder(weights=None, num_classes=classes)
        cifar = self.stem == "cifar"
        if cifar or image[0] != 3:
            size, stride = (3, 1) if cifar else (7, 2)
            first = nn.Conv2d(image[0], 64, size, stride=stride, padding=size // 2, bias=False)
            # As torchvision initialises every convolution of its ResNets.
            nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
            network.conv1 = first
        if cifar:
            network.maxpool = nn.Identity()
        if self.dropout > 0:
            network.fc = nn.Sequential(nn.Dropout(self.dropout), network.fc)
        assert isinstance(network, nn.Module)
        return network


@NETWORKS.register("resnet18")
@dataclass(frozen=True, kw_only=True)
class ResNet18(ResNet):
    """Torchvision's ResNet-18."""


@NETWORKS.register("resnet50")
@dataclass(frozen=True, kw_only=True)
class ResNet50(ResNet):
    """Torchvision's ResNet-50."""
