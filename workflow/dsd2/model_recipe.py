"""The network of a run: what every registered network says and builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dsd2.registry import Registry
from dsd2.typed import Choice

if TYPE_CHECKING:
    from torch import nn

NETWORKS: Registry[type[ModelRecipe]] = Registry("network", "dsd2.nn.networks")


@dataclass(frozen=True, kw_only=True)
class ModelRecipe(Choice):
    """The network.

    A network is a subclass that is registered in ``NETWORKS``.
    """

    registry: ClassVar[Registry[Any]] = NETWORKS
    selector: ClassVar[str] = "name"

    @property
    def name(self) -> str:
        """The name that the network is registered by."""
        return self.choice

    @property
    def title(self) -> str:
        """What tables call the network."""
        return self.name

    @property
    def slug(self) -> str:
        """What a run's name says of the network, for people; a digest beside it holds the rest."""
        return "".join(filter(str.isalnum, self.name))

    @property
    def filters(self) -> list[int] | None:
        """Filters of each convolution where whole filters can be pruned; None where not."""
        return None

    def build(self, image: tuple[int, int, int], classes: int) -> nn.Module:
        """The network, its weights drawn from torch's global generator.

        Args:
            image: (C, H, W) of the images it will see.
            classes: size of the logits.

        Raises:
            UserError: the images are too small for the network.
        """
        raise NotImplementedError
