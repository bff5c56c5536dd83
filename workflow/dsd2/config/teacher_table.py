"""Whether a teacher's answers are tabulated: where that is less work and not too large."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsd2.config.recipe import VIEWS, DatasetRecipe, TrainingRecipe
from dsd2.data.facts import facts
from dsd2.errors import UserError

TRAININGS = 8
"""Of how many trainings the forward passes must outnumber the views, for a table to pay."""
LARGEST = 4 * 2**30
"""Bytes of a table that is made without being asked for."""
_FLOAT = 4
"""Bytes of a logit."""


def table_bytes(images: int, classes: int) -> int:
    """How large a table is."""
    return images * VIEWS * classes * _FLOAT


def takes_table(
    asked: bool | None,
    training: TrainingRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> bool:
    """Whether a student looks its teacher's answers up in a table of all views.

    Args:
        asked: what the configuration says; None where that is left to this function.
        training: of the student.
        dataset: of both.
        roots: folders that may hold a named dataset.
        where: names the arm in messages.

    Raises:
        UserError: a table is asked for where images have no views that can be numbered.
    """
    possible = training.augmentation == "flip-shift" and not dataset.stream
    if asked and not possible:
        raise UserError(
            f"config key distillation.table of {where} is true, which needs training.augmentation"
            " flip-shift (with none a table is always used) and images that are not streamed"
        )
    if asked is not None:
        return asked
    if not possible or TRAININGS * training.epochs < VIEWS:
        return False
    known = facts(dataset, roots)
    return table_bytes(known.train, known.classes) <= LARGEST
