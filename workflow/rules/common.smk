"""The studies of this invocation, and what rules share to fill in what stages need."""

import os
import shlex
from functools import partial
from pathlib import Path

from dsd2 import compat, fork_client, paths
from dsd2.analysis.registered import FIGURES, TABLES
from dsd2.config.studies import laid_over_file, load_studies, name_of_all
from dsd2.devices import share_of_gpus
from dsd2.environment import set_for_jobs
from dsd2.escaping import escape_rst, script_json
from dsd2.events import Events, listen
from dsd2.planning import view
from dsd2.planning.chains import Plan
from dsd2.planning.claim_inputs import ClaimInputs
from dsd2.planning.inputs import Inputs, LastingOutputs, measured_again
from dsd2.planning.issue_inputs import IssueInputs
from dsd2.planning.jobs import JobNames
from dsd2.planning.reporter import ProgressReporter
from dsd2.processes import escape_what_cannot_be_shown, say
from dsd2.screen import fitted, screen_asked_for


def study_config():
    """The configuration. To what a module's ``config`` says Snakemake adds no ``configfile``."""
    if default_study():
        return checked(laid_over_file, plain_file(default_study()), config)
    return config


escape_what_cannot_be_shown()
SCREEN = checked(screen_asked_for, os.environ)
EVENTS = listen(Events(silent=compat.says_nothing(workflow), screen=SCREEN))
if SCREEN.ours and (handler := compat.terminal_handler(workflow)):
    EVENTS.replace(handler)
GIVEN = study_config()
PLAN = checked(lambda: Plan(*load_studies(GIVEN, CLONE), placed=compat.placing(workflow)))
EVENTS.name_of = JobNames(PLAN).of
EVENTS.on_interrupt = compat.terminate_jobs
STUDIES = PLAN.studies
if workflow.is_main_process:
    for folder, study in PLAN.left_out.items():
        logger.warning(f"The study {folder} is left out: {study.lacks}.")
INPUTS = Inputs(PLAN)
ISSUES = IssueInputs(PLAN)
CLAIMS = ClaimInputs(PLAN)
LASTING = LastingOutputs(lambda: compat.forced_again(workflow), PLAN.placed)
MEASURED_AGAIN = checked(measured_again, PLAN, sys.argv[1:])

checked(
    set_for_jobs,
    dict.fromkeys(root for study in STUDIES.values() for root in study.data_roots),
    any(study.download for study in STUDIES.values()),
    share_of_gpus(partial(compat.resource_limit, workflow)),
    PLAN.places,
)


wildcard_constraints:
    study=r"[^/]+",
    table="|".join(TABLES),
    run=r"[^/]+",
    network=r"[^/]+",
    listed=r"[^/]+",
    stop=r"[^/]+",
    i=r"\d\d+",
    last=r"\d+",


def by(function, *names):
    """A rule's function: one of the library's that takes some wildcards, iterations as numbers."""

    def of(wildcards):
        values = {name: wildcards[name] for name in names}
        numbers = {name: int(values[name]) for name in ("i", "last") if name in values}
        return checked(function, *{**values, **numbers}.values())

    return of


def lasting(rule, function, *names, outputs):
    """The inputs of a job whose outputs stay right whatever happens to them."""

    def of(wildcards):
        made = paths.fill(outputs, **wildcards)
        inputs = LASTING.inputs(rule, by(function, *names)(wildcards), made)
        return {n: ancient(f) for n, f in inputs.items()} if LASTING.done(made) else inputs

    return of


def of_any_time(function, *names):
    """Inputs whose times do not matter."""

    def of(wildcards):
        return {n: ancient(f) for n, f in by(function, *names)(wildcards).items()}

    return of


def uncompared(function, *names):
    """A parameter that makes nothing anew: Snakemake compares none that may depend on inputs."""

    def of(wildcards, input):
        return by(function, *names)(wildcards)

    return of


def as_options(wildcards, input):
    """A stage's named inputs as options of the command line, ``--name file``."""
    return " ".join(f"--{name} {shlex.quote(file)}" for name, file in input.items())


def seen(*fields):
    """A part of the view of a study, for the parameter ``study``; ``dsd2.script`` unpacks it.

    It is JSON, since Snakemake's report puts parameters into a script of its page as they are.
    """

    def part(wildcards):
        return script_json(checked(PLAN.view, wildcards.study).only(*fields))

    return part


def title_in_rst(wildcards):
    """The study's title for the report's landing page."""
    return escape_rst(checked(PLAN.view, wildcards.study).title)


def partly(pattern, **values):
    """A pattern with some of its wildcards filled in."""
    return expand(pattern, allow_missing=True, **values)[0]


def in_report(result):
    """Where the report lists a result: under its study, by what it shows.

    Snakemake makes a switch of a second label that halves the results, so there is one.
    """

    def labels(wildcards):
        return {"result": result(wildcards) if callable(result) else result}

    return {"category": "{study}", "labels": labels}
