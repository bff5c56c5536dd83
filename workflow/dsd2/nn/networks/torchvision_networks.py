"""Every classification network of torchvision, by its name there."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.errors import UserError
from dsd2.model_recipe import Built
from dsd2.recipe import NETWORKS

if TYPE_CHECKING:
    from torch import nn

FAMILY = "torchvision/"
TRANSFORMING = ("googlenet", "inception_v3")
"""Networks whose pretrained weights have seen other constants: they turn ImageNet's into those."""


@NETWORKS.register_family("torchvision/NAME", r"torchvision/\w+")
@dataclass(frozen=True, kw_only=True)
class TorchvisionNetwork(Built):
    """A classification network of torchvision, as torchvision/mobilenet_v3_small."""

    @property
    def torchvision_name(self) -> str:
        return self.name.removeprefix(FAMILY)

    @property
    def slug(self) -> str:
        """``mobilenet_v3_small``."""
        return self.torchvision_name

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """Torchvision's network from scratch, without auxiliary heads."""
        from dsd2.compat import import_torchvision
        from dsd2.nn.models import take_channels

        architecture = self.torchvision_name
        models = import_torchvision("torchvision.models")
        known = models.list_models(module=models)
        if architecture not in known:
            close = difflib.get_close_matches(architecture, known, n=3) or known
            raise UserError(
                f"config key model.name is {self.name!r}, which torchvision"
                f" {_version()} has not; it has {', '.join(close)}"
            )
        options: dict[str, Any] = {"num_classes": classes, **_needed(architecture, image)}
        if self.constants is not None and architecture in TRANSFORMING:
            options["transform_input"] = True
        try:
            network = models.get_model(architecture, weights=None, **{**options, **self.arguments})
        except (AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(
                f"config key model.name is {self.name!r}, which cannot be built for images of"
                f" {image[2]}×{image[1]} pixels with these arguments: {error}"
            ) from error
        return take_channels(network, image[0])


def _needed(architecture: str, image: tuple[int, int, int]) -> dict[str, Any]:
    """Arguments that some networks need: the size of images, and that there is one head."""
    if architecture.startswith("vit_"):
        return {"image_size": image[1]}
    if architecture.startswith("maxvit"):
        return {"input_size": image[1:]}
    if architecture in TRANSFORMING:
        return {"aux_logits": False, "init_weights": True}
    return {}


def _version() -> str:
    from importlib.metadata import version

    return version("torchvision")
