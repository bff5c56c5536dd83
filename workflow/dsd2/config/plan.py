"""Which files a study needs now, given what lies on the disk: the workflow's input functions.

Nothing here trains or decides. A gated chain grows by reading the gates that exist; a student
whose teacher is yet to be selected is *pending*: it has a name of its own, under which its jobs
can be listed but never run, and gets its real name once the choice is on the disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dsd2.config import layout
from dsd2.config.recipe import DatasetRecipe, DistillationRecipe, NoiseRecipe, RunRecipe
from dsd2.config.stopping import Stopping
from dsd2.config.study import ONLY_PANEL, Arm, Study
from dsd2.errors import REDO, UserError


@dataclass(frozen=True)
class Chain:
    """A run with the rule that ends it: the iterations of one arm with one seed.

    Attributes:
        run: name of the run, the pending one while its teacher is not selected.
        choices: files of the teacher choices that the name depends on.
    """

    arm: Arm
    seed: int
    run: str
    choices: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the collected metrics of the chain lie."""
        return layout.CHAIN.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)

    @property
    def choice(self) -> str:
        """Where the chain's best iteration is written when a student asks for it."""
        return layout.CHOICE.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)


@dataclass(frozen=True)
class Stage:
    """One training, for people: what it is, its log, whether it is done."""

    words: str
    log: Path
    done: bool


