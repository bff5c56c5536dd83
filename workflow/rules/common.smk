"""The studies of this invocation, and the functions that fill in what stages need."""

import logging
import os
import re
import shlex
from dataclasses import asdict, replace
from pathlib import Path

from dsd2 import paths
from dsd2.planning import jobs
from dsd2.planning import status
from dsd2.config.export_options import exported_networks
from dsd2.planning.chains import Plan
from dsd2.recipe import to_json
from dsd2.config.studies import laid_over_file, load_studies
from dsd2.config.study import HEADINGS, TABLES
from dsd2.environment import set_for_jobs
from dsd2.escaping import escape_rst, one_line, script_json
from dsd2.failures import FailedJobs
from dsd2.processes import escape_what_cannot_be_shown, say
from dsd2.planning.progress import ProgressReporter


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


def placed(path, modifier=workflow.modifier.path_modifier):
    """Where a result lies: below the prefix, where a module that takes these rules has one."""
    return modifier.replace_prefix(path)


def study_config():
    """The configuration. To what a module's ``config`` says Snakemake adds no ``configfile``."""
    if default_study():
        return checked(laid_over_file, plain_file(default_study()), config)
    return config


escape_what_cannot_be_shown()
FAILURES = failed_jobs()
PLAN = checked(lambda: Plan(*load_studies(study_config(), CLONE), placed=placed))
STUDIES = PLAN.studies
FIGURE_FORMATS = ("png", "svg")

checked(
    set_for_jobs,
    dict.fromkeys(root for study in STUDIES.values() for root in study.data_roots),
    any(study.download for study in STUDIES.values()),
    resource_limit("gpu_share"),
    PLAN.places,
)


def forced_again():
    """Rules and files that the command line asks for again; None where that may be anything.

    Known once Snakemake looks for jobs, not yet while it reads this file.
    """
    try:
        settings = workflow.dag_settings
        if settings.forceall or settings.target_jobs:
            return None
        forced = {*settings.forcerun, *(settings.targets if settings.forcetargets else ())}
    except AttributeError:
        return None
    return {os.path.normpath(name) for name in forced}


def evaluated_again():
    """A pattern of iterations, ``RUN/iter-NN/``, that are trained but whose metrics are gone.

    The rule that trains leaves them to the one that measures. But where the command line may ask
    for a training again, none is left. A job's own Snakemake is always told to force it.
    """
    given = sys.argv[1:]
    if "--target-jobs" in given:
        left = any(argument.startswith("evaluate:") for argument in given)
    else:
        left = not any(re.match(r"--force|-\w*[fFR]", argument) for argument in given)
    found = checked(PLAN.without_metrics) if left else []
    return "|".join(re.escape(f"{run}/iter-{paths.number(i)}/") for run, i in found) or "(?!)"


EVALUATED_AGAIN = evaluated_again()


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


def of_this_study(known, name, path):
    """What a name stands for; a file's name of another study is one sentence."""
    if name not in known:
        raise WorkflowError(f"{path}: is not of this study; give the configuration that it is of")
    return known[name]


def dataset_recipe(wildcards):
    """What the dataset is, as JSON."""
    path = paths.DATASET.format(**wildcards)
    return to_json(of_this_study(PLAN.datasets, wildcards.dataset, path))


def labels_inputs(wildcards):
    """The dataset that the labels belong to."""
    path = paths.LABELS.format(**wildcards)
    recipe, _ = of_this_study(PLAN.labels, wildcards.labels, path)
    inputs = {"dataset": paths.DATASET.format(dataset=paths.dataset_name(recipe))}
    return lasting("labels", inputs, [paths.LABELS.format(**wildcards)])


def labels_recipe(wildcards):
    """What the dataset of the labels is, as JSON."""
    return to_json(PLAN.labels[wildcards.labels][0])


def labels_noise(wildcards):
    """What noise the labels have, as JSON."""
    return to_json(PLAN.labels[wildcards.labels][1])


