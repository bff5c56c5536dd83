"""The networks of timm (PyTorch Image Models), where it is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.errors import UserError
from dsd2.model_recipe import Built
from dsd2.recipe import NETWORKS

if TYPE_CHECKING:
    from torch import nn

FAMILY = "timm/"


@NETWORKS.register_family("timm/NAME", r"timm/[\w.-]+")
@dataclass(frozen=True, kw_only=True)
class TimmNetwork(Built):
    """A network of timm, where that is installed, as timm/resnet10t."""

    @property
    def slug(self) -> str:
        """``resnet10t``."""
        return self.name.removeprefix(FAMILY).replace(".", "-")

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """The network from scratch, for images of this size where it has to know."""
        try:
            import timm
        except ImportError as error:
            raise UserError(
                f"config key model.name is {self.name!r}, for which timm is missing: install it,"
                " as by `pip install timm`"
            ) from error
        architecture = self.name.removeprefix(FAMILY)
        options: dict[str, Any] = {"in_chans": image[0], "num_classes": classes}
        known = timm.get_pretrained_cfg(architecture, allow_unregistered=True)
        if getattr(known, "fixed_input_size", False):
            options["img_size"] = image[1:]
        try:
            network = timm.create_model(
                architecture, pretrained=False, **{**options, **self.arguments}
            )
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            raise UserError(
                f"config key model.name is {self.name!r}, which cannot be built for images of"
                f" {image[2]}×{image[1]} pixels with these arguments: {error}"
            ) from error
        return network
