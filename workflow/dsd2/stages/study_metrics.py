"""Join the chains of a study into the one table that figures, tables and people read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.files.decision import chain_identity
from dsd2.files.records import CHAIN, STUDY, read_rows, read_table, write_table
from dsd2.stopping import FORMERLY_REACHED, TARGET_REACHED

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("flops_paper", "flops_dense", "flops_sparse")
"""The three ways of counting the cost of a training."""


@dataclass(frozen=True)
class Entry:
    """One chain of a study.

    Attributes:
        stopping: its policy as folders name it.
        last: its last iteration before its target sparsity.
        path: of its table.
        teacher: the arm that it is distilled from.
        select: how the teacher's iteration was chosen.
        end: why it ends where no gate stops it.
        judge: the arm whose chain says which of its labels are corrected.
    """

    panel: str
    arm: str
    seed: int
    run: str
    stopping: str
    last: int
    path: str
    teacher: str | None
    select: str | int | None
    end: str = TARGET_REACHED
    judge: str | None = None


def run_study(study: str, entries: Iterable[Entry], output: Path) -> None:
    """Write the study's table: every row of every chain, with running and teachers' costs.

    Args:
        study: name of its folder.
        entries: the chains, in the order of the table.
        output: the table.

    Raises:
        UserError: a chain's table is missing, damaged or of another chain.
    """
    chains = {(e.panel, e.arm, e.seed): (e, _rows(e)) for e in entries}

    def before(entry: Entry) -> dict[tuple[str, int], dict[str, Any]]:
        """What had to be trained before the first training of a chain, each training once."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for arm, select in ((entry.judge, "best"), (entry.teacher, entry.select)):
            if arm is not None:
                needed, rows = chains[entry.panel, arm, entry.seed]
                trained = {"dense": 1, "best": len(rows)}.get(str(select))
                own = rows[: int(str(select)) + 1 if trained is None else trained]
                found |= {(needed.run, i): row for i, row in enumerate(own)} | before(needed)
        return found

    table: list[dict[str, Any]] = []
    for entry, rows in chains.values():
        others = before(entry).values()
        teachers = {f"teacher_{count}": sum(row[count] for row in others) for count in COUNTS}
        total = dict.fromkeys((f"total_{count}" for count in COUNTS), 0.0)
        names = {"panel": entry.panel, "arm": entry.arm, "stopping": entry.stopping}
        for row in rows:
            total = {f"total_{count}": total[f"total_{count}"] + row[count] for count in COUNTS}
            if row["stop_reason"] in (TARGET_REACHED, FORMERLY_REACHED):
                row["stop_reason"] = entry.end
            table.append({**names, **row, **total, **teachers})
    write_table(output, STUDY, table, {"study": study})


def read_study(path: Path, study: str) -> pd.DataFrame:
    """A study's table.

    Args:
        path: the file.
        study: name of the folder that it must belong to.

    Raises:
        UserError: the file is missing, damaged or of another study.
    """
    return read_table(path, STUDY, {"study": study}).to_pandas()


def _rows(entry: Entry) -> list[dict[str, Any]]:
    identity = chain_identity(entry.run, entry.stopping, entry.last)
    return read_rows(Path(entry.path), CHAIN, identity)
