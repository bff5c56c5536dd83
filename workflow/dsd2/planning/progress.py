"""Lines now and then that say how far a study is, and each arm, while Snakemake runs it."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence

from dsd2.errors import UserError
from dsd2.planning.jobs import Stage
from dsd2.planning.status import ArmState

EVERY = 10.0
"""Seconds between lines; a line is written only when something changed."""
TABLE_EVERY = 60.0
"""Seconds between tables of the arms, likewise."""
MOST_ARMS = 20
"""Rows of a table; further arms are counted."""
SHARE = 0.02
"""Most of the time that may go into looking: thousands of trainings are looked at less often."""


class ProgressReporter:
    """Writes progress lines from a thread of its own until stopped.

    Args:
        stages: gives every training and every table of answers that is or may be needed, as it
            is now.
        arms: gives the state of every arm.
    """

    def __init__(
        self, stages: Callable[[], Sequence[Stage]], arms: Callable[[], Sequence[ArmState]]
    ) -> None:
        self._stages = stages
        self._arms = arms
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stopped.set()

    def _report(self) -> None:
        started = tabled = time.monotonic()
        stages = self._stages()
        if not stages:
            return
        before = sum(stage.done for stage in stages if stage.trains)
        line = table = ""
        took = time.monotonic() - started
        while not self._stopped.wait(max(EVERY, took / SHARE)):
            looked = time.monotonic()
            try:
                now = progress_line(self._stages(), before, looked - started)
                text = ""
                if looked - tabled >= TABLE_EVERY:
                    text, tabled = arms_table(self._arms()), looked
            except (UserError, OSError):
                return  # A damaged or unreadable file: Snakemake comes upon it, too, and says so.
            if now != line:
                print(now, file=sys.stderr, flush=True)
                line = now
            if text and text != table:
                print(text, file=sys.stderr, flush=True)
                table = text
            took = time.monotonic() - looked


def progress_line(stages: Sequence[Stage], before: int, seconds: float) -> str:
    """One line: trainings done, share, time left, and what is running.

    Args:
        stages: everything that is or may be needed.
        before: how many trainings were done when this invocation started.
        seconds: since then.
    """
    trainings = [stage.done for stage in stages if stage.trains]
    done, total = sum(trainings), len(trainings)
    left = ""
    if done > before and done < total:
        left = f", about {_duration(seconds / (done - before) * (total - done))} left"
    now = running(stages)
    words = f"; now {', '.join(now)}" if now else ""
    return f"progress: {done} of at most {total} trainings ({done / total:.0%}){left}{words}"


def running(stages: Sequence[Stage], within: float = 60.0) -> list[str]:
    """What runs now, judging by logs that were written to lately, with the epoch it is in."""
    found = []
    for stage in stages:
        try:
            recent = not stage.done and time.time() - stage.log.stat().st_mtime <= within
        except FileNotFoundError:
            continue
        if recent:
            lines = stage.log.read_text(encoding="utf-8", errors="replace").splitlines()
            steps = [line.split()[:2] for line in lines if line.startswith(("epoch ", "view "))]
            found.append(f"{stage.words} {' '.join(steps[-1])}" if steps else stage.words)
    return found


def arms_table(arms: Sequence[ArmState]) -> str:
    """Where every arm is: a row each, numbers as means over the seeds that have any.

    Arms that are done or not begun are left out where there are too many, and counted.
    """
    begun = [arm for arm in arms if arm.reached]
    rows = begun if len(begun) <= MOST_ARMS else [arm for arm in begun if not arm.ended]
    cells: list[tuple[str, ...]] = [
        ("arm", "iterations", "of", "ζ [%]", "validation [%]", "entropy [bits]", "gate")
    ]
    cells += [_row(arm) for arm in rows[:MOST_ARMS]]
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
        arm.words,
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
