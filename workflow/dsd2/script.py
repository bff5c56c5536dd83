"""What the workflow's scripts have in common."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dsd2.analysis.view import StudyView
from dsd2.errors import UserError, out_of_memory
from dsd2.processes import (
    die_with_workflow,
    escape_what_cannot_be_shown,
    out_of_memory_sentence,
)


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send what is written to stderr into a log; a user's mistake becomes one line of it.

    Other errors become its last lines. The script ends with its workflow, as a stage does.
    """
    die_with_workflow()
    escape_what_cannot_be_shown()
    with (
        Path(path).open("w", encoding="utf-8", errors="backslashreplace") as log,
        redirect_stderr(log),
    ):
        try:
            yield
        except UserError as error:
            print(f"error: {error}", file=log)
            sys.exit(1)
        except Exception as error:
            # The interpreter would print it after the log is closed.
            if out_of_memory(error):
                print(f"error: {out_of_memory_sentence(Path(path).stem, error)}", file=log)
            else:
                traceback.print_exc(file=log)
            sys.exit(1)


def parameters(params: Any) -> SimpleNamespace:
    """A job's parameters, with the fields of ``study``, which its rule packed as JSON."""
    given = dict(params.items())
    return SimpleNamespace(**json.loads(given.pop("study")), **given)


def view_of(params: Any) -> StudyView:
    """The part of the view of a study that a job has as its parameter ``study``."""
    return StudyView.part(**json.loads(params.study))
