"""What each job is made from: the input functions of the workflow, without Snakemake."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dsd2 import paths
from dsd2.config.arms import Arm
from dsd2.data.own import OwnDataset
from dsd2.errors import UserError
from dsd2.escaping import script_json
from dsd2.planning.chain import gate_file
from dsd2.planning.chains import Plan
from dsd2.planning.view import card_facts, compared_arms, dataset_of, exported_arm
from dsd2.recipe import to_json
from dsd2.stopping import NOTHING_LEFT

T = TypeVar("T")
Files = dict[str, str]


class Inputs:
    """The inputs and recipes of a plan's jobs, by the names in the paths of their outputs.

    Every method raises UserError where the studies have nothing of that name.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def dataset_json(self, dataset: str) -> str:
        """What a dataset is."""
        path = paths.DATASET.format(dataset=dataset)
        return to_json(_of_these_studies(self._plan.datasets, dataset, path))

    def dataset(self, dataset: str) -> Files:
        """What a dataset is made from: of a user's images, what was found in them."""
        recipe = self._plan.datasets.get(dataset)
        if isinstance(recipe, OwnDataset):
            return {"images": paths.IMAGES.format(dataset=dataset)}
        return {}

    def data_reports(self) -> list[str]:
        """The reports of all images of users' own.

        Raises:
            UserError: no study has any.
        """
        own = [n for n, recipe in self._plan.datasets.items() if isinstance(recipe, OwnDataset)]
        if not own:
            raise UserError(
                "data_report: no study here has images of one's own; give a folder of them by"
                " --config data=folder"
            )
        return [paths.DATA_REPORT.format(dataset=name) for name in own]

    def undecodable(self, dataset: str) -> str:
        """Where images are listed that make a dataset be refused."""
        return self._plan.placed(paths.UNDECODABLE.format(dataset=dataset))

    def reported_json(self, dataset: str) -> str:
        """What a dataset is, as Snakemake's report may hold it in a script of its page."""
        return script_json(json.loads(self.dataset_json(dataset)))

    def chosen_json(self, dataset: str) -> str:
        """What the studies do with a dataset's images, in sentences."""
        arms = [
            arm
            for study in self._plan.studies.values()
            for arm in study.arms.values()
            if paths.dataset_name(arm.dataset) == dataset
        ]
        return script_json(list(dict.fromkeys(f"chosen: {described(arm)}" for arm in arms)))

    def labels(self, labels: str) -> Files:
        """The dataset that labels belong to, and what they are corrected by."""
        path = paths.LABELS.format(labels=labels)
        recipe, noise = _of_these_studies(self._plan.labels, labels, path)
        name, corrections = paths.dataset_name(recipe), noise.corrections
        inputs = {"dataset": paths.DATASET.format(dataset=name)}
        if corrections is not None and corrections.run is not None:
            names = {"run": corrections.run, "stop": corrections.stop, "last": corrections.last}
            inputs["scores"] = paths.LABEL_SCORES.format(**names)
        elif corrections is not None and isinstance(recipe, OwnDataset):
            inputs["images"] = paths.IMAGES.format(dataset=name)
        return inputs

    def labels_json(self, labels: str) -> str:
        """What the dataset of labels is."""
        return to_json(self._plan.labels[labels][0])

    def noise_json(self, labels: str) -> str:
        """What noise labels have."""
        return to_json(self._plan.labels[labels][1])

    def policy_json(self, run: str, stop: str) -> str:
        """The stopping policy of a run's gates, with its thresholds."""
        return to_json(self._plan.policy(run, stop))

    def dataset_of_run_json(self, run: str) -> str:
        """What the dataset of a run is."""
        return to_json(self._plan.recipe(run).dataset)

    def training(self, run: str, iteration: int) -> Files:
        """What an iteration is trained from. Never a gate: thresholds retrain nothing."""
        recipe = self._plan.recipe(run)
        inputs = self._plan.data_files(run)
        if iteration > 0:
            inputs["previous"] = _checkpoint(run, iteration - 1)
        if iteration > 1 and recipe.perturbation.rewinds:
            inputs["dense"] = _checkpoint(run, 0)
        teacher = recipe.distillation
        if teacher is None:
            return inputs
        if teacher.teacher_iteration is not None:
            inputs["teacher"] = _checkpoint(teacher.teacher_run, teacher.teacher_iteration)
            if teacher.table:
                names = {"run": teacher.teacher_run, "i": paths.number(teacher.teacher_iteration)}
                inputs["table"] = paths.TEACHER_TABLE.format(**names)
        elif iteration == 0:
            inputs["choice"] = self._plan.awaited(run)
        return inputs

    def evaluation(self, run: str, iteration: int) -> Files:
        """What the metrics of a trained iteration are measured from."""
        inputs = self.training(run, iteration)
        names = {"run": run, "i": paths.number(iteration)}
        return {
            **{name: inputs[name] for name in ("dataset", "labels", "teacher") if name in inputs},
            "checkpoint": paths.CHECKPOINT.format(**names),
            "history": paths.HISTORY.format(**names),
        }

    def teacher_logits(self, run: str, iteration: int) -> Files:
        """What a teacher's logits are computed from."""
        dataset = self._plan.data_files(run)["dataset"]
        return {"dataset": dataset, "checkpoint": _checkpoint(run, iteration)}

    def gate(self, run: str, stop: str, iteration: int) -> Files:
        """What a gate judges: the iteration's metrics and the gate before."""
        inputs = {"metrics": paths.METRICS.format(run=run, i=paths.number(iteration))}
        if iteration > 0:
            inputs["previous"] = gate_file(run, stop, iteration - 1)
        return inputs

    def chain(self, run: str, stop: str, last: int) -> dict[str, list[str]]:
        """Metrics and gates of the iterations that exist or must exist, given the gates so far.

        Gate files are read here instead of through Snakemake's ``checkpoints`` object: so the
        whole known chain is in the DAG from the start, and the checks for incomplete files,
        changed parameters and changed inputs see it.
        """
        iterations = list(self._plan.requested(run, stop, last))
        metrics = [paths.METRICS.format(run=run, i=paths.number(i)) for i in iterations]
        gated = self._plan.policy(run, stop).gated
        gates = [gate_file(run, stop, i) for i in iterations] if gated else []
        return {"metrics": metrics, "gates": gates}

    def study(self, folder: str) -> dict[str, list[str]]:
        """The chains of a study, and the choices that their names depend on."""
        chains = self._plan.chains(self._plan.study(folder))
        choices = dict.fromkeys(choice for chain in chains for choice in chain.choices)
        return {"chains": [chain.path for chain in chains], "choices": list(choices)}

    def entries(self, folder: str) -> list[dict[str, Any]]:
        """Which chain belongs to which arm and whom it is distilled from: fields of ``Entry``."""
        rows = []
        for chain in self._plan.chains(self._plan.study(folder)):
            teacher = chain.arm.distillation
            rows.append(
                {
                    **({"end": NOTHING_LEFT} if chain.arm.exhausted else {}),
                    **({"judge": judge.arm} if (judge := chain.arm.corrections) else {}),
                    "panel": chain.arm.panel,
                    "arm": chain.arm.name,
                    "seed": chain.seed,
                    "run": chain.run,
                    "stopping": chain.arm.stopping.slug,
                    "last": chain.arm.last,
                    "path": self._plan.placed(chain.path),
                    "teacher": teacher.teacher if teacher else None,
                    "select": teacher.select if teacher else None,
                }
            )
        return rows

    def exported_dataset(self, folder: str, network: str) -> str:
        """The dataset of an exported network's arm."""
        return dataset_of(exported_arm(self._plan.study(folder), network))

    def compared_datasets(self, folder: str) -> list[str]:
        """The datasets of the arms whose networks are compared, each once."""
        return list(dict.fromkeys(map(dataset_of, compared_arms(self._plan.study(folder)))))

    def exported_json(self, folder: str, network: str) -> str:
        """An exported network: whose it is, how it is chosen, what its card says of its arm."""
        arm = card_facts(self._plan.study(folder), network)
        view = self._plan.view(folder)
        own = {"exported": view.exports[network], "arm": arm}
        return script_json({**view.only("export", "analysis"), **own})


