"""The studies of this invocation, and the functions that fill in what stages need."""

import logging
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from snakemake.exceptions import WorkflowError

from dsd2.config import layout, overview, states
from dsd2.config.exports import exported_networks
from dsd2.config.plan import Plan
from dsd2.config.recipe import to_json
from dsd2.config.studies import load_studies
from dsd2.config.study import HEADINGS, TABLES
from dsd2.data.listing import watched
from dsd2.environment import set_for_jobs
from dsd2.errors import UserError
from dsd2.failures import FailedJobs
from dsd2.processes import escape_what_cannot_be_shown, say
from dsd2.progress import ProgressReporter


def checked(function, *arguments):
    """Call the library; a user's mistake becomes a workflow error of one sentence."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def failed_jobs():
    """What hears of failures from now on, whatever ``--quiet`` keeps from being shown.

    Snakemake's log is one of Python's, and it is not promised under which name, nor that its
    settings lie where they do: where they do not, the run ends without a list of what failed.
    """
    settings = getattr(workflow, "output_settings", None)
    quiet = {
        str(kind).lower().rpartition(".")[2] for kind in getattr(settings, "quiet", None) or ()
    }
    failures = FailedJobs(silent="all" in quiet and not getattr(settings, "dryrun", False))
    logger = logging.getLogger("snakemake.logging")
    for handler in [held for held in logger.handlers if held.name == failures.name]:
        logger.removeHandler(handler)
    logger.addHandler(failures)
    return failures


def resource_limit(name):
    """What ``--resources`` limits a resource to; None if it does not."""
    limit = workflow.global_resources.get(name)
    return None if limit is None else limit.value


escape_what_cannot_be_shown()
FAILURES = failed_jobs()
PLAN = checked(Plan, *checked(load_studies, config))
STUDIES = PLAN.studies
FIGURE_FORMATS = ("png", "svg")

checked(
    set_for_jobs,
    dict.fromkeys(root for study in STUDIES.values() for root in study.data_roots),
    any(study.download for study in STUDIES.values()),
    resource_limit("gpu_share"),
)


wildcard_constraints:
    study=r"[^/]+",
    table="|".join(TABLES),
    run=r"[^/]+",
    network=r"[^/]+",
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
    return checked(watched, recipe.name, Path(recipe.path))


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


def table_inputs_of_teacher(wildcards):
    """The images and the network that a teacher's table is made from."""
    return checked(PLAN.table_inputs, wildcards.run, int(wildcards.i))


def training_threads(wildcards):
    """One thread trains; where images are streamed, others decode them."""
    return checked(PLAN.threads, wildcards.run)


def run_recipe(wildcards):
    """Everything the run's weights depend on, as JSON."""
    return checked(PLAN.recipe_json, wildcards.run)


def gate_inputs(wildcards):
    """The iteration's metrics and the gate before."""
    return checked(PLAN.gate_inputs, wildcards.run, wildcards.stop, int(wildcards.i))


def gate_policy(wildcards):
    """The policy with its thresholds, as JSON."""
    return to_json(PLAN.stops[wildcards.stop])


def chain_inputs(wildcards):
    """The iterations that exist or must exist, given the gates decided so far."""
    return checked(PLAN.chain_inputs, wildcards.run, wildcards.stop, int(wildcards.last))


def planned_runs(wildcards):
    """The runs of all studies, with the iterations that they may need."""
    return checked(overview.planned_runs, PLAN)


def partly(pattern, **values):
    """A pattern with some of its wildcards filled in."""
    return expand(pattern, allow_missing=True, **values)[0]


def study_inputs(wildcards):
    """Every chain of the study, and the teacher choices that their names depend on."""
    return checked(PLAN.study_inputs, wildcards.study)


def study_entries(wildcards):
    """Which chain is which arm."""
    return checked(PLAN.entries, wildcards.study)


def study_title(wildcards):
    """Heading of the study's figure."""
    return STUDIES[wildcards.study].title


def study_panels(wildcards):
    """Label of each panel of the study, by name."""
    return STUDIES[wildcards.study].panels


def arm_labels(wildcards):
    """Label of each arm of the study, by name."""
    return {arm.name: arm.label for arm in STUDIES[wildcards.study].arms.values()}


def table_inputs(wildcards):
    """What a table is made from; that of the models takes no training."""
    return [] if wildcards.table == "models" else [layout.STUDY_METRICS.format(**wildcards)]


def table_heading(wildcards):
    """What a table shows."""
    return HEADINGS[wildcards.table]


def table_arms(wildcards):
    """What the study's tables say of arms beside their metrics."""
    return [
        {
            "panel": arm.panel,
            "name": arm.name,
            "show": arm.show,
            "model": to_json(arm.model),
            "dataset": to_json(arm.dataset),
            "filters": arm.filters,
        }
        for arm in STUDIES[wildcards.study].arms.values()
    ]


