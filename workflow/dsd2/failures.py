"""After a run that failed: which jobs did, and why, in a line each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

WITHOUT_A_WORD = "ended without a word: killed from outside, perhaps for the memory it took"


def failed_jobs(logs: Iterable[str]) -> list[str]:
    """The jobs that failed and were not made good by another attempt, each with its reason.

    Args:
        logs: files that Snakemake wrote of the run.
    """
    text = "".join(_text(Path(log)) for log in logs)
    reasons = {
        output: f"{rule} {output}: {_reason(Path(own))}"
        for rule, output, own in _errors(text)
        if not Path(output).exists()
    }
    return list(reasons.values())


def _errors(log: str) -> Iterator[tuple[str, str, str]]:
    """Rule, first output and log file of every failure that Snakemake reported."""
    for block in re.split(r"^(?:\[.*\]\n)?Error in rule ", log, flags=re.MULTILINE)[1:]:
        rule = re.match(r"\w+", block)
        output = re.search(r"^ +output: ([^,\n]+)", block, re.MULTILINE)
        own = re.search(r"^ +log: ([^,\n]+?)(?: \(check log|,|$)", block, re.MULTILINE)
        if rule and output and own:
            yield rule[0], output[1].strip(), own[1].strip()


def _reason(log: Path) -> str:
    """A stage's own last sentence."""
    said = [line for line in _text(log).splitlines() if line.strip()]
    if said and re.match(r"error: |[\w.]+(Error|Exception)\b", said[-1]):
        return said[-1].removeprefix("error: ")
    return WITHOUT_A_WORD


def _text(log: Path) -> str:
    """A log; nothing where a job did not come to write one."""
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
