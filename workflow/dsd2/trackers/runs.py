"""A study's metrics as the runs that a tracker shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dsd2.escaping import one_line
from dsd2.trackers.registered import TrackedRun

NO_METRICS = {"seed", "iteration"}
"""Numbers of a study's table that say which row it is."""


def tracked_runs(
    rows: Iterable[Mapping[str, Any]], settings: Sequence[Mapping[str, Any]]
) -> list[TrackedRun]:
    """The chains of a study, in the order of its table.

    Args:
        rows: of the study's table.
        settings: panel, name and settings of each arm, as a study's view has them.
    """
    of_arm = {(arm["panel"], arm["name"]): arm["settings"] for arm in settings}
    panels = {panel for panel, _ in of_arm}
    runs: dict[tuple[str, str, int], TrackedRun] = {}
    for row in rows:
        key = panel, arm, seed = row["panel"], row["arm"], row["seed"]
        if key not in runs:
            where = f"{panel} " if len(panels) > 1 else ""
            said = {name: one_line(str(value)) for name, value in of_arm[panel, arm].items()}
            runs[key] = TrackedRun(f"{where}{arm} seed {seed}", said, {})
        runs[key].metrics[row["iteration"]] = {
            name: float(value)
            for name, value in row.items()
            if isinstance(value, int | float) and name not in NO_METRICS
        }
    return list(runs.values())
