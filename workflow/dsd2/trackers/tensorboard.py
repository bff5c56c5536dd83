"""Event files of TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from dsd2.trackers.registered import TRACKERS, TrackedRun, Tracker


@TRACKERS.register("tensorboard")
class TensorBoard(Tracker):
    """TensorBoard: `tensorboard --logdir FOLDER` shows them."""

    package: ClassVar[str] = "tensorboard"

    def write(self, study: str, runs: Sequence[TrackedRun], folder: Path) -> None:
        """Write a folder of events for each run; see :class:`Tracker`."""
        from torch.utils.tensorboard import SummaryWriter

        for run in runs:
            writer = SummaryWriter(str(folder / run.name.replace(" ", "-")))
            said = "\n".join(f"    {name}: {value}" for name, value in run.settings.items())
            writer.add_text("settings", said)
            for iteration, metrics in run.metrics.items():
                for name, value in metrics.items():
                    writer.add_scalar(name, value, iteration)
            writer.close()
