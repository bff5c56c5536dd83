"""What is asked of a configuration before anything of it is believed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

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

    In a module the configuration is the outer workflow's, which answers for it. The attributes
    are none that Snakemake documents: without them nothing is looked at, and that is said.
    """
    try:
        if workflow.modifier.parent_modifier is not None:
            return [], []
        settings = workflow.config_settings
        return list(settings.configfiles), [str(text) for text in settings.config_args]
    except (AttributeError, TypeError):
        logger.warning(
            "This version of Snakemake does not tell which files --configfile gave: keys that"
            " they have twice, or code in them, are not looked for."
        )
        return [], []


def plain_file(file):
    """A configuration's file, before Snakemake reads it; a missing one is Snakemake's to name."""
    if Path(file).exists():
        checked(read_config, file)
    return file


GIVEN_FILES, GIVEN_TEXTS = given_by_command()
for file in GIVEN_FILES:
    checked(check_given, file)
checked(check_arguments, GIVEN_TEXTS)