# Whether each job was done when it was first looked at. What a job does meanwhile must not change
# its inputs: the jobs of a group that is running would become another group, and run again.
DONE_BEFORE = {}


def lasting(stage, inputs, outputs):
    """The inputs of a job whose outputs' names hold all that they depend on.

    Such outputs stay right whatever happens to the files that they were made from. So the inputs'
    times do not matter where they are there, and a job that is done does not ask for an input that
    is gone: Snakemake would make the input again, and then all that was ever made from it.
    """
    outputs = tuple(outputs)
    if outputs not in DONE_BEFORE:
        DONE_BEFORE[outputs] = all(map(os.path.exists, outputs))
    if not DONE_BEFORE[outputs]:
        return inputs
    gone = {name for name, file in inputs.items() if not os.path.exists(file)}
    if gone:
        asked = forced_again()
        if asked is None or stage in asked or not asked.isdisjoint(outputs):
            gone = set()
    return {name: ancient(file) for name, file in inputs.items() if name not in gone}


def training_inputs(wildcards):
    """Data, the iteration before, and a student's teacher; never a gate."""
    inputs = checked(PLAN.training_inputs, wildcards.run, int(wildcards.i))
    return lasting("train", inputs, paths.fill(paths.TRAINED, **wildcards))


def evaluation_inputs(wildcards):
    """The trained network, its data, and what its teacher cost."""
    inputs = checked(PLAN.evaluation_inputs, wildcards.run, int(wildcards.i))
    return {name: ancient(file) for name, file in inputs.items()}


def table_inputs_of_teacher(wildcards):
    """The images and the network that a teacher's table is made from."""
    inputs = checked(PLAN.table_inputs, wildcards.run, int(wildcards.i))
    return lasting("tabulate", inputs, [paths.TEACHER_TABLE.format(**wildcards)])


def training_threads(wildcards):
    """One thread trains; where images are streamed, others decode them."""
    return checked(PLAN.threads, wildcards.run)


def run_recipe(wildcards):
    """Everything the run's weights depend on, as JSON."""
    return checked(PLAN.recipe_json, wildcards.run)


def gate_inputs(wildcards):
    """The iteration's metrics and the gate before."""
    return checked(PLAN.gate_inputs, wildcards.run, wildcards.stop, int(wildcards.i))


def teachers_dataset(wildcards, input):
    """The dataset of a run as JSON; the inputs are named so that Snakemake does not compare it."""
    return to_json(PLAN.recipe(wildcards.run).dataset)


def gate_policy(wildcards):
    """The policy with its thresholds, as JSON."""
    path = f"{paths.RUN.format(**wildcards)}/stopping/{wildcards.stop}"
    return to_json(of_this_study(PLAN.stops, wildcards.stop, path))


def chain_inputs(wildcards):
    """The iterations that exist or must exist, given the gates decided so far."""
    return checked(PLAN.chain_inputs, wildcards.run, wildcards.stop, int(wildcards.last))


def planned_runs(wildcards):
    """The runs of all studies, with the iterations that they may need."""
    return checked(jobs.planned_runs, PLAN)


def partly(pattern, **values):
    """A pattern with some of its wildcards filled in."""
    return expand(pattern, allow_missing=True, **values)[0]


def study_inputs(wildcards):
    """Every chain of the study, and the teacher choices that their names depend on."""
    return checked(PLAN.study_inputs, wildcards.study)


def study_entries(wildcards):
    """Which chain is which arm."""
    return checked(PLAN.entries, wildcards.study)


def in_texts(**functions):
    """Parameters that hold text of the user's, as JSON; ``dsd2.script.parameters`` unpacks them.

    Snakemake's report puts parameters into a script of its page as they are.
    """

    def texts(wildcards):
        return script_json({name: function(wildcards) for name, function in functions.items()})

    return texts


def study_title(wildcards):
    """Heading of the study's figure."""
    return one_line(STUDIES[wildcards.study].title)


def study_title_in_rst(wildcards):
    """The same for the report's landing page."""
    return escape_rst(study_title(wildcards))


