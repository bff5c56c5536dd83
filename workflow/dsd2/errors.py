"""The one exception that users are meant to see, and what it advises about bad files."""

from pathlib import Path


def remake(path: Path) -> str:
    """What mends an artefact that is damaged or was written by another version.

    Deleting it would do, too, but would have Snakemake make anew whatever was made from it.
    """
    return f"`snakemake --force {path}` makes it anew, and it alone"


DELETE = "delete it and run the same command again to make it anew"
"""What mends a decision, which Snakemake's input functions read before anything can be made; and
metrics, which are measured again where they are gone."""


class UserError(Exception):
    """Something the user gave is wrong; the message is one sentence that names it.

    Names the key or file, its value and what is allowed. The command line prints the message
    alone, without a traceback, and exits with status 1.
    """


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had: Python's, torch's or the system's."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError | OSError) and any(
        # Torch says "can't allocate", the system "Cannot allocate".
        words in str(error)
        for words in ("t allocate memory", "out of memory")
    )
