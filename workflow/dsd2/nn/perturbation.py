"""What happens to the surviving weights between pruning and retraining (Algorithm 1, line 19)."""

from __future__ import annotations

import dataclasses

from dsd2.recipe import PerturbationRecipe, TrainingRecipe


def retraining(recipe: TrainingRecipe, perturbation: PerturbationRecipe) -> TrainingRecipe:
    """The training after a pruning: with ``finetune``, at a scaled-down learning rate (Fig. 3)."""
    rate = recipe.learning_rate * perturbation.rate_factor
    return dataclasses.replace(recipe, learning_rate=rate)
