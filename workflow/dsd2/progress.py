"""A line now and then that says how far a study is, while Snakemake runs it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence

from dsd2.config.overview import Stage
from dsd2.errors import UserError

EVERY = 10.0
"""Seconds between lines; a line is written only when something changed."""
SHARE = 0.02
"""Most of the time that may go into looking: thousands of trainings are looked at less often."""


class ProgressReporter:
    """Writes progress lines from a thread of its own until stopped.

    Args:
        stages: gives every training that is or may be needed, as it is now.
    """

    def __init__(self, stages: Callable[[], Sequence[Stage]]) -> None:
        self._stages = stages
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def start(self) -> None:
        """Start writing."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stopped.set()

    def _report(self) -> None:
        started = time.monotonic()
        stages = self._stages()
        if not stages:
            return
        before = sum(stage.done for stage in stages)
        shown = ""
        took = time.monotonic() - started
        while not self._stopped.wait(max(EVERY, took / SHARE)):
            looked = time.monotonic()
            try:
                line = progress_line(self._stages(), before, time.monotonic() - started)
            except UserError:
                return  # A damaged decision: Snakemake comes upon it too, and says so.
            if line != shown:
                print(line, file=sys.stderr, flush=True)
                shown = line
            took = time.monotonic() - looked


def progress_line(stages: Sequence[Stage], before: int, seconds: float) -> str:
    """One line: trainings done, share, time left, and what is running.

    Args:
        stages: every training that is or may be needed.
        before: how many were done when this invocation started.
        seconds: since then.
    """
    done, total = sum(stage.done for stage in stages), len(stages)
    left = ""
    if done > before and done < total:
        left = f", about {_duration(seconds / (done - before) * (total - done))} left"
    now = running(stages)
    words = f"; now {', '.join(now)}" if now else ""
    return f"progress: {done} of at most {total} trainings ({done / total:.0%}){left}{words}"


def running(stages: Sequence[Stage], within: float = 60.0) -> list[str]:
    """What trains now, judging by logs that were written to lately, with the epoch it is in."""
    found = []
    for stage in stages:
        try:
            recent = not stage.done and time.time() - stage.log.stat().st_mtime <= within
        except FileNotFoundError:
            continue
        if recent:
            lines = stage.log.read_text(encoding="utf-8", errors="replace").splitlines()
            epochs = [line.split()[1] for line in lines if line.startswith("epoch ")]
            found.append(f"{stage.words} epoch {epochs[-1]}" if epochs else stage.words)
    return found


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
