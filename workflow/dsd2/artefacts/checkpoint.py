"""The checkpoint of an iteration: what the next one starts from, and what a teacher is.

A file holds the living weights one after another, and a bit for each position that tells which
they are. ``docs/checkpoint.md`` describes the format for whoever has a file alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dsd2.errors import UserError, remake
from dsd2.files.tensors import load_tensors, packed_bits, save_tensors
from dsd2.nn.pruning import Masks, sparsity
from dsd2.nn.sizes import FLOAT
from dsd2.nn.training import State
from dsd2.paths import run_name
from dsd2.recipe import ModelRecipe, RunRecipe, from_json, to_json

_FORMAT = 2
_UNPACKED = 1
"""The format of files that hold all weights, a byte for each in the masks, and no recipe."""

_PACKED_BELOW = 2 / 3
"""Share of living weights from which all are written: picking them apart would take longer to load
than the zeros do (``tests/benchmarks/loading.py``)."""

_ENTRY = 85
"""Bytes that a tensor takes in the file's header, about."""
_DESCRIPTION = 1300
"""Bytes of the run's name, its recipe and the checksum, about."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained, pruned network.

    Attributes:
        run: name of the run.
        iteration: 0 for the dense network.
        recipe: of the run; None of a file that was written before files held it.
        model: the architecture, as the recipe has it.
        image: (C, H, W) it was trained on.
        classes: size of its logits.
        state: parameters and buffers; removed weights are zero, in a loaded one +0.0.
        masks: which prunable weights are alive.
        rewind: the state that the run rewinds to; in iteration 0 of runs that do.
        start: which pretrained weights the run started from, in words; None where from scratch.
    """

    run: str
    iteration: int
    recipe: RunRecipe | None
    model: ModelRecipe
    image: tuple[int, int, int]
    classes: int
    state: State
    masks: Masks
    rewind: State = field(default_factory=dict)
    start: str | None = None

    def network(self, device: torch.device) -> nn.Module:
        """The network on a device, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            network = self.model.build(self.image, self.classes)
        network.load_state_dict(self.state)
        return network.to(device).eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; equal checkpoints give equal bytes.

    Raises:
        ValueError: it has no recipe, or a removed weight is not zero.
    """
    if checkpoint.recipe is None:
        raise ValueError("a checkpoint is written with its run's recipe")
    tensors = {f"rewind/{name}": tensor for name, tensor in checkpoint.rewind.items()}
    packs = 1.0 - sparsity(checkpoint.masks) < _PACKED_BELOW
    for name, tensor in checkpoint.state.items():
        mask = checkpoint.masks.get(name)
        if mask is None or bool(mask.all()):
            tensors[f"state/{name}"] = tensor
            continue
        weight, alive = tensor.detach().cpu(), mask.cpu()
        if bool(torch.where(alive, 0.0, weight).any()):
            raise ValueError(f"{name}: a removed weight is not zero")
        tensors[f"state/{name}"] = weight[alive] if packs else torch.where(alive, weight, 0.0)
        tensors[f"masks/{name}"] = packed_bits(alive)
    about: dict[str, Any] = {
        "kind": "checkpoint",
        "format": _FORMAT,
        "run": checkpoint.run,
        "iteration": checkpoint.iteration,
        "recipe": json.loads(to_json(checkpoint.recipe)),
        "image": list(checkpoint.image),
        "classes": checkpoint.classes,
        "prunable": {name: list(mask.shape) for name, mask in checkpoint.masks.items()},
    }
    if checkpoint.start is not None:
        about["start"] = checkpoint.start
    save_tensors(path, tensors, about)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint after checking its checksum.

    Raises:
        UserError: the file is missing, damaged or no checkpoint.
    """
    tensors, about = load_tensors(path, "checkpoint", _FORMAT, earlier=(_UNPACKED,))
    parts: dict[str, dict[str, Tensor]] = {"state": {}, "masks": {}, "initial": {}, "rewind": {}}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = tensor
    state, masks = parts["state"], parts["masks"]
    try:
        if about["format"] == _UNPACKED:
            recipe, model = None, from_json(ModelRecipe, about["model"])
        else:
            recipe = from_json(RunRecipe, json.dumps(about["recipe"]))
            model = recipe.model
            # In the order of their names, always: it decides between weights of equal score.
            bits, masks = masks, {}
            for name, shape in sorted(about["prunable"].items()):
                state[name], masks[name] = _unpacked(state[name], bits.pop(name, None), shape)
            if bits:
                raise ValueError(f"masks of {', '.join(bits)}, which are not prunable")
        return Checkpoint(
            run=about["run"],
            iteration=about["iteration"],
            recipe=recipe,
            model=model,
            image=tuple(about["image"]),
            classes=about["classes"],
            state=state,
            masks=masks,
            rewind=parts["rewind"] or parts["initial"],
            start=about.get("start"),
        )
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: was written by another version of the workflow; {remake(path)}"
        ) from error


def _unpacked(stored: Tensor, bits: Tensor | None, shape: list[int]) -> tuple[Tensor, Tensor]:
    """A weight and its mask, of all or the living values and a bit for each position.

    Raises:
        ValueError: there are not as many values as there should be.
    """
    if bits is None:
        return stored.view(shape), torch.ones(shape, dtype=torch.bool)
    size = torch.Size(shape).numel()
    if len(bits) != -(-size // 8):
        raise ValueError(f"{len(bits)} bytes of a mask of {size} positions")
    mask = np.unpackbits(bits.numpy(), count=size, bitorder="little").view(bool)
    weight = stored
    if stored.dim() == 1:
        alive = np.flatnonzero(mask)
        if len(alive) != len(stored):
            raise ValueError(f"{len(stored)} values of {len(alive)} living weights")
        # Much faster than a boolean index, and Numpy's zeros than torch's.
        weight = torch.from_numpy(np.zeros(size, stored.numpy().dtype))
        weight.scatter_(0, torch.from_numpy(alive), stored)
    return weight.view(shape), torch.from_numpy(mask).view(shape)


def load_checkpoint_of(path: Path, run: str, iteration: int) -> Checkpoint:
    """Read a checkpoint that must be of an iteration of a run.

    Raises:
        UserError: as :func:`load_checkpoint`, or it is of another, or its recipe is.
    """
    checkpoint = load_checkpoint(path)
    if (checkpoint.run, checkpoint.iteration) != (run, iteration):
        raise UserError(
            f"{path}: is iteration {checkpoint.iteration} of run {checkpoint.run},"
            f" not iteration {iteration} of run {run}; {remake(path)}"
        )
    # A run's name says all of its recipe; files of the first format have none.
    if checkpoint.recipe is not None and run_name(checkpoint.recipe) != run:
        raise UserError(
            f"{path}: holds the recipe of run {run_name(checkpoint.recipe)},"
            f" not of run {run}; {remake(path)}"
        )
    return checkpoint


def checkpoint_bytes(
    state: int, tensors: int, weights: Mapping[str, int], alive: Mapping[str, float], rewind: bool
) -> int:
    """Bytes of a checkpoint's file, about.

    Args:
        state: bytes of all parameters and buffers.
        tensors: how many those are.
        weights: how many weights each prunable layer has.
        alive: which share of them lives.
        rewind: whether the file holds the state that its run rewinds to.
    """
    masked = [name for name in weights if alive[name] < 1.0]
    removed = sum(weights[name] * (1.0 - alive[name]) for name in masked)
    packs = removed > (1.0 - _PACKED_BELOW) * sum(weights.values())
    bits = sum(-(-weights[name] // 8) for name in masked)
    states = 2 if rewind else 1
    header = _ENTRY * (states * tensors + len(masked)) + _DESCRIPTION
    return round(states * state - FLOAT * removed * packs + bits + header)
