"""How the network of a run is pruned and perturbed, by registered kinds.

A new kind is one new module in the package that its registry names, as ``docs/extending.md`` shows.
Snakemake reads those modules whenever it starts, so they import torch inside functions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from dsd2.keys import Default, Derived, Doc, Gt, Lt, NameOf
from dsd2.registry import Registry
from dsd2.training_recipe import TrainingRecipe
from dsd2.typed import Choice, Number, Typed

if TYPE_CHECKING:
    from torch import Tensor, nn

PERTURBATIONS: Registry[type[PerturbationRecipe]] = Registry(
    "perturbation", "dsd2.nn.perturbations"
)
CRITERIA: Registry[Callable[..., dict[str, Tensor]]] = Registry(
    "pruning criterion", "dsd2.nn.criteria"
)


@dataclass(frozen=True, kw_only=True)
class PruningRecipe(Typed):
    """What each iteration removes."""

    structure: Annotated[
        Literal["weights", "filters"],
        Doc(
            "Whether single weights are removed or whole filters of each convolution, with all that"
            " reads their channels (Appendix G). Filters whose channels a sum, a product or a"
            " depthwise convolution joins go together. A filter is ranked, within its convolution,"
            " by the sum of the criterion over its weights and those of the filters that go with"
            " it. Channels that a layer-norm or attention reads stay."
        ),
    ] = "weights"
    criterion: Annotated[str, NameOf(CRITERIA), Default("magnitude"), Doc("What is removed first.")]
    scope: Annotated[
        Literal["global", "layer"],
        Doc("Whether weights are ranked over all layers together (global) or within each (layer)."),
    ] = "global"
    fraction: Annotated[
        Number,
        Gt(0),
        Lt(1),
        Default(0.2),
        Doc(
            "f, the share of the remaining prunable weights, or of each convolution's remaining"
            " filters, that a round removes."
        ),
    ]
    head: Annotated[
        Literal["pruned", "kept"],
        Doc("Whether the head, the last linear layer or convolution, is pruned as the rest is."),
    ] = "pruned"
    depthwise: Annotated[
        Literal["guarded", "pruned", "kept"],
        Doc(
            "What becomes of convolutions that have one filter for each channel; guarded: each"
            " filter keeps its last weight, without which its channel would be dead; pruned: as all"
            " others; kept: they lose nothing."
        ),
    ] = "guarded"

    def kept(self, head: str, depthwise: Collection[str]) -> frozenset[str]:
        """Names of the weights that lose nothing.

        Args:
            head: name of the head's weight.
            depthwise: names of the weights of depthwise convolutions.
        """
        kept = {head} if self.head == "kept" else set()
        return frozenset(kept | set(depthwise) if self.depthwise == "kept" else kept)


@dataclass(frozen=True, kw_only=True)
class PerturbationRecipe(Choice):
    """What happens to the surviving weights before they are retrained (Algorithm 1, line 19).

    A perturbation is a subclass that is registered in ``PERTURBATIONS``.

    Attributes:
        rewind_step: optimiser step of the dense training whose weights are kept for later.
        rate_factor: what the learning rate is multiplied by after the dense training.
        rewinds: whether it takes the weights of ``rewind_step``; a checkpoint then keeps them.
    """

    registry: ClassVar[Registry[Any]] = PERTURBATIONS
    selector: ClassVar[str] = "kind"
    rewinds: ClassVar[bool] = False

    rewind_step: Annotated[int, Derived()] = 0
    rate_factor: Annotated[Number, Derived()] = 1.0

    @property
    def kind(self) -> str:
        """The name that the perturbation is registered by."""
        return self.choice

    @property
    def slug(self) -> str:
        """What a run's name says of the perturbation; nothing where there is nothing to say."""
        return self.kind

    def retraining(self, recipe: TrainingRecipe) -> TrainingRecipe:
        """The training after a pruning, at a learning rate of its own (Fig. 3)."""
        rate = recipe.learning_rate * self.rate_factor
        return dataclasses.replace(recipe, learning_rate=rate)

    def perturb(
        self, model: nn.Module, rewound: dict[str, Tensor], fresh: dict[str, Tensor]
    ) -> None:
        """Perturb a network in place; the masks are to be applied afterwards. Nothing by default.

        Args:
            model: the pruned network.
            rewound: its state before the dense training's ``rewind_step``.
            fresh: a newly drawn state.
        """
