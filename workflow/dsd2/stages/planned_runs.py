"""The runs that are to be estimated, as Snakemake's process hands them over."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from dsd2.data.manifest import located
from dsd2.errors import UserError
from dsd2.recipe import RunRecipe, from_json


@dataclass(frozen=True)
class PlannedRun:
    """A run of a study.

    Attributes:
        recipe: of the run; its teacher may be yet to be selected.
        iterations: at most.
        chains: how many of the study's chains share it.
        gpus: how many a training of it is given, where there are any.
    """

    recipe: RunRecipe
    iterations: int
    chains: int
    gpus: int = 1


def read_runs(path: Path) -> list[PlannedRun]:
    """The runs of a file.

    Raises:
        UserError: it is missing or not as it should be.
    """
    try:
        return [
            PlannedRun(
                _located(from_json(RunRecipe, json.dumps(entry["recipe"]))),
                int(entry["iterations"]),
                int(entry["chains"]),
                int(entry.get("gpus", 1)),
            )
            for entry in json.loads(path.read_text(encoding="utf-8"))
        ]
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{path}: is no list of runs with recipe, iterations and chains ({error!r})"
        ) from error


def _located(recipe: RunRecipe) -> RunRecipe:
    return replace(recipe, dataset=located(recipe.dataset))
