"""Offline runs of Weights & Biases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from dsd2.trackers.registered import TRACKERS, TrackedRun, Tracker


@TRACKERS.register("wandb")
class WeightsAndBiases(Tracker):
    """Weights & Biases, offline: `wandb sync FOLDER/wandb/offline-run-*` sends them."""

    package: ClassVar[str] = "wandb"

    def write(self, study: str, runs: Sequence[TrackedRun], folder: Path) -> None:
        """Write a run for each; see :class:`Tracker`."""
        # It would tell its makers of errors.
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        import wandb

        for run in runs:
            kept = wandb.init(
                mode="offline", project=study, name=run.name, config=run.settings, dir=str(folder)
            )
            for iteration, metrics in run.metrics.items():
                kept.log(metrics, step=iteration)
            kept.finish()
