"""How fast this machine trains: a few real steps on random images."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import nn

from dsd2.nn.evaluation import evaluate_with_states
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.teacher import Teacher
from dsd2.nn.training import train
from dsd2.recipe import AUGMENTATIONS, DistillationRecipe, ModelRecipe, TrainingRecipe

MIN_SECONDS = 0.5
"""Seconds that a measured epoch should last, so that a timer's grain does not matter."""
FIRST_BATCH = 4
"""Images to begin with; batch-norm needs more than one."""


@dataclass(frozen=True)
class Work:
    """What the speed of a training depends on.

    Attributes:
        model: the network that is trained.
        image: (C, H, W).
        classes: size of the logits.
        training: of two epochs; :func:`timed` of a run's.
        teacher: the teacher that has a forward pass in every step, if any.
        device: cpu or cuda.
    """

    model: ModelRecipe
    image: tuple[int, int, int]
    classes: int
    training: TrainingRecipe
    teacher: ModelRecipe | None = None
    device: str = "cpu"


def timed(recipe: TrainingRecipe) -> TrainingRecipe:
    """A training as it is timed: two epochs, of which the first warms up, that change no weight.

    Crops of files are cut while they are decoded, by other processes.
    """
    crops = AUGMENTATIONS[recipe.augmentation].crops
    return replace(
        recipe,
        epochs=2,
        learning_rate=0.0,
        weight_decay=0.0,
        milestones=(),
        drop_factor=1.0,
        augmentation="none" if crops else recipe.augmentation,
    )


@dataclass(frozen=True)
class Speed:
    """Seconds an image.

    Attributes:
        training: of a training step: forward, backward, optimiser, teacher.
        forward: of a pass in evaluation mode that counts the neurons' states.
        batch: images a step that this was measured with.
    """

    training: float
    forward: float
    batch: int


def measure_speed(
    work: Work, most: int, device: torch.device, enough: float = MIN_SECONDS
) -> Speed:
    """Train on random images until an epoch lasts long enough to be timed.

    Batches grow towards the real size and stay smaller where such an epoch already lasts long
    enough, so that no measurement takes minutes.

    Args:
        work: what to train.
        most: images of the real training set; not many more are used.
        device: where.
        enough: seconds.
    """
    model = work.model.build(work.image, work.classes).to(device)
    teacher = None
    if work.teacher is not None:
        teacher = work.teacher.build(work.image, work.classes).to(device)
    batch, steps = min(FIRST_BATCH, work.training.batch_size), 1
    while True:
        data = _random_images(batch * steps, work, device)
        seconds = _epoch_seconds(model, teacher, data, work, batch)
        if seconds >= enough or 4 * batch * steps > most:
            break
        if batch < work.training.batch_size:
            batch = min(4 * batch, work.training.batch_size)
        else:
            steps *= 4
    # The first pass finds libraries and memory cold, and would be multiplied by all views.
    evaluate_with_states(model, data)
    start = time.perf_counter()
    evaluate_with_states(model, data)
    forward = time.perf_counter() - start
    return Speed(training=seconds / len(data), forward=forward / len(data), batch=batch)


def _random_images(number: int, work: Work, device: torch.device) -> ImageSet:
    draws = torch.Generator().manual_seed(0)
    return ImageSet(
        torch.randint(0, 256, (number, *work.image), dtype=torch.uint8, generator=draws).to(device),
        torch.randint(work.classes, (number,), generator=draws).to(device),
        torch.full((work.image[0], 1, 1), 127.0, device=device),
        torch.full((work.image[0], 1, 1), 70.0, device=device),
    )


def _epoch_seconds(
    model: nn.Module, teacher: nn.Module | None, data: ImageSet, work: Work, batch: int
) -> float:
    """Seconds of an epoch after one that warms up."""
    recipe = replace(work.training, batch_size=batch)
    teaching = None
    if teacher is not None:
        usual = DistillationRecipe(teacher_run="", teacher_iteration=0, alpha=0.8, temperature=10)
        teaching = Teacher(teacher, usual)
    masks = full_masks(prunable_weights(model))
    progress = train(model, masks, data, recipe, stream=("speed",), teacher=teaching)
    return float(progress.history[-1]["seconds"])
