"""What each stage of a plan asks a scheduler for, and which iterations share an allocation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from dsd2.data.metadata import Metadata, metadata
from dsd2.planning.chains import Plan
from dsd2.planning.resources import (
    ROUNDS,
    Needs,
    dataset_needs,
    scoring_needs,
    table_needs,
    training_needs,
)


class Allocation:
    """The needs of a plan's stages, each worked out once.

    Args:
        plan: whose stages.
        roots: folders that may hold a named dataset.
        gpus: whether there are any.
        limit: minutes that a job may ask for at most; None where nobody has said.
    """

    def __init__(
        self, plan: Plan, roots: Sequence[Path], gpus: bool = True, limit: int | None = None
    ) -> None:
        self._plan = plan
        self._limit = limit
        self._roots = roots
        self._gpus = gpus
        self.training = cache(self._training)
        self.teacher_logits = cache(self._teacher_logits)
        self.dataset = cache(self._dataset)
        self.label_scores = cache(self._label_scores)
        self._metadata = cache(self._metadata_of)

    def block(self, run: str, iteration: int) -> str | None:
        """Name of the block of iterations that are trained in one allocation; None for one each.

        A gated chain asks for as many iterations at once, so that no block waits for a gate
        within it. Where these take longer than a job may, they are parted into several blocks.
        """
        ahead, size = self._plan.lookahead, self._block_size(run)
        first = iteration // ahead * math.ceil(ahead / size)
        return None if size == 1 else f"{run}-block{first + iteration % ahead // size}"

    def _block_size(self, run: str) -> int:
        """Iterations that are trained in one allocation."""
        ahead = self._plan.lookahead
        if ahead == 1 or self._limit is None:
            return ahead
        return max(1, min(ahead, self._limit // self.training(run).minutes()))

    def training_minutes(self, run: str, attempt: int) -> int:
        """Minutes that an attempt of a training asks for; those of a block are added up."""
        limit = None if self._limit is None else self._limit // self._block_size(run)
        return self.training(run).minutes(attempt, limit)

    def training_mem_mb(self, run: str, attempt: int) -> int:
        """Megabytes that an attempt of a training asks for."""
        return self.training(run).mem_mb(attempt, self._limit)

    def retries(self) -> int | None:
        """Further attempts that trainings get which take several jobs; None where none does.

        Every training gets as many as the longest may need, so that one that is stopped by its
        time limit goes on as often as it takes.
        """
        most = max(self.training(run).attempts(self._limit) for run in self._plan.runs)
        return None if most == 1 else ROUNDS * most - 1

    def _training(self, run: str) -> Needs:
        """What any iteration of a run needs; raises as ``Plan.recipe`` and ``metadata`` do."""
        recipe = self._plan.recipe(run)
        taught = recipe.distillation
        teacher = None if taught is None else self._plan.recipe(taught.teacher_run)
        name = self._plan.dataset_of(run)
        about = self._metadata(name)
        return training_needs(recipe, teacher, about, self._plan.decoders, self._gpus)

    def _teacher_logits(self, run: str) -> Needs:
        """What the logits of a run's network for all views of its images need."""
        about = self._metadata(self._plan.dataset_of(run))
        return table_needs(self._plan.recipe(run), about, self._gpus)

    def _label_scores(self, run: str) -> Needs:
        """What it needs that a run's networks judge all labels."""
        recipe = self._plan.recipe(run)
        return scoring_needs(recipe, self._metadata(self._plan.dataset_of(run)), self._gpus)

    def _dataset(self, name: str) -> Needs:
        """What making a dataset needs."""
        return dataset_needs(self._plan.datasets[name], self._metadata(name))

    def _metadata_of(self, name: str) -> Metadata:
        return metadata(self._plan.datasets[name], self._roots)
