"""The files that a network's recipe names: whether they may be used, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from dsd2.config.sanitize import shown
from dsd2.errors import UserError
from dsd2.files.contents import content_digest
from dsd2.nn.pretrained import is_torchvisions, torchvision_weights
from dsd2.recipe import ModelRecipe

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
"""How the names of files of weights end."""


def pinned(model: ModelRecipe, code: Collection[str] | None, download: bool) -> ModelRecipe:
    """A recipe with the digests of the files that it names, so that they are part of its identity.

    Args:
        model: as the configuration has it.
        code: Python files that networks may be built from; None for any.
        download: whether weights may be fetched.

    Raises:
        UserError: a file is not there, is not to be run, or is none of weights.
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
    if model.weights is not None:
        found["weights_digest"] = _weights_digest(model, model.weights, download)
    return replace(model, **found) if found else model


def _weights_digest(model: ModelRecipe, weights: str, download: bool) -> str:
    """What names the content of weights: of torchvision's its own name and digits of a checksum."""
    if not is_torchvisions(weights):
        if not weights.endswith(SUFFIXES):
            raise UserError(
                f"config key model.weights is {shown(weights)} but must be a file"
                f" {', '.join(SUFFIXES)}, or torchvision"
            )
        return content_digest(weights, "model.weights")
    if model.torchvision_name is None:
        raise UserError(
            f"config key model.weights is {shown(weights)}, which has none of {shown(model.name)};"
            " it must be a file, or model.name one of torchvision's"
        )
    pretrained = torchvision_weights(model.torchvision_name, weights)
    if not download and not pretrained.path.is_file():
        raise UserError(
            f"config key model.weights is {shown(weights)}, but {pretrained.path} is not there; put"
            f" {pretrained.url} there, or let --config download=true fetch it"
        )
    return f"{pretrained.name} {pretrained.file}"
