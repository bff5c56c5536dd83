"""The state of an interrupted training, kept outside the outputs that Snakemake removes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from dsd2.errors import UnreadableError, UserError
from dsd2.files.atomic import remove
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.training import Progress, State
from dsd2.processes import Stopped

_FORMAT = 1
_MOMENTS = ("momentum", "square")
"""What an optimiser remembers of each parameter. A file without some of them is whole."""


class ResumeFile:
    """Saves a training's progress now and then, and gives it back to the next attempt.

    Args:
        path: where the state lies.
        key: names the training that the state belongs to; one of another training is ignored.
        every: seconds between saves. A shorter training saves nothing, and starts again if killed;
            one that is interrupted saves its last epoch first.
    """

    def __init__(self, path: Path, key: str, every: float = 0.0) -> None:
        self.path = path
        self.key = key
        self.every = every
        self._saved = time.monotonic()
        self._held: tuple[State, dict[str, Any]] | None = None
        self._trained = False

    def restore(self, model: nn.Module) -> Progress | None:
        """Load the saved state into the network; None where there is none to use."""
        if not self.path.exists():
            return None
        try:
            tensors, about = load_tensors(self.path, "resume state", _FORMAT)
        except UnreadableError:
            raise  # What was trained may be whole: it is not to be trained over.
        except UserError:
            print(f"{self.path}: is damaged; the training starts again", flush=True)
            return None
        if about["key"] != self.key:
            return None
        parts: dict[str, State] = {name: {} for name in ("state", *_MOMENTS, "rewind")}
        device = next(model.parameters()).device
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            # A copy: the file's memory map must not be trained on, nor outlive the file.
            parts.setdefault(part, {})[rest] = tensor.to(device, copy=True)
        model.load_state_dict(parts.pop("state"))
        print(f"resuming after epoch {about['epoch']}", flush=True)
        moments = {kind: parts.pop(kind) for kind in _MOMENTS}
        return Progress(about["epoch"], moments, about["history"], parts.pop("rewind"), parts)

    @contextmanager
    def saving_when_stopped(self) -> Iterator[None]:
        """When the process is interrupted, save the last epoch's state first."""
        try:
            yield
        except Stopped as stopped:
            self.save()
            if not self._trained:
                stopped.kept = "; no epoch came to its end in this attempt"
            if self.path.exists():
                stopped.kept += "; what was trained is saved, and the same command goes on from it"
            raise

    def save(self) -> None:
        """Save the last epoch's state, if it is not saved yet."""
        if self._held is not None:
            self._write(*self._held)
            self._held = None

    def after_epoch(self, model: nn.Module, progress: Progress) -> None:
        """Save when enough time has passed since the last save; keep a copy until then."""
        self._trained = True
        state = _copied(model, progress)
        if time.monotonic() - self._saved < self.every:
            self._held = state
            return
        self._write(*state)
        self._held = None
        self._saved = time.monotonic()

    def _write(self, tensors: State, progress: dict[str, Any]) -> None:
        about = {"kind": "resume state", "format": _FORMAT, "key": self.key}
        save_tensors(self.path, tensors, {**about, **progress})

    def discard(self) -> None:
        """Remove the state, once the artefacts it led to are written."""
        remove(self.path)


def _copied(model: nn.Module, progress: Progress) -> tuple[State, dict[str, Any]]:
    """Everything that the next epoch changes, as tensors and values of their own."""
    parts: dict[str, State] = {
        "state": dict(model.state_dict()),
        **progress.moments,
        "rewind": progress.rewind,
        **progress.kept,
    }
    tensors = {
        f"{part}/{name}": tensor.detach().clone()
        for part, held in parts.items()
        for name, tensor in held.items()
    }
    return tensors, {"epoch": progress.epoch, "history": list(progress.history)}
