"""Join the chains of a study into the one table that figures, tables and people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2.config.stopping import WALL
from dsd2.files.records import CHAIN, STUDY, read_rows, write_table

COUNTS = ("flops_paper", "flops_dense", "flops_sparse")
"""The three ways of counting the cost of a training."""


@dataclass(frozen=True)
class Entry:
    """One chain of a study.

    Attributes:
        select: how its teacher's iteration was chosen.
        end: why it ends where no gate stops it.
    """

    panel: str
    arm: str
    seed: int
    stopping: str
    path: str
    teacher: str | None
    select: str | int | None
    end: str = WALL


def run_study(entries: Iterable[Entry], output: Path) -> None:
    """Write the study's table: every row of every chain, with running and teachers' costs.

    Args:
        entries: the chains, in the order of the table.
        output: the table.
    """
    chains = {(e.panel, e.arm, e.seed): (e, read_rows(Path(e.path), CHAIN)) for e in entries}

    def teachers_cost(entry: Entry, count: str) -> float:
        """What had to be trained before the first training of a chain."""
        if entry.teacher is None:
            return 0.0
        teacher, rows = chains[entry.panel, entry.teacher, entry.seed]
        trained = {"dense": 1, "best": len(rows)}.get(str(entry.select))
        if trained is None:
            trained = int(str(entry.select)) + 1
        own = sum(row[count] for row in rows[:trained])
        return own + teachers_cost(teacher, count)

    table: list[dict[str, Any]] = []
    for entry, rows in chains.values():
        before = {f"teacher_{count}": teachers_cost(entry, count) for count in COUNTS}
        total = dict.fromkeys((f"total_{count}" for count in COUNTS), 0.0)
        names = {"panel": entry.panel, "arm": entry.arm, "stopping": entry.stopping}
        for row in rows:
            total = {f"total_{count}": total[f"total_{count}"] + row[count] for count in COUNTS}
            if row["stop_reason"] == WALL:
                row["stop_reason"] = entry.end
            table.append({**names, **row, **total, **before})
    write_table(output, STUDY, table)
