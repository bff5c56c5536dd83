"""What happens to the surviving weights between pruning and retraining (Algorithm 1, line 19)."""

from __future__ import annotations

import dataclasses

from torch import nn

from dsd2.nn.training import State
from dsd2.recipe import PerturbationRecipe, TrainingRecipe


def perturb(model: nn.Module, recipe: PerturbationRecipe, rewound: State, fresh: State) -> None:
    """Perturb a network in place; the masks are to be applied afterwards.

    Args:
        model: the pruned network.
        recipe: ``none`` and ``finetune`` keep it as it is.
        rewound: the state before the dense training's rewind step, for ``rewind``.
        fresh: a newly drawn state, for ``reinit``.
    """
    if recipe.kind == "rewind":
        model.load_state_dict(rewound)
    elif recipe.kind == "reinit":
        model.load_state_dict(fresh)


def retraining(recipe: TrainingRecipe, perturbation: PerturbationRecipe) -> TrainingRecipe:
    """The training after a pruning: with ``finetune``, at a scaled-down learning rate (Fig. 3)."""
    rate = recipe.learning_rate * perturbation.rate_factor
    return dataclasses.replace(recipe, learning_rate=rate)
