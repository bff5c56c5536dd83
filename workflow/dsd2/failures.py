"""After a run that failed: which jobs did, and why, in a line each, whatever else is shown."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dsd2.errors import says_out_of_memory

WITHOUT_A_WORD = "ended without a word: killed from outside, perhaps for the memory it took"

RECORDS = Path(".snakemake/metadata")
"""Where Snakemake keeps what it knows of each file that it made."""


@dataclass(frozen=True)
class _Job:
    """A job that failed, as Snakemake's event tells.

    Attributes:
        rule: its name.
        inputs: files that it reads.
        outputs: files that it should have written.
        logs: its own log first.
        told: what the executor said of it, if anything.
    """

    rule: str
    inputs: list[str]
    outputs: list[str]
    logs: list[str]
    told: str

    def failed(self) -> bool:
        """Whether it left undone what it is for; a block's last job may fail after its first."""
        return not self.outputs or not all(Path(output).exists() for output in self.outputs)

    def reason(self) -> str | None:
        """Its own last sentence, or the executor's; None where neither said any."""
        return next(filter(None, map(_reason, self.logs)), None) or self.told or None

    def line(self) -> str:
        """The job by its rule and first output, and why it failed."""
        name = " ".join([self.rule, *self.outputs[:1]])
        return f"{name}: {self.reason() or _last_words(self.logs)}"


class FailedJobs(logging.Handler):
    """Hears in Snakemake's log which jobs failed, and says so when the run has ended.

    It goes by Snakemake's events, so that what is shown of them (``--quiet``) does not matter.

    Args:
        silent: whether Snakemake itself says nothing, not even why it stopped.
    """

    def __init__(self, *, silent: bool) -> None:
        super().__init__()
        self.set_name("dsd2-failed-jobs")
        self._silent = silent
        self._jobs: dict[object, _Job] = {}
        self._errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a failure, and that a later attempt made it good; see :class:`logging.Handler`."""
        about = record.__dict__
        match str(about.get("event")):
            case "job_error":
                self._jobs[about.get("jobid")] = _job(about)
            case "job_finished":
                self._jobs.pop(about.get("job_id"), None)
            case _ if record.levelno >= logging.ERROR:
                self._errors.append(str(record.msg))

    def lines(self) -> list[str]:
        """The jobs that failed and were not made good, each with its reason."""
        failed = [job for job in self._jobs.values() if job.failed()]
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
        self._jobs.clear()
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


def damaged_records(folder: Path) -> list[Path]:
    """Snakemake's own records of files that it cannot read."""
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and not _is_record(file)]


def _is_record(file: Path) -> bool:
    try:
        return isinstance(json.loads(file.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


def _job(about: Mapping[str, object]) -> _Job:
    def texts(key: str) -> list[str]:
        value = about.get(key)
        return [str(item) for item in value] if isinstance(value, list | tuple) else []

    told = " ".join(str(about.get("rule_msg") or "").split())
    rule = str(about.get("rule_name", "a job"))
    return _Job(rule, texts("input"), texts("output"), texts("log"), told)


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


def _last_words(logs: Iterable[str]) -> str:
    """That a job gave no reason, with the last line that it wrote."""
    lines = [line for log in logs for line in _text(log).splitlines() if line.strip()]
    return f"{WITHOUT_A_WORD}; its last line is {lines[-1]!r}" if lines else WITHOUT_A_WORD


def _text(log: str) -> str:
    """A log; nothing where a job did not come to write one."""
    try:
        return Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _print(first: str, *others: str) -> None:
    # It may be that nobody listens any more, or that Python has closed the stream.
    with suppress(OSError, ValueError):
        print(first, *others, sep="\n  ", file=sys.stderr, flush=True)