def study_panels(wildcards):
    """Label of each panel of the study, by name."""
    return {name: one_line(label) for name, label in STUDIES[wildcards.study].panels.items()}


def arm_labels(wildcards):
    """Label of each arm of the study, by name."""
    return {arm.name: one_line(arm.label) for arm in STUDIES[wildcards.study].arms.values()}


def table_inputs(wildcards):
    """What a table is made from; that of the models takes no training."""
    return [] if wildcards.table == "models" else [paths.STUDY_METRICS.format(**wildcards)]


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
    network, study = exported_network(wildcards), STUDIES[wildcards.study]
    arm = study.arms[network["panel"], network["arm"]]
    panel = f" ({study.panels[arm.panel]})" if len(study.panels) > 1 else ""
    return {
        "label": f"{arm.label}{panel}",
        "noise": arm.noise.kind,
        "own": arm.dataset.path is not None,
        "stand_in": arm.noise.stand_in or arm.dataset.stand_in,
        "tested": arm.dataset.validation == "test",
    }


def export_arms(wildcards):
    """Panel, name and dataset of the arms whose iterations are compared: drawn or exported."""
    study = STUDIES[wildcards.study]
    return [
        (panel, name, paths.DATASET.format(dataset=paths.dataset_name(arm.dataset)))
        for (panel, name), arm in study.arms.items()
        if arm.show or name in study.export.arms
    ]


def placed_export_arms(wildcards):
    """The same, with the place where each dataset lies."""
    return [(panel, name, placed(path)) for panel, name, path in export_arms(wildcards)]


def export_datasets(wildcards):
    """The datasets of those arms, each once."""
    return list(dict.fromkeys(path for _, _, path in export_arms(wildcards)))


def exported_dataset(wildcards):
    """The dataset of an exported network's arm."""
    network = exported_network(wildcards)
    arm = STUDIES[wildcards.study].arms[network["panel"], network["arm"]]
    return paths.DATASET.format(dataset=paths.dataset_name(arm.dataset))


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
        paths.EXPORTED_NETWORK,
        paths.EXPORTED_ONNX,
        paths.EXPORTED_LOADER,
        paths.EXPORTED_CARD,
        paths.EXPORTED_SUMS,
    ]
    networks = exported_networks(study.export, study.arms)
    results = expand(files, network=networks, study=study.folder)
    results += expand(paths.EXPORT_TABLE, format=["md", "csv"], study=study.folder)
    return results + expand(paths.EXPORT_FIGURE, format=FIGURE_FORMATS, study=study.folder)


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
    return jobs.settings(STUDIES[wildcards.study])


def in_report(result):
    """Where the report lists a result: under its study, by what it shows.

    Snakemake makes a switch of a second label that halves the results, so there is one.
    """

    def labels(wildcards):
        return {"result": result(wildcards) if callable(result) else result}

    return {"category": "{study}", "labels": labels}


def study_results(study):
    """The files that a study is run for."""
    patterns = [paths.STUDY_METRICS, paths.PROVENANCE] if study.trains else []
    if study.figure:
        patterns += expand([paths.FIGURE, paths.LAYERS], format=FIGURE_FORMATS, allow_missing=True)
        patterns += [paths.EXPLORER]
    patterns += expand(
        paths.TABLE, table=study.tables, format=["md", "csv", "tex", "html"], allow_missing=True
    )
    exports = export_results(study) if study.export.always else []
    return expand(patterns, study=study.folder) + exports


def outcome(study):
    """For the terminal, the table of verdicts, or the first that the study has."""
    tables = sorted(study.tables, key=lambda table: table != "phases")
    for path in expand(paths.TABLE, study=study.folder, table=tables[:1], format="md"):
        if Path(path).exists():
            lines = Path(path).read_text(encoding="utf-8").splitlines()
            return [line for line in lines if line.startswith("|")]
    return []


def all_results():
    """The files that the studies of this invocation are run for."""
    return [path for study in STUDIES.values() for path in study_results(study)]
