"""A line now and then that says how far a study is, while Snakemake runs it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

EVERY = 10.0
"""Seconds between lines; a line is written only when something changed."""


class ProgressReporter:
    """Writes progress lines from a thread of its own until stopped.

    Args:
        stages: gives, for each metrics file of a training that is or may be needed, whether it
            exists.
    """

    def __init__(self, stages: Callable[[], dict[str, bool]]) -> None:
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
        started, before = time.monotonic(), sum(self._stages().values())
        shown = ""
        while not self._stopped.wait(EVERY):
            stages = self._stages()
            line = progress_line(stages, before, time.monotonic() - started, running(stages))
            if line != shown:
                print(line, file=sys.stderr, flush=True)
                shown = line


def progress_line(stages: dict[str, bool], before: int, seconds: float, now: list[str]) -> str:
    """One line: trainings done, share, time left, and what is running.

    Args:
        stages: as :class:`ProgressReporter` gets them.
        before: how many existed when this invocation started.
        seconds: since then.
        now: what is running, in words.
    """
    done, total = sum(stages.values()), len(stages)
    left = ""
    if done > before and done < total:
        left = f", about {_duration(seconds / (done - before) * (total - done))} left"
    words = f"; now {', '.join(now)}" if now else ""
    return f"progress: {done} of at most {total} trainings ({done / total:.0%}){left}{words}"


def running(stages: dict[str, bool], within: float = 60.0) -> list[str]:
    """The trainings whose logs were written to lately, with the log's last line."""
    found = []
    for path, exists in stages.items():
        folder = Path(path).parent
        log = folder.parent / "logs" / f"{folder.name}.log"
        if exists or not log.exists() or time.time() - log.stat().st_mtime > within:
            continue
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        epochs = [line.split()[1] for line in lines if line.startswith("epoch ")]
        at = f" epoch {epochs[-1]}" if epochs else ""
        found.append(f"{folder.parent.name} {folder.name}{at}")
    return found


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
