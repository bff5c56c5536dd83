"""The terminal shows overall progress and the state of each arm while Snakemake runs a study."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.config.study import Study
from dsd2.errors import UserError
from dsd2.events import Events, Job
from dsd2.planning.chain import Chain
from dsd2.planning.chains import Plan
from dsd2.planning.jobs import Stage, arm_label, stages, trained_chains

EVERY = 10.0
"""Seconds between lines; a line is written only when something changed."""
TABLE_EVERY = 60.0
"""Seconds between tables of the arms, likewise."""
MAX_ARMS = 20
"""Rows of a table; further arms are counted."""
MAX_SHARE = 0.02
"""Of the time that may go into looking: thousands of trainings are looked at less often."""


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


class ProgressReporter:
    """Writes progress lines from a thread of its own until stopped.

    Args:
        plan: whose trainings.
        events: what runs.
    """

    def __init__(self, plan: Plan, events: Events) -> None:
        self._plan = plan
        self._events = events
        self._done: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stopped.set()

    def _look(self) -> list[Stage]:
        """Every stage as it is needed now; a file is done once it was seen, until it is remade."""
        needed = stages(self._plan)
        for job in self._events.running():
            self._done.difference_update(job.outputs)
        missing = (stage.output for stage in needed if stage.output not in self._done)
        self._done.update(path for path in missing if Path(path).exists())
        return needed

    def _report(self) -> None:
        try:
            self._write_until_stopped()
        except (UserError, OSError):
            return  # A damaged or unreadable file: Snakemake comes upon it, too, and says so.

    def _write_until_stopped(self) -> None:
        started = tabled = time.monotonic()
        needed = self._look()
        if not needed:
            return
        before = sum(stage.output in self._done for stage in needed if stage.trains)
        line = table = ""
        took = time.monotonic() - started
        while not self._stopped.wait(max(EVERY, took / MAX_SHARE)):
            looked = time.monotonic()
            needed = self._look()
            active = running(needed, self._events.running())
            now = progress_line(needed, self._done, active, before, looked - started)
            text = table
            if looked - tabled >= TABLE_EVERY:
                text, tabled = arms_table(arm_states(self._plan)), looked
            for said, known in ((now, line), (text, table)):
                if said and said != known:
                    print(said, file=sys.stderr, flush=True)
            line, table = now, text
            took = time.monotonic() - looked


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
    outputs = [stage.output for stage in needed if stage.trains]
    made, total = sum(output in done for output in outputs), len(outputs)
    left = ""
    if before < made < total:
        left = f", about {_duration(seconds / (made - before) * (total - made))} left"
    what = f"; now {', '.join(now)}" if now else ""
    return f"progress: {made} of at most {total} trainings ({made / total:.0%}){left}{what}"


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
    # Importing pyarrow takes a moment, and only a run that takes longer comes here.
    from dsd2.files.records import METRICS, read_rows

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
        latest += read_rows(done[-1], METRICS) if done else []
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


def arms_table(arms: Sequence[ArmState]) -> str:
    """Where every arm is: a row each, numbers as means over the seeds that have any.

    Arms that are done or not begun are left out where there are too many, and counted.
    """
    begun = [arm for arm in arms if arm.reached]
    rows = begun if len(begun) <= MAX_ARMS else [arm for arm in begun if not arm.ended]
    cells: list[tuple[str, ...]] = [
        ("arm", "iterations", "of", "ζ [%]", "validation [%]", "entropy [bits]", "gate")
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
    return "\n".join(f"progress:   {line}" for line in lines) if rows else ""


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


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
