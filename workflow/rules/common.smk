"""The study of this invocation, and the functions that fill in what stages need."""

import shlex
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from snakemake.exceptions import WorkflowError

from dsd2.config import layout
from dsd2.config.plan import Plan
from dsd2.config.recipe import to_json
from dsd2.config.study import load_study
from dsd2.environment import set_for_jobs
from dsd2.errors import UserError
from dsd2.progress import ProgressReporter


def checked(function, *arguments):
    """Call the library; a user's mistake becomes a workflow error of one sentence."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error)) from None


STUDY = checked(load_study, config)
PLAN = checked(Plan, STUDY)
ARM_LABELS = {arm.name: arm.label for arm in STUDY.arms.values()}

set_for_jobs(STUDY.data_roots, STUDY.download)


wildcard_constraints:
    run=r"[^/]+",
    stop=r"[^/]+",
    i=r"\d\d+",
    last=r"\d+",


def as_options(wildcards, input):
    """A stage's named inputs as options of the command line, ``--name file``."""
    return " ".join(f"--{name} {shlex.quote(file)}" for name, file in input.items())


def dataset_files(wildcards):
    """A user's own files, so that a change of them is noticed; named datasets are looked for."""
    recipe = PLAN.datasets[wildcards.dataset]
    if recipe.path is None:
        return []
    # A folder's time changes with the files in it.
    patterns = {"parquet": ("t*.parquet",), "imagefolder": ("*/", "train/*/", "test/*/")}
    found = (Path(recipe.path).glob(pattern) for pattern in patterns[recipe.name])
    return sorted(str(path) for paths in found for path in paths)


def dataset_recipe(wildcards):
    """What the dataset is, as JSON."""
    return to_json(PLAN.datasets[wildcards.dataset])


def labels_dataset(wildcards):
    """The dataset that the labels belong to."""
    recipe, _ = PLAN.labels[wildcards.labels]
    return layout.DATASET.format(dataset=layout.dataset_name(recipe))


def labels_recipe(wildcards):
    """What the dataset of the labels is, as JSON."""
    return to_json(PLAN.labels[wildcards.labels][0])


def labels_noise(wildcards):
    """What noise the labels have, as JSON."""
    return to_json(PLAN.labels[wildcards.labels][1])


def training_inputs(wildcards):
    """Data, the iteration before, and a student's teacher; never a gate."""
    return checked(PLAN.training_inputs, wildcards.run, int(wildcards.i))


def run_recipe(wildcards):
    """Everything the run's weights depend on, as JSON."""
    return to_json(checked(PLAN.recipe, wildcards.run))


def gate_inputs(wildcards):
    """The iteration's metrics and the gate before."""
    return checked(PLAN.gate_inputs, wildcards.run, wildcards.stop, int(wildcards.i))


def gate_policy(wildcards):
    """The policy with its thresholds, as JSON."""
    return to_json(PLAN.stops[wildcards.stop])


def chain_inputs(wildcards):
    """The iterations that exist or must exist, given the gates decided so far."""
    return checked(PLAN.chain_inputs, wildcards.run, wildcards.stop, int(wildcards.last))


def study_inputs(wildcards):
    """Every chain of the study, and the teacher choices that their names depend on."""
    return checked(PLAN.study_inputs)


def study_entries(wildcards):
    """Which chain is which arm, as JSON."""
    return checked(PLAN.entries)


def of_study(pattern, **values):
    """A path of this study."""
    return pattern.format(study=STUDY.folder, **values)


def study_results():
    """The files that a study is run for."""
    return [
        of_study(layout.STUDY_METRICS),
        *(of_study(layout.FIGURE, format=suffix) for suffix in ("png", "svg")),
        *(
            of_study(table, format=suffix)
            for table in (layout.STOPPING_TABLE, layout.PHASES_TABLE)
            for suffix in ("md", "csv")
        ),
    ]
