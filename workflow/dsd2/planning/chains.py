"""Which chains studies need now, given what lies on the disk.

Nothing here trains or decides. A gated chain grows by reading the gates that exist; a student
whose teacher is yet to be selected is *pending*: it has a name of its own, under which its jobs
can be listed but never run, and gets its real name once the choice is on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dsd2 import paths
from dsd2.analysis.view import StudyView
from dsd2.config.arms import Arm
from dsd2.config.study import Study
from dsd2.errors import UserError
from dsd2.files.decision import GATE, gate_identity, read_decision
from dsd2.planning.chain import Chain, chosen, corrected, gate_file, recipe_of
from dsd2.planning.view import study_view
from dsd2.recipe import (
    CorrectionsRecipe,
    DatasetRecipe,
    NoiseRecipe,
    RunRecipe,
    to_json,
)
from dsd2.stopping import Stopping


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
        self.left_out = {study.folder: study for study in studies if study.lacks is not None}
        if len(self.left_out) == len(studies):
            raise UserError(f"nothing can be run: {studies[0].lacks}")
        studies = tuple(study for study in studies if study.lacks is None)
        self.studies = {study.folder: study for study in studies}
        self.placed = placed
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
        self._named: dict[tuple[str | int | NoiseRecipe | None, ...], str] = {}
        self.views = {study.folder: study_view(study, placed) for study in studies}
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

    def view(self, folder: str) -> StudyView:
        """How figures and tables see a study; raises as :meth:`study`."""
        self.study(folder)
        return self.views[folder]

    def chains(self, study: Study) -> list[Chain]:
        """Every chain of a study under the name it has now, in the order of the figure."""
        return [self.chain(study, arm, seed) for arm in study.arms.values() for seed in study.seeds]

    def chain(self, study: Study, arm: Arm, seed: int) -> Chain:
        """One arm's chain for one seed, as far as its teacher's choice is known."""
        choices: tuple[str, ...] = ()
        teacher_run = iteration = judge = None
        if arm.corrections is not None:
            judge = self.chain(study, study.arms[arm.panel, arm.corrections.arm], seed)
            choices = judge.choices
        if arm.distillation is not None:
            wanted = arm.distillation
            teacher = self.chain(study, study.arms[arm.panel, wanted.teacher], seed)
            teacher_run, choices = teacher.run, (*choices, *teacher.choices)
            if wanted.select == "best":
                choices = (*choices, teacher.choice)
                iteration = chosen(teacher, Path(self.placed(teacher.choice)))
            else:
                iteration = 0 if wanted.select == "dense" else wanted.select
        noise = arm.noise if judge is None else corrected(arm, judge)
        key = (study.folder, arm.panel, arm.name, seed, noise, teacher_run, iteration)
        if key not in self._named:
            recipe = recipe_of(arm, noise, seed, teacher_run, iteration)
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
        corrections = recipe.noise.corrections or CorrectionsRecipe()
        for manifest, path in (
            (recipe.dataset.manifest, recipe.dataset.path),
            (recipe.noise.manifest, recipe.noise.file),
            (corrections.manifest, corrections.file),
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
        noise = self.runs[chain.run].noise
        names = {
            paths.run_name(recipe_of(chain.arm, noise, chain.seed, run, iteration))
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

    def without_metrics(self) -> list[tuple[str, int]]:
        """The iterations that are trained but whose metrics are gone, by run."""

        def lacks_metrics(run: str, i: int) -> bool:
            trained = paths.fill(paths.TRAINED, run=run, i=paths.number(i))
            *others, metrics = (Path(self.placed(path)).exists() for path in trained)
            return all(others) and not metrics

        return list(
            dict.fromkeys(
                (chain.run, i)
                for study in self.studies.values()
                for chain in self.chains(study)
                for i in self.requested(chain.run, chain.arm.stopping.slug, chain.arm.last)
                if lacks_metrics(chain.run, i)
            )
        )

    def data_files(self, run: str) -> dict[str, str]:
        """Dataset and labels of a run; raises as :meth:`recipe`."""
        self.recipe(run)
        return dict(self._data[run])

    def awaited(self, run: str) -> str:
        """The choice that a pending run waits for."""
        return self._awaited[run]

    def threads(self, run: str) -> int:
        """Threads of a training: one, and those that decode its images where they are streamed."""
        return 1 + self.decoders * self.recipe(run).dataset.stream

    def policy(self, run: str, stop: str) -> Stopping:
        """The stopping policy of a folder of a run's.

        Raises:
            UserError: it is none of these studies.
        """
        if stop not in self.stops:
            raise UserError(
                f"{paths.RUN.format(run=run)}/stopping/{stop}: is not of this study; give the"
                " configuration that it is of"
            )
        return self.stops[stop]

    def requested(self, run: str, stop: str, last: int) -> Iterator[int]:
        """The iterations of a chain that exist or must exist, given the gates so far."""
        gated = self.policy(run, stop).gated
        block = self.lookahead if gated else last + 1
        for start in range(0, last + 1, block):
            iterations = range(start, min(start + block, last + 1))
            yield from iterations
            if gated and not all(self._goes_on(run, stop, i) for i in iterations):
                return

    def stopped(self, run: str, stop: str, last: int) -> bool:
        """Whether a gate has stopped a chain."""
        return self.policy(run, stop).gated and any(
            Path(self.placed(gate_file(run, stop, i))).exists() and not self._goes_on(run, stop, i)
            for i in self.requested(run, stop, last)
        )

    def possible(self, run: str, stop: str, last: int) -> list[int]:
        """The iterations that a chain has at most, given the gates so far."""
        if self.stopped(run, stop, last):
            return list(self.requested(run, stop, last))
        return list(range(last + 1))

    def _goes_on(self, run: str, stop: str, iteration: int) -> bool:
        """Whether a gate has let a chain go on; False while it has not been made."""
        path = Path(self.placed(gate_file(run, stop, iteration)))
        try:
            return not read_decision(path, GATE, gate_identity(run, stop, iteration))["stop"]
        except FileNotFoundError:
            return False
