"""What a plan comes to: its trainings in words for people, its runs for an estimate of the cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dsd2.config import layout
from dsd2.config.arms import ONLY_PANEL
from dsd2.config.plan import Chain, Plan
from dsd2.config.study import Study
from dsd2.config.validation import SECTIONS


@dataclass(frozen=True)
class Stage:
    """One training, for people: what it is, its log, whether it is done."""

    words: str
    log: Path
    done: bool


def planned_runs(plan: Plan) -> list[dict[str, Any]]:
    """What would be trained at most, for the estimate of its cost.

    One entry a run: its recipe as plain values, its iterations in the longest chain that needs
    it, and how many chains do.
    """
    planned: dict[str, dict[str, Any]] = {}
    for _, chain in _trained(plan):
        recipe = json.loads(plan.recipe_json(chain.run))
        run = planned.setdefault(chain.run, {"recipe": recipe, "iterations": 0, "chains": 0})
        run["iterations"] = max(run["iterations"], chain.arm.last + 1)
        run["chains"] += 1
    return list(planned.values())


def settings(study: Study) -> list[dict[str, Any]]:
    """Panel, name and every setting of each arm by its key, as ``training.epochs``."""
    return [
        {
            "panel": arm.panel,
            "name": arm.name,
            "settings": {
                f"{section}.{key}": value
                for section in SECTIONS
                if getattr(arm, section) is not None
                for key, value in asdict(getattr(arm, section)).items()
                if value is not None
            },
        }
        for arm in study.arms.values()
    ]


def stages(plan: Plan) -> list[Stage]:
    """Every training that is or may be needed, once, under the first arm that needs it."""
    needed: dict[str, Stage] = {}
    for study, chain in _trained(plan):
        arm = chain.arm
        of_study = f"{study.folder}: " if len(plan.studies) > 1 else ""
        where = "" if arm.panel == ONLY_PANEL else f" in {arm.panel}"
        for i in plan.requested(chain.run, arm.stopping.slug, arm.last):
            path = layout.METRICS.format(run=chain.run, i=layout.number(i))
            if path in needed:
                continue
            words = f"{of_study}{arm.name}{where} seed {chain.seed} iteration {i}"
            log = layout.TRAINING_LOG.format(run=chain.run, i=layout.number(i))
            needed[path] = Stage(words, Path(log), Path(path).exists())
    return list(needed.values())


def _trained(plan: Plan) -> Iterator[tuple[Study, Chain]]:
    """The chains of the studies that show anything that takes training."""
    for study in plan.studies.values():
        if study.trains:
            for chain in plan.chains(study):
                yield study, chain
