"""The checkpoint of an iteration: what the next one starts from, and what a teacher is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.config.recipe import ModelRecipe, from_json, to_json
from dsd2.errors import UserError
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.models import build_model
from dsd2.nn.pruning import Masks
from dsd2.nn.training import State

_FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """A trained, pruned network.

    Attributes:
        run: name of the run.
        iteration: 0 for the dense network.
        model: its architecture.
        image: (C, H, W) it was trained on.
        classes: size of its logits.
        state: parameters and buffers; removed weights are zero.
        masks: which prunable weights are alive.
        initial: the state before the dense training; in iteration 0 alone.
        rewind: the state at the rewind step; in iteration 0 of runs that ask for one.
    """

    run: str
    iteration: int
    model: ModelRecipe
    image: tuple[int, int, int]
    classes: int
    state: State
    masks: Masks
    initial: State = field(default_factory=dict)
    rewind: State = field(default_factory=dict)

    def network(self, device: torch.device) -> nn.Module:
        """The network on a device, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            network = build_model(self.model, self.image, self.classes)
        network.load_state_dict(self.state)
        return network.to(device).eval()


_PARTS = ("state", "masks", "initial", "rewind")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; equal checkpoints give equal bytes."""
    tensors: dict[str, Tensor] = {
        f"{part}/{name}": tensor
        for part in _PARTS
        for name, tensor in getattr(checkpoint, part).items()
    }
    about: dict[str, Any] = {
        "kind": "checkpoint",
        "format": _FORMAT,
        "run": checkpoint.run,
        "iteration": checkpoint.iteration,
        "model": to_json(checkpoint.model),
        "image": list(checkpoint.image),
        "classes": checkpoint.classes,
    }
    save_tensors(path, tensors, about)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint after checking its checksum.

    Raises:
        UserError: the file is missing, damaged or no checkpoint.
    """
    tensors, about = load_tensors(path, "checkpoint", _FORMAT)
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
    for key, tensor in tensors.items():
        part, _, name = key.partition("/")
        parts[part][name] = tensor
    return Checkpoint(
        run=about["run"],
        iteration=about["iteration"],
        model=from_json(ModelRecipe, about["model"]),
        image=tuple(about["image"]),
        classes=about["classes"],
        **parts,
    )


def load_checkpoint_of(path: Path, run: str, iteration: int) -> Checkpoint:
    """Read a checkpoint that must be of an iteration of a run.

    Raises:
        UserError: as :func:`load_checkpoint`, or it is of another.
    """
    checkpoint = load_checkpoint(path)
    if (checkpoint.run, checkpoint.iteration) != (run, iteration):
        raise UserError(
            f"{path}: is iteration {checkpoint.iteration} of run {checkpoint.run},"
            f" not iteration {iteration} of run {run}"
        )
    return checkpoint
