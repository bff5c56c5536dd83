"""The terminal shows what is done and how far it is, while Snakemake runs studies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.events import Events
from dsd2.planning.chains import Plan
from dsd2.planning.jobs import Stage, stages
from dsd2.planning.progress import (
    arm_states,
    arms_table,
    duration,
    progress_bar,
    progress_line,
    running,
    trainings,
)
from dsd2.screen import OUTPUT, Screen

EVERY = 1.0
"""Seconds between looks, where lines are painted anew."""
LINES_EVERY = 10.0
"""Seconds between looks, where they are not."""
STEP = 0.1
"""Of all trainings, after which another line is written."""
FIRST, LONGEST = 120.0, 1800.0
"""Seconds after which a line is written even so, with a table of the arms: twice as many each
time, and at most so many."""
MAX_SHARE = 0.02
"""Of the time that may go into looking: thousands of trainings are looked at less often."""
MAX_STUDIES = 5
MAX_RUNNING = 4
"""Jobs that are named while they run."""


class ProgressReporter:
    """Says what is to be done, then from a thread of its own how far it is, until stopped.

    Args:
        plan: whose trainings.
        events: what runs.
        screen: where it is said.
    """

    def __init__(self, plan: Plan, events: Events, screen: Screen) -> None:
        self._plan = plan
        self._events = events
        self._screen = screen
        self._done: set[str] = set()
        self._began = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._report, daemon=True)

    def start(self, logs: Iterable[str]) -> None:
        """Say what is to be done, and start to say how far it is.

        Args:
            logs: files that Snakemake writes of the run.
        """
        self._began = time.monotonic()
        if self._events.calm:
            with suppress(UserError, OSError):  # Snakemake comes upon it, too, and says so.
                self._screen.say(*self._heading())
            for log in logs:
                where = f"({OUTPUT}=snakemake shows it here)"
                self._screen.say(f"Snakemake's log is {os.path.relpath(log)} {where}.")
        self._thread.start()

    def stop(self) -> str:
        """Say no more; returns how long it took, in words."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=10)
        self._screen.show([])
        return duration(time.monotonic() - self._began)

    def _heading(self) -> list[str]:
        studies = list(self._plan.studies.values())
        titles = {study.folder: one_line(study.title) for study in studies[:MAX_STUDIES]}
        lines = [
            f"Study {folder}{'' if title == folder else f': {title}'}"
            for folder, title in titles.items()
        ]
        if more := studies[MAX_STUDIES:]:
            lines.append(f"and {len(more)} more studies")
        made, total = trainings(self._look(), self._done)
        arms = sum(len(study.arms) for study in studies if study.trains)
        seeds = max((len(study.seeds) for study in studies if study.trains), default=1)
        if total:
            each = f" of {seeds} seeds" if seeds > 1 else ""
            there = f", of which {made} are done" if made else ""
            lines.append(f"{arms} arms{each}, at most {total} trainings{there}.")
        return lines

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
        started = time.monotonic()
        needed = self._look()
        if not needed:
            return
        live = self._screen.live and self._events.calm
        before = said = trainings(needed, self._done)[0]
        interval, due, line = FIRST, started + FIRST, ""
        took, trains = time.monotonic() - started, False
        while not self._stopped.wait(max(EVERY if live else LINES_EVERY, took / MAX_SHARE)):
            looked = time.monotonic()
            needed = self._look()
            jobs = self._events.running()
            active = running(needed, jobs)
            # Other targets than a study may be asked for, which train nothing.
            trains = trains or bool(active)
            progress = (needed, self._done, active[:MAX_RUNNING], before, looked - started)
            made, total = trainings(needed, self._done)
            if live and trains:
                self._screen.show([*progress_bar(*progress), *arms_table(arm_states(self._plan))])
            elif not live and (made - said >= max(1, STEP * total) or (trains and looked >= due)):
                table = arms_table(arm_states(self._plan)) if looked >= due else []
                if looked >= due:
                    interval = min(2 * interval, LONGEST)
                    due = looked + interval
                if (now := progress_line(*progress)) != line:
                    self._screen.say(now, *table, indent="progress:   ")
                line, said = now, made
            took = time.monotonic() - looked
