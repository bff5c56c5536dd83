"""Whom an arm is distilled from, and whether the teacher's answers are tabulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dsd2.config.validation import Section
from dsd2.data.metadata import facts
from dsd2.errors import UserError
from dsd2.recipe import VIEWS, DatasetRecipe, TrainingRecipe
from dsd2.typed import Number, Typed

TRAININGS = 8
"""Of how many trainings the forward passes must outnumber the views, for a table to pay."""
LARGEST = 4 * 2**30
"""Bytes of a table that is made without being asked for."""
_FLOAT = 4
"""Bytes of a logit."""


@dataclass(frozen=True, kw_only=True)
class Distillation(Typed):
    """Whom an arm is distilled from, and how.

    Attributes:
        teacher: an arm of its panel.
        select: which iteration of it.
        table: whether the teacher's answers to all views of the images are tabulated.
    """

    teacher: str
    select: Literal["dense", "best"] | int
    alpha: Number
    temperature: Number
    temperature_squared: bool
    table: bool


def distillation(
    section: Section,
    teacher: str,
    training: TrainingRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> Distillation:
    """Resolve a section.

    Args:
        section: completed.
        teacher: the arm that teaches.
        training: of the student.
        dataset: of both.
        roots: folders that may hold a named dataset.
        where: names the arm in messages.

    Raises:
        UserError: a table is asked for where images have no views that can be numbered.
    """
    table = _caches_logits(section.pop("cache_logits"), training, dataset, roots, where)
    return Distillation(**{**section, "teacher": teacher, "table": table})


def table_bytes(images: int, classes: int) -> int:
    """How large a table is."""
    return images * VIEWS * classes * _FLOAT


def _caches_logits(
    asked: bool | None,
    training: TrainingRecipe,
    dataset: DatasetRecipe,
    roots: Sequence[Path],
    where: str,
) -> bool:
    """What the configuration says, or whether a table is less work and not too large."""
    possible = training.augmentation == "flip-shift" and not dataset.stream
    if asked and not possible:
        raise UserError(
            f"config key distillation.cache_logits of {where} is true, which needs"
            " training.augmentation flip-shift (with none they are always cached) and images that"
            " are not streamed"
        )
    if asked is not None:
        return asked
    if not possible or TRAININGS * training.epochs < VIEWS:
        return False
    known = facts(dataset, roots)
    return table_bytes(known.train, known.classes) <= LARGEST
