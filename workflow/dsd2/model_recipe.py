"""The network of a run: what every registered network says and builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from dsd2.keys import Doc
from dsd2.registry import Registry
from dsd2.typed import Choice, number

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
