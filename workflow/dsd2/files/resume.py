"""The state of an interrupted training, kept outside the outputs that Snakemake removes."""

from __future__ import annotations

import time
from pathlib import Path

from torch import nn

from dsd2.errors import UserError
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.training import Progress, State, network_state

_FORMAT = 1


class ResumeFile:
    """Saves a training's progress now and then, and gives it back to the next attempt.

    Args:
        path: where the state lies.
        key: names the training that the state belongs to; one of another training is ignored.
        every: seconds between saves. A shorter training saves nothing, and starts again if killed.
    """

    def __init__(self, path: Path, key: str, every: float = 0.0) -> None:
        self.path = path
        self.key = key
        self.every = every
        self._saved = time.monotonic()

    def restore(self, model: nn.Module) -> Progress | None:
        """Load the saved state into the network; None where there is none to use."""
        if not self.path.exists():
            return None
        try:
            tensors, about = load_tensors(self.path, "resume state", _FORMAT)
        except UserError as error:
            print(f"{error}; the training starts again", flush=True)
            return None
        if about["key"] != self.key:
            return None
        parts: dict[str, State] = {"state": {}, "momentum": {}, "rewind": {}}
        device = next(model.parameters()).device
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            # A copy: the file's memory map must not be trained on, nor outlive the file.
            parts[part][rest] = tensor.to(device, copy=True)
        model.load_state_dict(parts["state"])
        print(f"resuming after epoch {about['epoch']}", flush=True)
        return Progress(about["epoch"], parts["momentum"], about["history"], parts["rewind"])

    def save_if_due(self, model: nn.Module, progress: Progress) -> None:
        """Save when enough time has passed since the last save."""
        if time.monotonic() - self._saved >= self.every:
            self.save(model, progress)
            self._saved = time.monotonic()

    def save(self, model: nn.Module, progress: Progress) -> None:
        """Save the state, atomically."""
        parts = {
            "state": network_state(model),
            "momentum": progress.momentum,
            "rewind": progress.rewind,
        }
        tensors = {f"{part}/{name}": t for part, held in parts.items() for name, t in held.items()}
        save_tensors(
            self.path,
            tensors,
            {
                "kind": "resume state",
                "format": _FORMAT,
                "key": self.key,
                "epoch": progress.epoch,
                "history": progress.history,
            },
        )

    def discard(self) -> None:
        """Remove the state, once the artefacts it led to are written."""
        self.path.unlink(missing_ok=True)