def export_names(wildcards):
    """Which networks are exported: whose, and how they are chosen, by the name of their folder."""
    study = STUDIES[wildcards.study]
    networks = exported_networks(study.export, study.arms)
    return {name: asdict(network) for name, network in networks.items()}


def exported_network(wildcards):
    """Whose network is exported, and how it is chosen."""
    try:
        return export_names(wildcards)[wildcards.network]
    except KeyError:
        raise WorkflowError(
            f"results/studies/{wildcards.study}/export has no {wildcards.network}; it may have"
            f" {', '.join(export_names(wildcards))}"
        ) from None


def exported_arm(wildcards):
    """What the card of an exported network says of its arm."""
    network = exported_network(wildcards)
    arm = STUDIES[wildcards.study].arms[network["panel"], network["arm"]]
    return {"label": arm.label, "noise": arm.noise.kind}


def export_arms(wildcards):
    """Panel, name and dataset of the arms whose iterations are compared: drawn or exported."""
    study = STUDIES[wildcards.study]
    return [
        (panel, name, layout.DATASET.format(dataset=layout.dataset_name(arm.dataset)))
        for (panel, name), arm in study.arms.items()
        if arm.show or name in study.export.arms
    ]


def export_datasets(wildcards):
    """The datasets of those arms, each once."""
    return list(dict.fromkeys(path for _, _, path in export_arms(wildcards)))


def exported_dataset(wildcards):
    """The dataset of an exported network's arm."""
    network = exported_network(wildcards)
    arm = STUDIES[wildcards.study].arms[network["panel"], network["arm"]]
    return layout.DATASET.format(dataset=layout.dataset_name(arm.dataset))


def export_settings(wildcards):
    """What decides an exported network's files."""
    return asdict(replace(STUDIES[wildcards.study].export, seconds=0, always=False))


def export_seconds(wildcards):
    """How long each network is timed."""
    return STUDIES[wildcards.study].export.seconds


def first_seed(wildcards):
    """The seed whose iterations are compared."""
    return STUDIES[wildcards.study].seeds[0]


def export_results(study):
    """The files that exporting a study's networks leaves."""
    if not study.trains:
        return []
    files = [
        layout.EXPORTED_NETWORK,
        layout.EXPORTED_ONNX,
        layout.EXPORTED_LOADER,
        layout.EXPORTED_CARD,
    ]
    networks = exported_networks(study.export, study.arms)
    paths = expand(files, network=networks, study=study.folder)
    paths += expand(layout.EXPORT_TABLE, format=["md", "csv"], study=study.folder)
    return paths + expand(layout.EXPORT_FIGURE, format=FIGURE_FORMATS, study=study.folder)


def printed_values(wildcards):
    """What the paper prints of the study's arms."""
    return [asdict(printed) for printed in STUDIES[wildcards.study].paper]


def study_budget(wildcards):
    """Name of the budget that is laid over the study, if any."""
    return STUDIES[wildcards.study].budget


def shown_arms(wildcards):
    """Name, panel and place in a grid of the arms that the study's figure draws."""
    arms = STUDIES[wildcards.study].arms.values()
    return [(arm.name, arm.panel, arm.grid) for arm in arms if arm.show]


def analysis_settings(wildcards):
    """How the study's curves are judged."""
    return asdict(STUDIES[wildcards.study].analysis)


def plot_settings(wildcards):
    """How the study's figure looks."""
    return asdict(STUDIES[wildcards.study].plot)


def arm_settings(wildcards):
    """Every setting of the study's arms."""
    return overview.settings(STUDIES[wildcards.study])


def in_report(result):
    """Where the report lists a result: under its study, by what it shows.

    Snakemake makes a switch of a second label that halves the results, so there is one.
    """

    def labels(wildcards):
        return {"result": result(wildcards) if callable(result) else result}

    return {"category": "{study}", "labels": labels}


def study_results(study):
    """The files that a study is run for."""
    patterns = [layout.STUDY_METRICS, layout.PROVENANCE] if study.trains else []
    if study.figure:
        patterns += expand(
            [layout.FIGURE, layout.LAYERS], format=FIGURE_FORMATS, allow_missing=True
        )
        patterns += [layout.EXPLORER]
    patterns += expand(
        layout.TABLE, table=study.tables, format=["md", "csv", "tex", "html"], allow_missing=True
    )
    exports = export_results(study) if study.export.always else []
    return expand(patterns, study=study.folder) + exports


def outcome(study):
    """For the terminal, the table of verdicts, or the first that the study has."""
    tables = sorted(study.tables, key=lambda table: table != "phases")
    for path in expand(layout.TABLE, study=study.folder, table=tables[:1], format="md"):
        if Path(path).exists():
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            return [line for line in lines if line.startswith("|")]
    return []


def all_results():
    """The files that the studies of this invocation are run for."""
    return [path for study in STUDIES.values() for path in study_results(study)]
