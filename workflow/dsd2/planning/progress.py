"""How far a study is: its trainings, and where each arm is, in lines for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.config.study import Study
from dsd2.job import Job
from dsd2.planning.chain import Chain
from dsd2.planning.chains import Plan
from dsd2.planning.jobs import Stage, arm_label, trained_chains

MAX_ARMS = 20
"""Rows of a table; further arms are counted."""
BAR = 20
"""Characters of a bar that shows a share."""


@dataclass(frozen=True)
class ArmState:
    """Where an arm is.

    Attributes:
        reached: trainings done, by seed; empty before the first of any.
        last: its last iteration before its target sparsity.
        latest: metrics of the last training of each seed that has any.
        gate: what its gates say.
        ended: whether no seed goes on.
    """

    label: str
    reached: list[int]
    last: int
    latest: list[dict[str, Any]]
    gate: str
    ended: bool


def progress_line(
    needed: Sequence[Stage], done: set[str], now: Sequence[str], before: int, seconds: float
) -> str:
    """One line: trainings done, share, time left, and what is running.

    Args:
        needed: everything that is or may be needed.
        done: outputs that are there.
        now: what runs.
        before: how many trainings were done when this invocation started.
        seconds: since then.
    """
    made, total = trainings(needed, done)
    left = time_left(made, total, before, seconds)
    what = f"; now {', '.join(now)}" if now else ""
    return f"progress: {made} of at most {total} trainings ({made / total:.0%}){left}{what}"


def progress_bar(
    needed: Sequence[Stage], done: set[str], now: Sequence[str], before: int, seconds: float
) -> list[str]:
    """The same as lines with a bar, the time so far, and a line for each job that runs."""
    made, total = trainings(needed, done)
    full = BAR * made // total
    left = time_left(made, total, before, seconds)
    counts = f"{made} of at most {total} trainings after {duration(seconds)}{left}"
    return [
        f"[{'#' * full}{'.' * (BAR - full)}] {made / total:4.0%}  {counts}",
        *(f"now {job}" for job in now),
    ]


def trainings(needed: Sequence[Stage], done: set[str]) -> tuple[int, int]:
    """How many trainings are done, and how many may be needed."""
    outputs = [stage.output for stage in needed if stage.trains]
    return sum(output in done for output in outputs), len(outputs)


def time_left(made: int, total: int, before: int, seconds: float) -> str:
    """About how long the others take, after a comma; nothing before the first is done."""
    if not before < made < total:
        return ""
    return f", about {duration(seconds / (made - before) * (total - made))} left"


def running(needed: Sequence[Stage], jobs: Sequence[Job]) -> list[str]:
    """What runs now, with the epoch it is in; a job that waits for a scheduler does not run."""
    labels = {stage.output: stage.label for stage in needed}
    found = []
    for job in jobs:
        label = next((labels[output] for output in job.outputs if output in labels), None)
        if label is not None and (step := job.step()) is not None:
            found.append(f"{label} {step}".rstrip())
    return found


def arm_states(plan: Plan) -> list[ArmState]:
    """Where every arm of every study is, in their order, by what lies on the disk."""
    chains: dict[tuple[str, str, str], list[tuple[Study, Chain]]] = {}
    for study, chain in trained_chains(plan):
        key = (study.folder, chain.arm.panel, chain.arm.name)
        chains.setdefault(key, []).append((study, chain))
    return [_state(plan, of_arm) for of_arm in chains.values()]


def _state(plan: Plan, of_arm: list[tuple[Study, Chain]]) -> ArmState:
    study, first = of_arm[0]
    reached, latest, gates, ended = [], [], [], []
    end = "nothing left to prune" if first.arm.exhausted else "at the target sparsity"
    for _, chain in of_arm:
        stop, last = chain.arm.stopping.slug, chain.arm.last
        files = [
            Path(plan.placed(paths.METRICS.format(run=chain.run, i=paths.number(i))))
            for i in plan.requested(chain.run, stop, last)
        ]
        done = [path for path in files if path.exists()]
        reached.append(len(done))
        latest += _rows(done[-1]) if done else []
        stopped = plan.stopped(chain.run, stop, last)
        ended.append(stopped or len(done) > last)
        gates.append("stopped" if stopped else end if ended[-1] else "going on")
    counts = [f"{gates.count(gate)} {gate}" for gate in dict.fromkeys(gates)]
    return ArmState(
        label=arm_label(plan, study, first.arm),
        reached=reached if any(reached) else [],
        last=first.arm.last,
        latest=latest,
        gate=gates[0] if len(counts) == 1 else ", ".join(counts),
        ended=all(ended),
    )


def _rows(file: Path) -> list[dict[str, Any]]:
    """The metrics of a training. They are read once, unless they are made anew."""
    return _rows_as_of(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=10_000)
def _rows_as_of(file: Path, changed: int) -> list[dict[str, Any]]:
    # Importing pyarrow takes a moment, and only a run that takes longer comes here.
    from dsd2.files.records import METRICS, read_rows

    return read_rows(file, METRICS)


def arms_table(arms: Sequence[ArmState]) -> list[str]:
    """Where every arm is: a row each, numbers as means over the seeds that have any.

    Arms that are done or not begun are left out where there are too many, and counted.
    """
    begun = [arm for arm in arms if arm.reached]
    rows = begun if len(begun) <= MAX_ARMS else [arm for arm in begun if not arm.ended]
    cells: list[tuple[str, ...]] = [
        ("arm", "iterations", "of", "sparsity [%]", "validation [%]", "entropy [bits]", "gate")
    ]
    cells += [_row(arm) for arm in rows[:MAX_ARMS]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    if others := len(arms) - len(cells) + 1:
        waiting = sum(not arm.reached for arm in arms)
        lines.append(f"and {others} more arms, of which {waiting} wait for their turn")
    return lines if rows else []


def _row(arm: ArmState) -> tuple[str, ...]:
    latest = arm.latest
    reached = [str(i) for i in arm.reached]
    return (
        arm.label,
        reached[0] if len(set(reached)) == 1 else " ".join(reached),
        str(arm.last + 1),
        f"{100 * statistics.fmean(row['sparsity'] for row in latest):.2f}",
        f"{100 * statistics.fmean(row['validation_accuracy'] for row in latest):.1f}",
        f"{statistics.fmean(row['entropy'] for row in latest):.3f}",
        arm.gate,
    )


def duration(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
