"""Which files studies need now, given what lies on the disk: the workflow's input functions.

Nothing here trains or decides. A gated chain grows by reading the gates that exist; a student
whose teacher is yet to be selected is *pending*: it has a name of its own, under which its jobs
can be listed but never run, and gets its real name once the choice is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.config.arms import Arm
from dsd2.config.study import Study
from dsd2.errors import UserError
from dsd2.files.decision import CHOICE, GATE, chain_identity, gate_identity, read_decision
from dsd2.recipe import (
    DatasetRecipe,
    NoiseRecipe,
    RunRecipe,
    to_json,
)
from dsd2.stopping import NOTHING_LEFT, Stopping


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
        return paths.CHAIN.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)

    @property
    def choice(self) -> str:
        """Where the chain's best iteration is written when a student asks for it."""
        return paths.CHOICE.format(run=self.run, stop=self.arm.stopping.slug, last=self.arm.last)


class Plan:
    """The files of the studies of an invocation, looked up by the names in their paths.

    A run that several studies need is one run. Names and what follows from them are worked out
    once; the decisions on the disk are read anew each time.

    Args:
        studies: of the invocation.
        placed: where a file lies, given the path that rules have for it; a workflow that takes
            these rules as a module may give them a prefix.
    """

    def __init__(self, *studies: Study, placed: Callable[[str], str] = str) -> None:
        self.studies = {study.folder: study for study in studies}
        self._placed = placed
        self.lookahead = max(study.lookahead for study in studies)
        self.decoders = max(study.decoders for study in studies)
        self.runs: dict[str, RunRecipe] = {}
        self.stops: dict[str, Stopping] = {}
        self.datasets: dict[str, DatasetRecipe] = {}
        self.labels: dict[str, tuple[DatasetRecipe, NoiseRecipe]] = {}
        self.places: dict[str, str] = {}
        self._data: dict[str, dict[str, str]] = {}
        self._jsons: dict[str, str] = {}
        self._awaited: dict[str, str] = {}
        self._named: dict[tuple[str, str, str, int, str | None, int | None], str] = {}
        for study in studies:
            self.chains(study)

    def study(self, folder: str) -> Study:
        """The study of a folder under ``results/studies``.

        Raises:
            UserError: this invocation has no study of that name.
        """
        if folder not in self.studies:
            raise UserError(
                f"{paths.STUDY.format(study=folder)}: is no study of this invocation, which has"
                f" {', '.join(self.studies)}"
            )
        return self.studies[folder]

    def chains(self, study: Study) -> list[Chain]:
        """Every chain of a study under the name it has now, in the order of the figure."""
        return [self.chain(study, arm, seed) for arm in study.arms.values() for seed in study.seeds]

    def chain(self, study: Study, arm: Arm, seed: int) -> Chain:
        """One arm's chain for one seed, as far as its teacher's choice is known."""
        choices: tuple[str, ...] = ()
        teacher_run = iteration = None
        if arm.distillation is not None:
            wanted = arm.distillation
            teacher = self.chain(study, study.arms[arm.panel, wanted.teacher], seed)
            teacher_run, choices = teacher.run, teacher.choices
            if wanted.select == "best":
                choices = (*choices, teacher.choice)
                iteration = _chosen(teacher, Path(self._placed(teacher.choice)))
            else:
                iteration = 0 if wanted.select == "dense" else wanted.select
        key = (study.folder, arm.panel, arm.name, seed, teacher_run, iteration)
        if key not in self._named:
            recipe = _recipe(arm, seed, teacher_run, iteration)
            self._named[key] = paths.run_name(recipe)
            self._note(self._named[key], recipe, arm.stopping)
            if recipe.pending:
                self._awaited[self._named[key]] = choices[-1]
        return Chain(arm, seed, self._named[key], choices)

    def _note(self, run: str, recipe: RunRecipe, stopping: Stopping) -> None:
        """Keep what the names of a run's files stand for."""
        dataset = paths.dataset_name(recipe.dataset)
        labels = paths.labels_name(recipe.dataset, recipe.noise)
        self.runs[run] = recipe
        self.stops[stopping.slug] = stopping
        self.datasets[dataset] = recipe.dataset
        self.labels[labels] = (recipe.dataset, recipe.noise)
        for manifest, path in (
            (recipe.dataset.manifest, recipe.dataset.path),
            (recipe.noise.manifest, recipe.noise.file),
        ):
            if manifest is not None and path is not None:
                self.places[manifest] = path
        self._jsons[run] = to_json(recipe)
        self._data[run] = {
            "dataset": paths.DATASET.format(dataset=dataset),
            "labels": paths.LABELS.format(labels=labels),
        }

    def recipe(self, run: str) -> RunRecipe:
        """The recipe of a run of these studies.

        Raises:
            UserError: the studies have no run of that name.
        """
        if run in self.runs:
            return self.runs[run]
        for study in self.studies.values():
            for chain in self.chains(study):
                if run in self._former_names(study, chain):
                    raise UserError(
                        f"{paths.RUN.format(run=run)}: is a run's name before its teacher was"
                        f" selected; now it is {paths.RUN.format(run=chain.run)}"
                    )
        raise UserError(
            f"{paths.RUN.format(run=run)}: is no run of this study; give the --configfile"
            " of the study that it belongs to"
        )

    def _former_names(self, study: Study, chain: Chain) -> set[str]:
        """The names that a chain's run had while teachers were not selected."""
        wanted, now = chain.arm.distillation, self.runs[chain.run].distillation
        if wanted is None or now is None:
            return set()
        teacher = self.chain(study, study.arms[chain.arm.panel, wanted.teacher], chain.seed)
        iterations = {now.teacher_iteration, *({None} if wanted.select == "best" else ())}
        names = {
            paths.run_name(_recipe(chain.arm, chain.seed, run, iteration))
            for run in (teacher.run, *self._former_names(study, teacher))
            for iteration in iterations
        }
        return names - {chain.run}

    def dataset_of(self, run: str) -> str:
        """Name of the dataset of a run; raises as :meth:`recipe`."""
        return paths.dataset_name(self.recipe(run).dataset)

    def recipe_json(self, run: str) -> str:
        """The recipe of a run as one line of JSON; raises as :meth:`recipe`."""
        self.recipe(run)
        return self._jsons[run]

    def training_inputs(self, run: str, iteration: int) -> dict[str, str]:
        """What an iteration is trained from. Never a gate: thresholds retrain nothing."""
        recipe = self.recipe(run)
        inputs = dict(self._data[run])
        if iteration > 0:
            inputs["previous"] = _checkpoint(run, iteration - 1)
        if iteration > 1 and recipe.perturbation.kind == "rewind":
            inputs["dense"] = _checkpoint(run, 0)
        if recipe.distillation is not None:
            teacher = recipe.distillation
            if teacher.teacher_iteration is not None:
                chosen = (teacher.teacher_run, teacher.teacher_iteration)
                inputs["teacher"] = _checkpoint(*chosen)
                if teacher.table:
                    inputs["table"] = _table(*chosen)
            elif iteration == 0:
                inputs["choice"] = self._awaited[run]
        return inputs

    def evaluation_inputs(self, run: str, iteration: int) -> dict[str, str]:
        """What the metrics of a trained iteration are measured from."""
        inputs = self.training_inputs(run, iteration)
        names = {"run": run, "i": paths.number(iteration)}
        return {
            **{name: inputs[name] for name in ("dataset", "labels", "teacher") if name in inputs},
            "checkpoint": paths.CHECKPOINT.format(**names),
            "history": paths.HISTORY.format(**names),
        }

    def without_metrics(self) -> list[tuple[str, int]]:
        """The iterations that are trained but whose metrics are gone, by run."""
        found: dict[tuple[str, int], None] = {}
        for study in self.studies.values():
            for chain in self.chains(study):
                stop, last = chain.arm.stopping.slug, chain.arm.last
                for i in self.requested(chain.run, stop, last):
                    trained = paths.fill(paths.TRAINED, run=chain.run, i=paths.number(i))
                    if [Path(self._placed(path)).exists() for path in trained] == [
                        True,
                        True,
                        False,
                    ]:
                        found[chain.run, i] = None
        return list(found)

    def table_inputs(self, run: str, iteration: int) -> dict[str, str]:
        """What a teacher's table is made from."""
        self.recipe(run)
        return {"dataset": self._data[run]["dataset"], "checkpoint": _checkpoint(run, iteration)}

    def threads(self, run: str) -> int:
        """Threads of a training: one, and those that decode its images where they are streamed."""
        return 1 + self.decoders * self.recipe(run).dataset.stream

    def gate_inputs(self, run: str, stop: str, iteration: int) -> dict[str, str]:
        """What a gate judges: the iteration's metrics and the gate before."""
        inputs = {"metrics": paths.METRICS.format(run=run, i=paths.number(iteration))}
        if iteration > 0:
            inputs["previous"] = _gate(run, stop, iteration - 1)
        return inputs

    def chain_inputs(self, run: str, stop: str, last: int) -> dict[str, list[str]]:
        """Metrics and gates of the iterations that exist or must exist, given the gates so far.

        Gate files are read here instead of through Snakemake's ``checkpoints`` object: so the
        whole known chain is in the DAG from the start, and the checks for incomplete files,
        changed parameters and changed inputs see it.
        """
        iterations = list(self.requested(run, stop, last))
        metrics = [paths.METRICS.format(run=run, i=paths.number(i)) for i in iterations]
        gates = [] if stop == "none" else [_gate(run, stop, i) for i in iterations]
        return {"metrics": metrics, "gates": gates}

    def requested(self, run: str, stop: str, last: int) -> Iterator[int]:
        """The iterations of a chain that exist or must exist, given the gates so far."""
        block = last + 1 if stop == "none" else self.lookahead
        for start in range(0, last + 1, block):
            iterations = range(start, min(start + block, last + 1))
            yield from iterations
            if stop != "none" and not all(self._goes_on(run, stop, i) for i in iterations):
                return

    def stopped(self, run: str, stop: str, last: int) -> bool:
        """Whether a gate has stopped a chain."""
        if stop == "none":
            return False
        return any(
            Path(self._placed(_gate(run, stop, i))).exists() and not self._goes_on(run, stop, i)
            for i in self.requested(run, stop, last)
        )

    def _goes_on(self, run: str, stop: str, iteration: int) -> bool:
        """Whether a gate has let a chain go on; False while it has not been made."""
        path = Path(self._placed(_gate(run, stop, iteration)))
        try:
            return not read_decision(path, GATE, gate_identity(run, stop, iteration))["stop"]
        except FileNotFoundError:
            return False

    def study_inputs(self, folder: str) -> dict[str, list[str]]:
        """The chains of a study, and the choices that their names depend on."""
        chains = self.chains(self.study(folder))
        choices = dict.fromkeys(choice for chain in chains for choice in chain.choices)
        return {"chains": [chain.path for chain in chains], "choices": list(choices)}

    def entries(self, folder: str) -> list[dict[str, Any]]:
        """Which chain belongs to which arm and whom it is taught by: fields of ``Entry``."""
        rows = []
        for chain in self.chains(self.study(folder)):
            teacher = chain.arm.distillation
            end = {"end": NOTHING_LEFT} if chain.arm.exhausted else {}
            rows.append(
                {
                    **end,
                    "panel": chain.arm.panel,
                    "arm": chain.arm.name,
                    "seed": chain.seed,
                    "run": chain.run,
                    "stopping": chain.arm.stopping.slug,
                    "last": chain.arm.last,
                    "path": self._placed(chain.path),
                    "teacher": teacher.teacher if teacher else None,
                    "select": teacher.select if teacher else None,
                }
            )
        return rows


