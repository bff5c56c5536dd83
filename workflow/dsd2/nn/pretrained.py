"""Which pretrained weights torchvision has of a network: read from its source, without torch.

Importing torchvision costs seconds, and Snakemake asks whenever it starts.
"""

from __future__ import annotations

import ast
import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dsd2.errors import UserError

TORCHVISION = "torchvision"
"""What the key ``model.weights`` says, alone or before a colon and a name of torchvision's."""


@dataclass(frozen=True)
class Pretrained:
    """Weights of torchvision's.

    Attributes:
        name: in torchvision, as ``IMAGENET1K_V1``.
        url: where they are; the file's name ends with digits of its checksum.
    """

    name: str
    url: str

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """Where torch keeps the file."""
        return torch_cache() / self.file


def torch_cache() -> Path:
    """The folder that torch keeps downloaded weights in, as ``torch.hub`` documents it."""
    general = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(general, "torch"))  # noqa: PTH118
    return Path(home).expanduser() / "hub" / "checkpoints"


def is_torchvisions(weights: str | None) -> bool:
    """Whether a value of ``model.weights`` names weights of torchvision's and no file."""
    return weights is not None and weights.partition(":")[0] == TORCHVISION


def torchvision_weights(architecture: str, weights: str) -> Pretrained:
    """The weights that a value of ``model.weights`` names for a network of torchvision's.

    Args:
        architecture: the network's name there.
        weights: ``torchvision``, for those that it takes by default, or ``torchvision:NAME``.

    Raises:
        UserError: torchvision has none of that name.
    """
    known = _weights_of(architecture)
    wanted = weights.partition(":")[2] or "DEFAULT"
    if wanted not in known:
        words = ", ".join(f"{TORCHVISION}:{name}" for name in known if name != "DEFAULT")
        raise UserError(
            f"config key model.weights is {weights!r}, which torchvision does not have for"
            f" {architecture!r}; it must be {words or 'a file'}"
        )
    return known[wanted]


@cache
def _weights_of(architecture: str) -> dict[str, Pretrained]:
    """The weights of a network by name, ``DEFAULT`` among them; none of one that is not there."""
    found = importlib.util.find_spec(TORCHVISION)
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    for file in (path for folder in folders for path in Path(folder, "models").glob("*.py")):
        text = file.read_text(encoding="utf-8")
        if f"def {architecture}(" in text:
            return _in_source(ast.parse(text), architecture)
    return {}


def _in_source(source: ast.Module, architecture: str) -> dict[str, Pretrained]:
    """The members of the enumeration that the network's function takes its weights from."""
    functions = {node.name: node for node in source.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name: node for node in source.body if isinstance(node, ast.ClassDef)}
    options = functions[architecture].args.kwonlyargs
    names = [
        part.id
        for option in options
        if option.arg == "weights" and option.annotation is not None
        for part in ast.walk(option.annotation)
        if isinstance(part, ast.Name) and part.id in classes
    ]
    members: dict[str, Pretrained] = {}
    for node in classes[names[0]].body if names else []:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, node.value
        if isinstance(value, ast.Name) and value.id in members:
            members[name] = members[value.id]
        elif isinstance(value, ast.Call) and (url := _option(value, "url")):
            members[name] = Pretrained(name, url)
    return members


def _option(call: ast.Call, name: str) -> Any:
    """A literal that a call gets by name; None where it gets none."""
    for keyword in call.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return keyword.value.value
    return None
