"""What Snakemake's log tells of a run: which jobs run, which failed, and why.

Snakemake tells its logging handlers of events, whatever ``--quiet`` keeps from being shown. Where
its own lines are kept from the terminal, what a person wants of them is said here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dsd2 import paths
from dsd2.job import WITHOUT_REASON, Job, job_of
from dsd2.screen import RED, YELLOW, Screen

RECORDS = Path(".snakemake/metadata")
"""Where Snakemake keeps what it knows of each file that it made."""

MAX_TAILS = 3
"""Failures whose logs' last lines are shown; of further ones the reason alone."""
MAX_LISTED = 30
"""Failures that are listed at the end."""
MAX_WARNINGS = 20

PHASES = {
    **dict.fromkeys(("dataset", "dataset_report", "labels"), "Preparing the data."),
    **dict.fromkeys(("train", "teacher_logits"), "Training."),
    **dict.fromkeys(("figure", "page", "table"), "Drawing figures, writing tables."),
    "export_network": "Exporting networks.",
    "label_scores": "Judging every label.",
}
"""What a run begins to do, by the rules that do it."""

KEPT = re.compile(r"Nothing to be done|Will exit after finishing")
"""What Snakemake says of no event, and is said all the same."""


class Events(logging.Handler):
    """Collects Snakemake's events: the jobs that run, and those that failed.

    Args:
        silent: whether Snakemake itself says nothing, not even why it stopped.
        screen: where something is to be said.

    Attributes:
        calm: whether this is all that is said of the run.
        interrupted: whether the user has stopped it.
        name_of: what people call a job; None for one that its rule and file name best.
        on_interrupt: is called when the user stops the run.
    """

    def __init__(self, *, silent: bool, screen: Screen | None = None) -> None:
        super().__init__()
        self.set_name("dsd2-events")
        self.calm = self.interrupted = self._told = False
        self.name_of: Callable[[Job], str | None] = lambda job: None
        self.on_interrupt: Callable[[], None] = lambda: None
        self._screen = screen or Screen(live=False)
        self._silent = silent
        self._running: dict[object, Job] = {}
        self._failed: dict[object, Job] = {}
        self._errors: list[str] = []
        self._shown: set[Path] = set()
        self._phases: set[str] = set()
        self._warned: set[str] = set()
        self._tails = 0

    def replace(self, output: logging.Handler) -> None:
        """Say what is to be said from when the jobs are planned on, in place of Snakemake.

        Before, and where nothing is run, its own lines are shown.

        Args:
            output: the handler that writes them to the terminal.
        """

        def passes(record: logging.LogRecord) -> bool:
            self.calm = self.calm or _event(record) == "workflow_started"
            return not self.calm

        output.addFilter(passes)

    def emit(self, record: logging.LogRecord) -> None:
        """Note what an event says; see :class:`logging.Handler`."""
        try:
            self._note(record)
        except Exception:
            # What is not understood here must not end the run.
            self.handleError(record)

    def _note(self, record: logging.LogRecord) -> None:
        about = record.__dict__
        match _event(record):
            case "job_info":
                job = self._running[about.get("jobid")] = job_of(about)
                self._show_data_reports(job)
                self._say_phase(job)
            case "job_error":
                self._running.pop(about.get("jobid"), None)
                job = self._failed[about.get("jobid")] = self._with_message(job_of(about))
                # Of a block, the jobs after the one that failed have no reason of their own.
                alone = not about.get("indent")
                if self.calm and not self.interrupted and (alone or job.reason()):
                    self._say_failed(job)
            case "job_finished":
                self._running.pop(about.get("job_id"), None)
                self._failed.pop(about.get("job_id"), None)
            case _ if record.levelno >= logging.ERROR:
                self._errors.append(str(record.msg))
            case _ if self.calm and record.levelno >= logging.WARNING:
                self._warn(str(record.msg))
            case "None":
                self._heed(str(record.msg))

    def _with_message(self, job: Job) -> Job:
        """A job with what Snakemake said of it before, if more than that its command failed."""
        said = (
            " ".join(error.split())
            for error in reversed(self._errors)
            if "CalledProcessError" not in error and any(file in error for file in job.outputs)
        )
        return job if job.message else replace(job, message=next(said, ""))

    def _heed(self, text: str) -> None:
        """Say what Snakemake tells in words alone, where it matters."""
        if text.startswith("Terminating processes on user request"):
            self.interrupted = True
            if self.calm:
                self._screen.say("Stopping: trainings save what they have.")
            self.on_interrupt()
        elif self.calm and (restarted := re.match(r"Trying to restart job (\d+)", text)):
            if job := self._failed.get(int(restarted[1])):
                self._screen.say(f"{self._named(job)} is tried again.")
        elif self.calm and KEPT.match(text):
            self._screen.say(text)

    def _say_phase(self, job: Job) -> None:
        phase = PHASES.get(job.rule)
        if self.calm and phase and phase not in self._phases:
            self._phases.add(phase)
            self._screen.say(phase)

    def _say_failed(self, job: Job) -> None:
        self._tails += 1
        tail = job.tail() if self._tails <= MAX_TAILS else []
        where = [f"Its log is {job.logs[0]}{':' if tail else ''}"] if job.logs else []
        lines = [*where, *(f"  {line}" for line in tail)]
        said = job.reason() or (WITHOUT_REASON if tail else job.without_reason())
        self._screen.say(f"FAILED {self._named(job)}: {said}", *lines, indent="  ", colour=RED)

    def _warn(self, text: str) -> None:
        # One warning for each of a thousand jobs differs in numbers alone.
        kind = re.sub(r"\d+", "", text)
        if kind in self._warned:
            return
        self._warned.add(kind)
        if len(self._warned) <= MAX_WARNINGS:
            self._screen.say(f"WARNING: {text}", colour=YELLOW)
        elif len(self._warned) == MAX_WARNINGS + 1:
            self._screen.say("WARNING: further ones are in Snakemake's log", colour=YELLOW)

    def _named(self, job: Job) -> str:
        name = self.name_of(job)
        return f"{job.rule} {name}" if name else " ".join([job.rule, *job.outputs[:1]])

    def _show_data_reports(self, job: Job) -> None:
        """Show what is in the images that a job is the first to use."""
        for path in map(data_report_of, job.inputs):
            if path is not None and path not in self._shown:
                self._shown.add(path)
                with suppress(OSError):
                    self._screen.say(*path.read_text(encoding="utf-8").splitlines())

    def running(self) -> list[Job]:
        """The jobs that were started and have neither ended nor made their files."""
        # Where progress is quiet, Snakemake does not tell that a job has ended.
        return [job for job in list(self._running.values()) if not job.done]

    def lines(self) -> list[str]:
        """The jobs that failed and were not made good, each with its reason."""
        failed = [job for job in self._failed.values() if not job.done]
        missing = {output for job in failed for output in job.outputs}
        # A block's later jobs were not begun where an earlier one failed.
        begun = [job for job in failed if job.reason() or not missing & {*job.inputs}]
        return [f"{self._named(job)}: {job.reason() or job.without_reason()}" for job in begun]

    def tell(self, logs: Iterable[str]) -> None:
        """Say which jobs failed, or where that is to be found.

        Args:
            logs: files that Snakemake wrote of the run.
        """
        if self.interrupted:
            self._print("Stopped. The same command goes on from here.")
            self._told = True
        elif lines := self.lines():
            more = [f"and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
            self._print(
                "These failed; the same command makes them, once the cause is mended:",
                *lines[:MAX_LISTED],
                *more,
            )
            self._told = True
        elif self.calm:
            self._print("The run failed; all that Snakemake says of it is in:", *logs)
        elif not self._errors or not self._silent:
            self._print("The run failed; what Snakemake says of it is above or in:", *logs)

    def forget(self) -> None:
        """The run succeeded: what failed has been made good."""
        self._failed.clear()
        self._errors.clear()

    def close(self) -> None:
        """Say why the run ended, where Snakemake may not; it closes its handlers at its end."""
        if self._errors and (self._silent or self.calm) and not self._told:
            self._print(*dict.fromkeys(self._errors))
        if any("Traceback" in error and "persistence" in error for error in self._errors):
            damaged = [str(record) for record in damaged_records(RECORDS)] or [str(RECORDS)]
            self._print(
                f"{damaged[0]}: is damaged, and so are {len(damaged) - 1} more of Snakemake's own"
                f" records; delete the folder {RECORDS.parent}: no result is made anew for that"
            )
        self._errors.clear()
        super().close()

    def _print(self, *lines: str) -> None:
        self._screen.say(*lines, indent="  ")


def data_report_of(file: str) -> Path | None:
    """The report on a user's images that lies beside a file that one is made with, if any."""
    for pattern in (paths.IMAGES, paths.DATA_REPORT):
        suffix = pattern.partition("{dataset}")[2]
        if file.endswith(suffix):
            return Path(file.removesuffix(suffix) + paths.DATA_REPORT.partition("{dataset}")[2])
    return None


def damaged_records(folder: Path) -> list[Path]:
    """Snakemake's own records of files that it cannot read."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_record(file)]


def _is_record(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


def listen(events: Events) -> Events:
    """Have Snakemake's log tell of its events from now on, and no earlier listener of ours.

    The log is one of Python's, and its name is not promised: where it is another, the run shows no
    progress and ends without a list of what failed.
    """
    logger = logging.getLogger("snakemake.logging")
    for handler in [known for known in logger.handlers if known.name == events.name]:
        logger.removeHandler(handler)
    logger.addHandler(events)
    return events


def _event(record: logging.LogRecord) -> str:
    """The name of Snakemake's event that a record tells of; "None" where it tells of none."""
    return str(getattr(record, "event", None))
