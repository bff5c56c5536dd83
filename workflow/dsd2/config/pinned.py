"""The files that a network's recipe names: whether they may be used, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from dsd2.config.sanitize import shown
from dsd2.errors import UserError
from dsd2.files.contents import content_digest
from dsd2.recipe import ModelRecipe


def pinned(model: ModelRecipe, code: Collection[str] | None) -> ModelRecipe:
    """A recipe with the digests of the files that it names, so that they are part of its identity.

    Args:
        model: as the configuration has it.
        code: Python files that networks may be built from; None for any.

    Raises:
        UserError: a file is not there, or is not to be run.
    """
    found: dict[str, Any] = {}
    if model.code is not None:
        allowed = None if code is None else {os.path.realpath(file) for file in code}
        if allowed is not None and os.path.realpath(model.code) not in allowed:
            raise UserError(
                f"config key model.name is {shown(model.name)}, which runs {model.code}, but only"
                f" files that config key code lists are run: give --config code='[{model.code}]'"
                " if you trust it"
            )
        found["code_digest"] = content_digest(model.code, "model.name")
    return replace(model, **found) if found else model
