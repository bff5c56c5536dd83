"""What is asked of a configuration before anything of it is believed."""

import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.sourcecache import LocalSourceFile


def clone():
    """The folder that this workflow lies in, whatever workflow takes its rules and from where."""
    rules = workflow.current_basedir
    if not isinstance(rules, LocalSourceFile):
        raise WorkflowError(
            "The DSD² workflow reads files of its own, so it must lie on this machine: clone it and"
            " give the path of its Snakefile"
        )
    return Path(rules.get_path_or_uri(secret_free=False)).resolve().parents[1]


CLONE = clone()
sys.path.insert(0, str(CLONE / "workflow"))

import dsd2

if CLONE / "workflow" not in Path(dsd2.__file__).resolve().parents:
    raise WorkflowError(
        f"The Python package dsd2 was imported from {Path(dsd2.__file__).parent} before the rules in"
        f" {CLONE} that need their own: an outer workflow must not import it, nor take the rules of"
        " two clones"
    )

from dsd2 import compat
from dsd2.config.reading import check_arguments, check_given, read_config
from dsd2.errors import UserError


def checked(function, *arguments):
    """Call the library; a user's mistake becomes a workflow error of one sentence."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def given_by_command():
    """Files of ``--configfile`` and texts of ``--config``, which Snakemake has merged by now.

    Where Snakemake does not tell, nothing is looked at, and that is said.
    """
    given = compat.given_by_command(workflow)
    if given is None:
        logger.warning(
            "This version of Snakemake does not tell which files --configfile gave: keys that"
            " they have twice, or code in them, are not looked for."
        )
    return given or ([], [])


def default_study():
    """The file of a study that the configuration is laid over; None where it stands alone."""
    if "studies" in config:
        return None
    if "data" in config:
        return None if "arms" in config else "config/own-data.yaml"
    return None if "study" in config else "config/config.yaml"


def plain_file(file):
    """A configuration's file, before Snakemake reads it; a missing one is Snakemake's to name.

    It is that of the working directory, or else this workflow's own.
    """
    file = file if Path(file).exists() else str(CLONE / file)
    if Path(file).exists():
        checked(read_config, file)
    return file


GIVEN_FILES, GIVEN_TEXTS = given_by_command()
for file in GIVEN_FILES:
    checked(check_given, file)
checked(check_arguments, GIVEN_TEXTS)
