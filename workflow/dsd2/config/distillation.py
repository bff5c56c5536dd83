"""Whether a teacher's logits are computed once for all its students."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsd2.data.metadata import metadata
from dsd2.errors import UserError
from dsd2.recipe import VIEWS, DatasetRecipe, TrainingRecipe

TRAININGS = 8
"""Caching pays where so many trainings have more forward passes than an image has views."""
MAX_BYTES = 4 * 2**30
"""Size of a file of logits that is made without being configured."""
FLOAT_BYTES = 4


def table_bytes(images: int, classes: int) -> int:
    """Size in bytes of a teacher's logits for all views of the images."""
    return images * VIEWS * classes * FLOAT_BYTES


def caches_logits(
    configured: bool | None,
    training: TrainingRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> bool:
    """Whether the teacher's logits are cached: as configured, or where it is less work.

    Args:
        configured: value of ``distillation.cache_logits``.
        training: of the student.
        dataset: of both.
        roots: folders that may hold a named dataset.
        where: names the arm in messages.

    Raises:
        UserError: it is configured where images have no views that can be numbered.
    """
    possible = training.views == VIEWS and not dataset.stream
    if configured and not possible:
        raise UserError(
            f"config key distillation.cache_logits of {where} is true, which needs"
            " training.augmentation flip-shift (with none they are always cached), no"
            " training.mixup, and images that are not streamed"
        )
    if configured is not None:
        return configured
    if not possible or TRAININGS * training.epochs < VIEWS:
        return False
    known = metadata(dataset, roots)
    return table_bytes(known.train, known.classes) <= MAX_BYTES
