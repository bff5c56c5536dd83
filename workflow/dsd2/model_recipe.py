"""The network of a run: what every registered network says and builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from dsd2.keys import Derived, Doc
from dsd2.registry import Registry
from dsd2.typed import Choice, number

if TYPE_CHECKING:
    from torch import nn

NETWORKS: Registry[type[ModelRecipe]] = Registry("network", "dsd2.nn.networks")


IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Mean and deviation of ImageNet's colours, which all classifiers of torchvision's have seen."""


@dataclass(frozen=True, kw_only=True)
class ModelRecipe(Choice):
    """The network.

    A network is a subclass that is registered in ``NETWORKS``.

    Attributes:
        weights_digest: of the content of the weights.
    """

    registry: ClassVar[Registry[Any]] = NETWORKS
    selector: ClassVar[str] = "name"

    weights: Annotated[
        str | None,
        Doc(
            "What the network starts from in place of random weights, and what is rewound to: a"
            " file .safetensors or .pth of tensors by name, a checkpoint of a run, or torchvision"
            " for torchvision's own of the network, torchvision:NAME for others of its. What fits"
            " by name and shape is loaded; so a head for other classes is new."
        ),
    ] = None
    normalise: Annotated[
        Literal["dataset", "imagenet"] | None,
        Doc(
            "Whose mean and deviation of each colour images are normalised by; when null the"
            " training images', and ImageNet's with torchvision's weights, which have seen such."
            " A student and its teacher need the same."
        ),
    ] = None
    weights_digest: Annotated[str, Derived()] = ""

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
    def torchvision_name(self) -> str | None:
        """The network's name in torchvision, where it is one of its."""
        return None

    @property
    def constants(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and deviation of red, green and blue in units of 0–255; None for the dataset's."""
        pretrained = self.weights is not None and self.weights.partition(":")[0] == "torchvision"
        if self.normalise == "imagenet" or (self.normalise is None and pretrained):
            return IMAGENET
        return None

    @property
    def code(self) -> str | None:
        """The Python file that building the network runs, where a configuration names one."""
        return None

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


class Arguments(dict[str, Any]):
    """What a function that builds a network is called with, by name; equal ones have one hash."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items())))


NO_ARGUMENTS = Arguments()


@dataclass(frozen=True, kw_only=True)
class Built(ModelRecipe):
    """A network that a function builds which is not the workflow's own."""

    arguments: Annotated[
        dict[str, int | float | str | bool | None],
        Doc("What the function that builds the network gets besides, by name."),
    ] = NO_ARGUMENTS

    def __post_init__(self) -> None:
        """Give each value its form."""
        super().__post_init__()
        formed = {k: number(v) if type(v) is float else v for k, v in self.arguments.items()}
        object.__setattr__(self, "arguments", Arguments(sorted(formed.items())))
