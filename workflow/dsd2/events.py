"""What Snakemake's log tells of a run: which jobs run, which failed, and why.

Snakemake tells its logging handlers of events, whatever ``--quiet`` keeps from being shown. Logs of
jobs are read for two things alone: the last epoch of one that runs, and the last sentence of one
that failed.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dsd2 import paths
from dsd2.errors import says_out_of_memory

WITHOUT_REASON = "ended without a message: killed from outside, perhaps for the memory it took"

RECORDS = Path(".snakemake/metadata")
"""Where Snakemake keeps what it knows of each file that it made."""

STEP = re.compile(r"^(?:epoch|view|iteration) \S+", re.MULTILINE)
"""What stands in the log of a long job where it has come to."""


@dataclass(frozen=True)
class Job:
    """A job, as Snakemake's event describes it.

    Attributes:
        rule: its name.
        inputs: files that it reads.
        outputs: files that it should write.
        logs: its own log first.
        message: what the executor said of its failure, if anything.
        since: when the event came, as ``time.time()`` counts.
    """

    rule: str
    inputs: list[str]
    outputs: list[str]
    logs: list[str]
    message: str
    since: float

    @property
    def done(self) -> bool:
        """Whether it has made what it is for; a job without outputs never has."""
        return bool(self.outputs) and all(Path(output).exists() for output in self.outputs)

    def step(self) -> str | None:
        """Its last epoch, ``epoch 2/30``; nothing before the first, None before it has begun."""
        try:
            begun = Path(self.logs[0]).stat().st_mtime >= self.since - 1
        except (OSError, IndexError):
            return None
        steps = STEP.findall(_text(self.logs[0])) if begun else []
        return (steps[-1] if steps else "") if begun else None

    def reason(self) -> str | None:
        """Its own last sentence, or the executor's; None where neither said any."""
        return next(filter(None, map(_reason, self.logs)), None) or self.message or None

    def line(self) -> str:
        """The job by its rule and first output, and why it failed."""
        name = " ".join([self.rule, *self.outputs[:1]])
        return f"{name}: {self.reason() or _last_line(self.logs)}"


class Events(logging.Handler):
    """Collects Snakemake's events: the jobs that run, and those that failed.

    Args:
        silent: whether Snakemake itself says nothing, not even why it stopped.
    """

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.set_name("dsd2-events")
        self._silent = silent
        self._running: dict[object, Job] = {}
        self._failed: dict[object, Job] = {}
        self._errors: list[str] = []
        self._shown: set[Path] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Note what an event says; see :class:`logging.Handler`."""
        about = record.__dict__
        match str(about.get("event")):
            case "job_info":
                job = self._running[about.get("jobid")] = _job(about)
                self._show_data_reports(job)
            case "job_error":
                self._running.pop(about.get("jobid"), None)
                self._failed[about.get("jobid")] = _job(about)
            case "job_finished":
                self._running.pop(about.get("job_id"), None)
                self._failed.pop(about.get("job_id"), None)
            case _ if record.levelno >= logging.ERROR:
                self._errors.append(str(record.msg))

    def _show_data_reports(self, job: Job) -> None:
        """Show what is in the images that a job is the first to use."""
        for path in map(data_report_of, job.inputs):
            if path is not None and path not in self._shown:
                self._shown.add(path)
                with suppress(OSError):
                    _print(*path.read_text(encoding="utf-8").splitlines(), indent="")

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
        return [job.line() for job in begun]

    def tell(self, logs: Iterable[str]) -> None:
        """Say which jobs failed, or where that is to be found.

        Args:
            logs: files that Snakemake wrote of the run.
        """
        if lines := self.lines():
            _print("These failed; the same command makes them, once the cause is mended:", *lines)
            self._silent = False
        elif not self._errors or not self._silent:
            _print("The run failed; what Snakemake says of it is above or in:", *logs)

    def forget(self) -> None:
        """The run succeeded: what failed has been made good."""
        self._failed.clear()
        self._errors.clear()

    def close(self) -> None:
        """Say why the run ended, where Snakemake may not; it closes its handlers at its end."""
        if self._errors and self._silent:
            _print(*dict.fromkeys(self._errors))
        if any("Traceback" in error and "persistence" in error for error in self._errors):
            damaged = [str(record) for record in damaged_records(RECORDS)] or [str(RECORDS)]
            _print(
                f"{damaged[0]}: is damaged, and so are {len(damaged) - 1} more of Snakemake's own"
                f" records; delete the folder {RECORDS.parent}: no result is made anew for that"
            )
        self._errors.clear()
        super().close()


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


def _job(about: Mapping[str, object]) -> Job:
    def texts(key: str) -> list[str]:
        value = about.get(key)
        return [str(item) for item in value] if isinstance(value, list | tuple) else []

    return Job(
        rule=str(about.get("rule_name", "a job")),
        inputs=texts("input"),
        outputs=texts("output"),
        logs=texts("log"),
        message=" ".join(str(about.get("rule_msg") or "").split()),
        since=float(str(about.get("created", 0.0))),
    )


def _reason(log: str) -> str | None:
    """A stage's own last sentence."""
    text = _text(log)
    for line in reversed(text.splitlines()):
        if re.match(r"error: |[\w.]+(Error|Exception|Interrupt|Exit)\b", line):
            return line.removeprefix("error: ")
    # A library that finds no memory may end the process itself.
    if says_out_of_memory(text):
        return "ran out of memory; give it more"
    return None


def _last_line(logs: Iterable[str]) -> str:
    """That a job gave no reason, with the last line that it wrote."""
    lines = [line for log in logs for line in _text(log).splitlines() if line.strip()]
    return f"{WITHOUT_REASON}; its last line is {lines[-1]!r}" if lines else WITHOUT_REASON


def _text(log: str) -> str:
    """A log; nothing where a job did not come to write one."""
    try:
        return Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _print(first: str, *others: str, indent: str = "  ") -> None:
    # It may be that nobody listens any more, or that Python has closed the stream.
    with suppress(OSError, ValueError):
        print(first, *others, sep=f"\n{indent}", file=sys.stderr, flush=True)