def described(arm: Arm) -> str:
    """The settings of an arm that its images suggest, in words."""
    training, dataset = arm.training, arm.dataset
    return (
        f"images of {dataset.image_size} pixels, network {arm.model.title}, {training.epochs}"
        f" epochs, batch size {training.batch_size}, augmentation {training.augmentation}"
    )


def _of_these_studies(known: Mapping[str, T], name: str, path: str) -> T:
    if name not in known:
        raise UserError(f"{path}: is not of this study; give the configuration that it is of")
    return known[name]


def _checkpoint(run: str, iteration: int) -> str:
    return paths.CHECKPOINT.format(run=run, i=paths.number(iteration))


class LastingOutputs:
    """Jobs whose outputs' names hold all that they depend on.

    Such outputs stay right whatever happens to the files that they were made from. So the inputs'
    times do not matter where they are there, and a job that is done does not ask for an input that
    is gone: Snakemake would make the input again, and then all that was ever made from it.

    Args:
        forced: gives the rules and files that the command line asks for again, once that is known;
            None where that may be anything.
        placed: where a file lies, given the path that rules have for it.
    """

    def __init__(
        self, forced: Callable[[], set[str] | None], placed: Callable[[str], str] = str
    ) -> None:
        self._forced = forced
        self._placed = placed
        # Whether each job was done when it was first looked at. What a job does meanwhile must not
        # change its inputs: the jobs of a running group would become another group, and run again.
        self._done: dict[tuple[str, ...], bool] = {}

    def done(self, outputs: Iterable[str]) -> bool:
        """Whether a job was done when it was first looked at: the times of its inputs are old."""
        outputs = tuple(map(self._placed, outputs))
        if outputs not in self._done:
            self._done[outputs] = all(map(os.path.exists, outputs))
        return self._done[outputs]

    def inputs(self, rule: str, inputs: Files, outputs: Sequence[str]) -> Files:
        """The inputs that a job asks for."""
        if not self.done(outputs):
            return inputs
        gone = {name for name, file in inputs.items() if not Path(self._placed(file)).exists()}
        if gone:
            forced = self._forced()
            if (
                forced is None
                or rule in forced
                or not forced.isdisjoint(map(self._placed, outputs))
            ):
                gone = set()
        return {name: file for name, file in inputs.items() if name not in gone}


def measured_again(plan: Plan, arguments: Sequence[str]) -> str:
    """A pattern of iterations, ``RUN/iter-NN/``, that are trained but whose metrics are gone.

    The rule that trains leaves them to the one that measures. But where the command line may ask
    for a training again, none is left. The Snakemake within a job always forces that job.

    Args:
        plan: whose iterations.
        arguments: of the command line.
    """
    if "--target-jobs" in arguments:
        left = any(argument.startswith("evaluate:") for argument in arguments)
    else:
        left = not any(re.match(r"--force|-\w*[fFR]", argument) for argument in arguments)
    found = plan.without_metrics() if left else []
    return "|".join(re.escape(f"{run}/iter-{paths.number(i)}/") for run, i in found) or "(?!)"
