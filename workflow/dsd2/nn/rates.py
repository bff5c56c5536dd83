"""The learning rate of every step: plain arithmetic, equal to torch's schedulers in closed form."""

from __future__ import annotations

import math

from dsd2.recipe import TrainingRecipe

WARMUP_FROM = 0.01
"""What the rate is multiplied by at the first step of a warm-up, as torchvision's training has it.
At 0 the first step would do nothing."""


def learning_rate(
    recipe: TrainingRecipe, epoch: int, step: int = 0, steps_an_epoch: int = 1
) -> float:
    """The learning rate of a step.

    Milestones are whole epochs. Warm-up (torch's ``LinearLR``) and cosine (torch's
    ``CosineAnnealingLR``, to 0) go on with every step; a cosine begins where the warm-up ends.

    Args:
        recipe: base rate, schedule, warm-up and epochs.
        epoch: from 0.
        step: of the epoch, from 0.
        steps_an_epoch: how many steps each epoch has.
    """
    now, steps = epoch * steps_an_epoch + step, recipe.epochs * steps_an_epoch
    rising = warmup_steps(recipe, steps_an_epoch)
    rate = recipe.learning_rate
    if recipe.schedule == "multistep":
        drops = sum(epoch >= milestone for milestone in recipe.milestones)
        rate *= recipe.drop_factor**drops
    elif now >= rising:
        rate = rate * (1 + math.cos(math.pi * (now - rising) / (steps - rising))) / 2
    if now < rising:
        rate *= WARMUP_FROM + (1.0 - WARMUP_FROM) * now / rising
    return rate


def warmup_steps(recipe: TrainingRecipe, steps_an_epoch: int) -> int:
    """Steps over which the rate rises: the share that the recipe says, rounded."""
    return round(recipe.warmup * recipe.epochs * steps_an_epoch)
