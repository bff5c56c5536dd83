"""The perturbations that the paper compares (Algorithm 1, line 19; Fig. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from dsd2.keys import Default, Doc, Ge, Gt, Le
from dsd2.recipe import PERTURBATIONS, PerturbationRecipe
from dsd2.typed import Number

if TYPE_CHECKING:
    from torch import Tensor, nn

    State = dict[str, Tensor]


@PERTURBATIONS.register("none")
@dataclass(frozen=True, kw_only=True)
class Keep(PerturbationRecipe):
    """Weights are kept; the learning rate restarts."""

    slug = ""


@PERTURBATIONS.register("rewind")
@dataclass(frozen=True, kw_only=True)
class Rewind(PerturbationRecipe):
    """Weights go back to an early step of the dense training."""

    rewinds = True

    rewind_step: Annotated[
        int,
        Ge(0),
        Doc(
            "Optimiser step of the dense training to go back to; 0 is the initialisation. The dense"
            " training must have it."
        ),
    ] = 0

    def perturb(self, model: nn.Module, rewound: State, fresh: State) -> None:
        model.load_state_dict(rewound)


@PERTURBATIONS.register("reinit")
@dataclass(frozen=True, kw_only=True)
class Reinitialise(PerturbationRecipe):
    """Weights are drawn anew."""

    def perturb(self, model: nn.Module, rewound: State, fresh: State) -> None:
        model.load_state_dict(fresh)


@PERTURBATIONS.register("finetune")
@dataclass(frozen=True, kw_only=True)
class Finetune(PerturbationRecipe):
    """Weights are kept, and retrained with a smaller learning rate (Fig. 3)."""

    rate_factor: Annotated[
        Number,
        Gt(0),
        Le(1),
        Default(0.1),
        Doc("What the learning rate is multiplied by after the dense training."),
    ] = 1.0
