"""The one exception that users are meant to see, and what it advises about bad files."""

import re
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


class UnreadableError(UserError):
    """A file is there, but may not be read or is no file, so that nothing is known of it."""


OUT_OF_MEMORY = re.compile(
    # Torch says "can't allocate", the system "Cannot allocate".
    r"t allocate memory|out of (shared )?memory|unable to allocate|failed to allocate"
    # What CUDA's libraries say, and what C++ throws.
    r"|ALLOC_FAILED|bad_alloc|bad allocation"
    # All that oneDNN says where there is no memory for a program that it writes; what it cannot
    # write at all lacks a descriptor.
    r"|could not create a (primitive(?! desc)|memory)"
    # What is said where there is no memory for another thread's stack.
    r"|can't start new thread|failed to launch worker thread|resource temporarily unavailable",
    re.IGNORECASE,
)
"""Words of those who found no memory: Python, numpy, torch, its libraries, the system."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be had."""
    if isinstance(error, MemoryError):
        return True
    return not isinstance(error, UserError) and says_out_of_memory(str(error))


def says_out_of_memory(text: str) -> bool:
    """Whether a text says that no memory was found."""
    return OUT_OF_MEMORY.search(text) is not None
