"""What every rule file uses: the study of this invocation, and how a rule finds its inputs."""

import os
import sys
from dataclasses import asdict
from pathlib import Path

_LIBRARY = str(Path(workflow.basedir, "workflow"))
sys.path.insert(0, _LIBRARY)

from snakemake.exceptions import WorkflowError

from dsd2.config import layout
from dsd2.config.plan import Plan
from dsd2.config.recipe import to_json
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.progress import ProgressReporter

# Jobs find the library and this interpreter without being installed or activated.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [_LIBRARY, os.environ.get("PYTHONPATH")])
)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

try:
    STUDY = load_study(config)
    PLAN = Plan(STUDY)
except UserError as error:
    raise WorkflowError(str(error))

ARM_LABELS = {arm.name: arm.label for arm in STUDY.arms.values()}


wildcard_constraints:
    run=r"[^/]+",
    stop=r"[^/]+",
    i=r"\d\d+",
    last=r"\d+",


def of_study(pattern):
    """A path pattern of layout.py with this study's folder filled in."""
    return pattern.replace("{study}", STUDY.folder)


def planned(function, *arguments):
    """Ask the plan; a user's mistake becomes a workflow error."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error))


def as_options(wildcards, input):
    """The named inputs of a rule as options of the command line: ``--name file``."""
    return " ".join(f"--{name} '{file}'" for name, file in input.items())
