"""What the workflow's scripts have in common."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dsd2.errors import UserError


@contextmanager
def logged(path: str) -> Iterator[None]:
    """Send what is written to stderr into a log; a user's mistake becomes one line of it."""
    with Path(path).open("w", encoding="utf-8") as log, redirect_stderr(log):
        try:
            yield
        except UserError as error:
            print(f"error: {error}", file=log)
            sys.exit(1)


def parameters(params: Any) -> SimpleNamespace:
    """A job's parameters, those included that its rule packed with ``in_texts``."""
    given = dict(params.items())
    return SimpleNamespace(**json.loads(given.pop("texts")), **given)
