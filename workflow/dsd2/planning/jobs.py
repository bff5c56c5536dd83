"""What a plan comes to: its trainings for those who watch, its runs for an estimate of the cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dsd2 import paths
from dsd2.config.arms import ONLY_PANEL, Arm
from dsd2.config.study import Study
from dsd2.job import Job
from dsd2.planning.chain import Chain
from dsd2.planning.chains import Plan
from dsd2.planning.requests import Allocation

OF_RUN = re.compile(r"(?:^|/)runs/(?P<run>[^/]+)/(?:.*?iter-(?P<i>\d+))?")
"""A file of a run, and of an iteration of it, if it is of one."""


@dataclass(frozen=True)
class Stage:
    """One training, or the computation of a teacher's logits.

    Attributes:
        label: what people call it.
        output: the file that it is done with.
        trains: whether it is a training.
    """

    label: str
    output: str
    trains: bool = True


def planned_runs(plan: Plan, allocation: Allocation) -> list[dict[str, Any]]:
    """What would be trained at most, for the estimate of its cost.

    One entry a run: its recipe as plain values, its iterations in the longest chain that needs
    it, how many chains do, and the GPUs that a training of it is given.
    """
    planned: dict[str, dict[str, Any]] = {}
    for _, chain in trained_chains(plan):
        recipe = json.loads(plan.recipe_json(chain.run))
        entry = {"recipe": recipe, "iterations": 0, "chains": 0}
        run = planned.setdefault(chain.run, entry)
        run["gpus"] = allocation.training(chain.run).gpus
        run["iterations"] = max(run["iterations"], chain.arm.last + 1)
        run["chains"] += 1
    return list(planned.values())


def stages(plan: Plan) -> list[Stage]:
    """Every training that is or may be needed, and every teacher's logits, once.

    A training goes by the first arm that needs it.
    """
    needed: dict[str, Stage] = {}
    for study, chain in trained_chains(plan):
        label = f"{arm_label(plan, study, chain.arm)} seed {chain.seed}"
        for i in plan.possible(chain.run, chain.arm.stopping.slug, chain.arm.last):
            path = plan.placed(paths.METRICS.format(run=chain.run, i=paths.number(i)))
            needed.setdefault(path, Stage(f"{label} iteration {i}", path))
        teacher = plan.recipe(chain.run).distillation
        if teacher is not None and teacher.table and teacher.teacher_iteration is not None:
            names = {"run": teacher.teacher_run, "i": paths.number(teacher.teacher_iteration)}
            path = plan.placed(paths.TEACHER_TABLE.format(**names))
            needed.setdefault(path, Stage(f"teacher logits for {label}", path, trains=False))
    return list(needed.values())


def arm_label(plan: Plan, study: Study, arm: Arm) -> str:
    """An arm as people call it, with its study and panel where there are several."""
    of_study = f"{study.folder}: " if len(plan.studies) > 1 else ""
    where = "" if arm.panel == ONLY_PANEL else f" in {arm.panel}"
    return f"{of_study}{arm.name}{where}"


class JobNames:
    """What people call the jobs of a plan, by the runs that their files belong to."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._labels: dict[str, str] = {}

    def of(self, job: Job) -> str | None:
        """The arm, seed and iteration of a job; None for one that belongs to no run."""
        found = next(filter(None, map(OF_RUN.search, job.outputs)), None)
        if found is None:
            return None
        if found["run"] not in self._labels:
            # A run has its name from when its teacher is chosen.
            for study, chain in trained_chains(self._plan):
                arm = arm_label(self._plan, study, chain.arm)
                self._labels.setdefault(chain.run, f"{arm} seed {chain.seed}")
        label = self._labels.get(found["run"])
        return f"{label} iteration {int(found['i'])}" if label and found["i"] else label


def trained_chains(plan: Plan) -> Iterator[tuple[Study, Chain]]:
    """The chains of the studies that show anything that takes training."""
    for study in plan.studies.values():
        if study.trains:
            for chain in plan.chains(study):
                yield study, chain
