"""A job of Snakemake's, as its log tells of it, and why it failed, as the job's own log tells.

Logs of jobs are read for three things alone: the last epoch of one that runs, the last sentence of
one that failed, and the lines before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dsd2.errors import says_out_of_memory
from dsd2.escaping import one_line

WITHOUT_REASON = "ended without a message: killed from outside, perhaps for the memory it took"

TAIL = 8
"""Lines of a failed job's log that are shown."""

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

    def without_reason(self) -> str:
        """That it gave none, with the last line that it wrote."""
        lines = self._lines()
        return f"{WITHOUT_REASON}; its last line is {lines[-1]!r}" if lines else WITHOUT_REASON

    def tail(self) -> list[str]:
        """The last lines of its logs before the one that is its reason; none where that is all."""
        lines = [one_line(line) for line in self._lines()]
        while lines and lines[-1].removeprefix("error: ") == self.reason():
            lines.pop()
        return lines[-TAIL:]

    def _lines(self) -> list[str]:
        return [line for log in self.logs for line in _text(log).splitlines() if line.strip()]


def job_of(about: Mapping[str, object]) -> Job:
    """The job that an event of a job tells of."""

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
            return one_line(line.removeprefix("error: "))
    # A library that finds no memory may end the process itself.
    if says_out_of_memory(text):
        return "ran out of memory; give it more"
    return None


def _text(log: str) -> str:
    """A log; nothing where a job did not come to write one."""
    try:
        return Path(log).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