class Plan:
    """A study's files, looked up by the names in their paths."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.runs: dict[str, RunRecipe] = {}
        self._awaited: dict[str, str] = {}
        self.stops: dict[str, Stopping] = {arm.stopping.slug: arm.stopping for arm in self._arms()}
        self.datasets: dict[str, DatasetRecipe] = {
            layout.dataset_name(arm.dataset): arm.dataset for arm in self._arms()
        }
        self.labels: dict[str, tuple[DatasetRecipe, NoiseRecipe]] = {
            layout.labels_name(arm.dataset, arm.noise): (arm.dataset, arm.noise)
            for arm in self._arms()
        }
        self.chains()

    def _arms(self) -> Iterator[Arm]:
        return iter(self.study.arms.values())

    def chains(self) -> list[Chain]:
        """Every chain of the study under the name it has now, in the order of the figure."""
        return [self.chain(arm, seed) for arm in self._arms() for seed in self.study.seeds]

    def chain(self, arm: Arm, seed: int) -> Chain:
        """One arm's chain for one seed, as far as its teacher's choice is known."""
        choices: tuple[str, ...] = ()
        distillation = None
        if arm.distillation is not None:
            wanted = arm.distillation
            teacher = self.chain(self.study.arms[arm.panel, wanted.teacher], seed)
            choices = teacher.choices
            if wanted.select == "best":
                choices = (*choices, teacher.choice)
                iteration = _chosen(teacher.choice)
            else:
                iteration = 0 if wanted.select == "dense" else wanted.select
            distillation = DistillationRecipe(
                teacher_run=teacher.run,
                teacher_iteration=iteration,
                alpha=wanted.alpha,
                temperature=wanted.temperature,
                temperature_squared=wanted.temperature_squared,
            )
        recipe = RunRecipe(
            dataset=arm.dataset,
            noise=arm.noise,
            model=arm.model,
            training=arm.training,
            pruning=arm.pruning,
            perturbation=arm.perturbation,
            distillation=distillation,
            seed=seed,
        )
        run = layout.run_name(recipe)
        self.runs[run] = recipe
        if recipe.pending:
            self._awaited[run] = choices[-1]
        return Chain(arm, seed, run, choices)

    def recipe(self, run: str) -> RunRecipe:
        """The recipe of a run of this study.

        Raises:
            UserError: the study has no run of that name.
        """
        if run not in self.runs:
            raise UserError(
                f"{layout.RUN.format(run=run)}: is no run of this study; give the --configfile"
                " of the study that it belongs to"
            )
        return self.runs[run]

    def training_inputs(self, run: str, iteration: int) -> dict[str, str]:
        """What an iteration is trained from. Never a gate: thresholds retrain nothing."""
        recipe = self.recipe(run)
        inputs = {
            "dataset": layout.DATASET.format(dataset=layout.dataset_name(recipe.dataset)),
            "labels": layout.LABELS.format(labels=layout.labels_name(recipe.dataset, recipe.noise)),
        }
        if iteration > 0:
            inputs["previous"] = _checkpoint(run, iteration - 1)
        if iteration > 1 and recipe.perturbation.kind == "rewind":
            inputs["dense"] = _checkpoint(run, 0)
        if recipe.distillation is not None:
            teacher = recipe.distillation
            if teacher.teacher_iteration is not None:
                inputs["teacher"] = _checkpoint(teacher.teacher_run, teacher.teacher_iteration)
            elif iteration == 0:
                inputs["choice"] = self._awaited[run]
        return inputs

    def gate_inputs(self, run: str, stop: str, iteration: int) -> dict[str, str]:
        """What a gate judges: the iteration's metrics and the gate before."""
        inputs = {"metrics": layout.METRICS.format(run=run, i=layout.number(iteration))}
        if iteration > 0:
            inputs["previous"] = _gate(run, stop, iteration - 1)
        return inputs

    def chain_inputs(self, run: str, stop: str, last: int) -> dict[str, list[str]]:
        """Metrics and gates of the iterations that exist or must exist, given the gates so far.

        Gate files are read here instead of through Snakemake's ``checkpoints`` object: so the
        whole known chain is in the DAG from the start, and the checks for incomplete files,
        changed parameters and changed inputs see it.
        """
        iterations = list(self._requested(run, stop, last))
        metrics = [layout.METRICS.format(run=run, i=layout.number(i)) for i in iterations]
        gates = [] if stop == "none" else [_gate(run, stop, i) for i in iterations]
        return {"metrics": metrics, "gates": gates}

    def _requested(self, run: str, stop: str, last: int) -> Iterator[int]:
        block = last + 1 if stop == "none" else self.study.lookahead
        for start in range(0, last + 1, block):
            iterations = range(start, min(start + block, last + 1))
            yield from iterations
            if stop != "none" and not all(_goes_on(_gate(run, stop, i)) for i in iterations):
                return

    def study_inputs(self) -> dict[str, list[str]]:
        """The chains of the study, and the choices that their names depend on."""
        chains = self.chains()
        choices = dict.fromkeys(choice for chain in chains for choice in chain.choices)
        return {"chains": [chain.path for chain in chains], "choices": list(choices)}

    def entries(self) -> str:
        """Which chain belongs to which arm and whom it is taught by, as JSON for ``study``."""
        rows = []
        for chain in self.chains():
            teacher = chain.arm.distillation
            rows.append(
                {
                    "panel": chain.arm.panel,
                    "arm": chain.arm.name,
                    "seed": chain.seed,
                    "stopping": chain.arm.stopping.slug,
                    "path": chain.path,
                    "teacher": teacher.teacher if teacher else None,
                    "select": teacher.select if teacher else None,
                }
            )
        return json.dumps(rows)

    def stages(self) -> list[Stage]:
        """Every training that is or may be needed, once, under the first arm that needs it."""
        needed: dict[str, Stage] = {}
        for chain in self.chains():
            arm = chain.arm
            where = "" if arm.panel == ONLY_PANEL else f" in {arm.panel}"
            metrics = self.chain_inputs(chain.run, arm.stopping.slug, arm.last)["metrics"]
            for iteration, path in enumerate(metrics):
                words = f"{arm.name}{where} seed {chain.seed} iteration {iteration}"
                log = layout.TRAINING_LOG.format(run=chain.run, i=layout.number(iteration))
                needed.setdefault(path, Stage(words, Path(log), Path(path).exists()))
        return list(needed.values())


def _checkpoint(run: str, iteration: int) -> str:
    return layout.CHECKPOINT.format(run=run, i=layout.number(iteration))


def _gate(run: str, stop: str, iteration: int) -> str:
    return layout.GATE.format(run=run, stop=stop, i=layout.number(iteration))


def _read(path: str) -> dict[str, object] | None:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: is damaged; {REDO}") from error
    assert isinstance(value, dict)
    return value


def _chosen(path: str) -> int | None:
    choice = _read(path)
    return None if choice is None else int(str(choice["iteration"]))


def _goes_on(path: str) -> bool:
    gate = _read(path)
    return gate is not None and not gate["stop"]
