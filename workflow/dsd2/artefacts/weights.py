"""Pretrained weights that a network starts from: files, or torchvision's."""

from __future__ import annotations

import math
import pickle
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.environment import may_download
from dsd2.errors import UserError
from dsd2.files.contents import content_digest
from dsd2.load_network import KEY
from dsd2.nn.models import head_parameters
from dsd2.nn.pretrained import Pretrained, is_torchvisions, torchvision_weights
from dsd2.nn.training import State
from dsd2.recipe import ModelRecipe

WRAPPERS = ("state_dict", "model", "model_state_dict", "model_ema", "net")
"""Keys that others' files have their weights below."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What wrappers of torch put before all names."""
OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
"""Names that torchvision's files of DenseNets have from before its modules were renamed."""
SHOWN = 8
"""Names of tensors that a sentence lists."""


@dataclass(frozen=True)
class Start:
    """What became of the tensors of pretrained weights.

    Attributes:
        weights: what the configuration calls them.
        digest: of their content.
        loaded: how many of the network's tensors were loaded.
        tensors: how many it has.
        adapted: loaded of another number of colours, as sums over them.
        resized: loaded of another image size, position embeddings that are interpolated.
        new: the network's tensors that stay as they were drawn.
        unused: of the file, those that the network has no place for.
    """

    weights: str
    digest: str
    loaded: int
    tensors: int
    adapted: tuple[str, ...]
    resized: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def sentence(self) -> str:
        """All of it in words, for the log and the card."""
        parts = [f"{self.loaded} of {self.tensors} tensors are those of {self.weights}"]
        for words, names in (
            ("summed over colours", self.adapted),
            ("interpolated for the image size", self.resized),
            ("new", self.new),
            ("not used of the file", self.unused),
        ):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                parts.append(f"{words}: {', '.join(names[:SHOWN])}{more}")
        return f"{'; '.join(parts)} (content {self.digest})"


def start_from_weights(model: nn.Module, recipe: ModelRecipe) -> Start | None:
    """Load the weights of a recipe into a network, in place; None where it starts from scratch.

    Raises:
        UserError: the weights are missing, are not those that the run is named by, are no tensors
            by name, or belong to another network.
    """
    if recipe.weights is None:
        return None
    own, found = model.state_dict(), _found(recipe)
    found = {_renamed(name, own): tensor for name, tensor in found.items()}
    fitting: State = {}
    adapted, resized = [], []
    for name, tensor in own.items():
        if name not in found:
            continue
        given = found[name]
        if _has_colours(given, tensor):
            given = given.sum(1, keepdim=True)
            adapted.append(name)
        elif _has_positions(name, given, tensor):
            given = interpolated_positions(given, tensor.shape[1])
            resized.append(name)
        if given.shape == tensor.shape:
            fitting[name] = given.to(tensor.dtype)
    body = {n: t.numel() for n, t in own.items() if n not in head_parameters(model)}
    if 2 * sum(body[name] for name in fitting if name in body) < sum(body.values()):
        raise UserError(
            f"config key model.weights is {recipe.weights!r}, whose tensors do not fit"
            f" {recipe.name!r}: {len(fitting)} of its {len(own)} are there with their shapes;"
            f" the file has {', '.join(list(found)[:3])}, the network {', '.join(list(own)[:3])}"
        )
    model.load_state_dict({**own, **fitting})
    return Start(
        weights=recipe.weights,
        digest=recipe.weights_digest,
        loaded=len(fitting),
        tensors=len(own),
        adapted=tuple(adapted),
        resized=tuple(resized),
        new=tuple(name for name in own if name not in fitting),
        unused=tuple(sorted(name for name in found if name not in fitting)),
    )


def _has_colours(given: Tensor, own: Tensor) -> bool:
    """Whether a filter for colours is there for one that sees grey, which is all three at once."""
    return (
        given.dim() == own.dim() == 4
        and given.shape[1] == 3
        and own.shape[1] == 1
        and given[:, :1].shape == own.shape
    )


def _has_positions(name: str, given: Tensor, own: Tensor) -> bool:
    """Whether embeddings of a square of patches and a class token are there for another square."""
    return (
        "pos_emb" in name
        and given.dim() == own.dim() == 3
        and given.shape[2] == own.shape[2]
        and given.shape[1] != own.shape[1]
        and all(math.isqrt(t.shape[1] - 1) ** 2 == t.shape[1] - 1 for t in (given, own))
    )


def interpolated_positions(positions: Tensor, count: int) -> Tensor:
    """Position embeddings of a class token and a square of patches, for another square.

    Bicubic, as Dosovitskiy et al. (2021, §3.2) interpolate them and as torchvision does.

    Args:
        positions: [1, 1 + h², D].
        count: 1 + h² of the square that is wanted.
    """
    token, patches = positions[:, :1], positions[:, 1:]
    side, wanted = math.isqrt(patches.shape[1]), math.isqrt(count - 1)
    square = patches.transpose(1, 2).unflatten(2, (side, side))
    resized = F.interpolate(square, (wanted, wanted), mode="bicubic", align_corners=True)
    return torch.cat([token, resized.flatten(2).transpose(1, 2)], 1)


def _renamed(name: str, own: State) -> str:
    """A tensor's name as the network has it."""
    for prefix in PREFIXES:
        if name not in own and name.removeprefix(prefix) in own:
            return name.removeprefix(prefix)
    match = OLD_DENSENET.fullmatch(name)
    return name if name in own or match is None else "".join(match.groups())


def _found(recipe: ModelRecipe) -> State:
    """The tensors of a recipe's weights by name."""
    weights = recipe.weights
    assert weights is not None, "the recipe has weights"
    if is_torchvisions(weights):
        return _torchvisions(torchvision_weights(recipe.torchvision_name or "", weights))
    file = Path(weights).expanduser()
    found = content_digest(weights, "model.weights")
    if recipe.weights_digest != found:
        raise UserError(
            f"{file}: has changed since the run was named: its content is {found}, not"
            f" {recipe.weights_digest}; give the workflow's command again for a run from it"
        )
    return read_weights(file)


def _torchvisions(pretrained: Pretrained) -> State:
    if not pretrained.path.is_file() and not may_download():
        raise UserError(
            f"{pretrained.path}: there is no such file; --config download=true fetches it from"
            f" {pretrained.url}"
        )
    loaded: State = torch.hub.load_state_dict_from_url(
        pretrained.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
    )
    return loaded


def read_weights(file: Path) -> State:
    """The tensors of a file by name: safetensors, a checkpoint of ours, or torch's own format.

    Raises:
        UserError: it holds something else.
    """
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                if KEY in (opened.metadata() or {}):
                    return load_checkpoint(file).state
                return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        with warnings.catch_warnings():
            # Of files of other pickles; what they hold is refused.
            warnings.simplefilter("ignore")
            held: Any = torch.load(file, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{file}: holds no weights that can be read without running code ({reason[:200]})"
        ) from error
    while isinstance(held, dict) and (inner := [held[key] for key in WRAPPERS if key in held]):
        held = inner[0]
    if not isinstance(held, dict) or not any(isinstance(t, Tensor) for t in held.values()):
        raise UserError(f"{file}: holds no tensors by name, as the state of a network is")
    return {str(name): tensor for name, tensor in held.items() if isinstance(tensor, Tensor)}
