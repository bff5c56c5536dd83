"""A database of MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from dsd2.trackers.registered import TRACKERS, TrackedRun, Tracker


@TRACKERS.register("mlflow")
class MLflow(Tracker):
    """MLflow: `mlflow server --backend-store-uri sqlite:///FOLDER/mlflow.db` shows them."""

    package: ClassVar[str] = "mlflow"

    def write(self, study: str, runs: Sequence[TrackedRun], folder: Path) -> None:
        """Write an experiment with a run for each; see :class:`Tracker`."""
        # It would tell its makers that it was used.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=f"sqlite:///{folder.absolute()}/mlflow.db")
        experiment = client.create_experiment(study)
        now = time.time_ns() // 1_000_000
        for run in runs:
            made = client.create_run(experiment, run_name=run.name).info.run_id
            client.log_batch(made, params=[Param(*setting) for setting in run.settings.items()])
            for iteration, metrics in run.metrics.items():
                values = [Metric(name, value, now, iteration) for name, value in metrics.items()]
                client.log_batch(made, metrics=values)
            client.set_terminated(made)
