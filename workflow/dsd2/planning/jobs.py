"""What a plan comes to: its trainings in words for people, its runs for an estimate of the cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.config.arms import ONLY_PANEL, Arm
from dsd2.config.study import Study
from dsd2.config.validation import SECTIONS
from dsd2.planning.chains import Chain, Plan


@dataclass(frozen=True)
class Stage:
    """One training or one table of answers, for people: what it is, its log, whether it is done."""

    words: str
    log: Path
    done: bool
    trains: bool = True


def planned_runs(plan: Plan) -> list[dict[str, Any]]:
    """What would be trained at most, for the estimate of its cost.

    One entry a run: its recipe as plain values, its iterations in the longest chain that needs
    it, and how many chains do.
    """
    planned: dict[str, dict[str, Any]] = {}
    for _, chain in trained_chains(plan):
        recipe = json.loads(plan.recipe_json(chain.run))
        run = planned.setdefault(chain.run, {"recipe": recipe, "iterations": 0, "chains": 0})
        run["iterations"] = max(run["iterations"], chain.arm.last + 1)
        run["chains"] += 1
    return list(planned.values())


def settings(study: Study) -> list[dict[str, Any]]:
    """Panel, name and settings of each arm by key, as ``training.epochs``.

    What an arm does not make use of is left out: fields at a default that means *absent*.
    """
    return [
        {
            "panel": arm.panel,
            "name": arm.name,
            "settings": {
                f"{section}.{field.name}": value
                for section in SECTIONS
                if (recipe := getattr(arm, section)) is not None
                for field in fields(recipe)
                if (value := getattr(recipe, field.name)) not in (None, field.default)
            },
        }
        for arm in study.arms.values()
    ]


def stages(plan: Plan) -> list[Stage]:
    """Every training and table of answers that is or may be needed, once.

    A training goes by the first arm that needs it.
    """
    needed: dict[str, Stage] = {}
    for study, chain in trained_chains(plan):
        words = f"{arm_words(plan, study, chain.arm)} seed {chain.seed}"
        for i in plan.requested(chain.run, chain.arm.stopping.slug, chain.arm.last):
            names = {"run": chain.run, "i": paths.number(i)}
            path = paths.METRICS.format(**names)
            if path not in needed:
                log = Path(paths.TRAINING_LOG.format(**names))
                needed[path] = Stage(f"{words} iteration {i}", log, Path(path).exists())
        recipe = plan.recipe(chain.run).distillation
        if recipe is not None and recipe.table and recipe.teacher_iteration is not None:
            names = {"run": recipe.teacher_run, "i": paths.number(recipe.teacher_iteration)}
            path = paths.TEACHER_TABLE.format(**names)
            log = Path(paths.TEACHER_TABLE_LOG.format(**names))
            needed[path] = Stage(
                f"table of answers for {words}", log, Path(path).exists(), trains=False
            )
    return list(needed.values())


def arm_words(plan: Plan, study: Study, arm: Arm) -> str:
    """An arm as people call it, with its study and panel where there are several."""
    of_study = f"{study.folder}: " if len(plan.studies) > 1 else ""
    where = "" if arm.panel == ONLY_PANEL else f" in {arm.panel}"
    return f"{of_study}{arm.name}{where}"


def trained_chains(plan: Plan) -> Iterator[tuple[Study, Chain]]:
    """The chains of the studies that show anything that takes training."""
    for study in plan.studies.values():
        if study.trains:
            for chain in plan.chains(study):
                yield study, chain