def _recipe(arm: Arm, seed: int, teacher_run: str | None, iteration: int | None) -> RunRecipe:
    recipe = RunRecipe(
        dataset=arm.dataset,
        noise=arm.noise,
        model=arm.model,
        training=arm.training,
        pruning=arm.pruning,
        perturbation=arm.perturbation,
        seed=seed,
    )
    if arm.distillation is None or teacher_run is None:
        return recipe
    distillation = arm.distillation.recipe(teacher_run, iteration)
    return replace(recipe, distillation=distillation)


def _checkpoint(run: str, iteration: int) -> str:
    return paths.CHECKPOINT.format(run=run, i=paths.number(iteration))


def _table(run: str, iteration: int) -> str:
    return paths.TEACHER_TABLE.format(run=run, i=paths.number(iteration))


def _gate(run: str, stop: str, iteration: int) -> str:
    return paths.GATE.format(run=run, stop=stop, i=paths.number(iteration))


def _chosen(teacher: Chain, path: Path) -> int | None:
    """The iteration that a chain's choice names; None while it has not been made."""
    identity = chain_identity(teacher.run, teacher.arm.stopping.slug, teacher.arm.last)
    try:
        return int(read_decision(path, CHOICE, identity)["iteration"])
    except FileNotFoundError:
        return None
