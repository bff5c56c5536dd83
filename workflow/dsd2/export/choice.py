"""Which networks of a study are exported and compared, by the rows of the study's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint_of
from dsd2.config.export_options import Exported
from dsd2.errors import UserError

Row = Mapping[str, Any]
"""A row of the study's table."""


def choose(rows: Sequence[Row], choice: str, tolerance: float) -> Row:
    """The row of the network to export, by validation data alone.

    Args:
        rows: of one arm, all seeds and iterations.
        choice: best, what the arm returns with the best of its seeds (with a gated arm, what the
            gate leaves to choose from); smallest, the sparsest within the tolerance of the best.
        tolerance: validation accuracy that may be given up for a smaller network.
    """
    if choice == "best":
        returned = [row for row in rows if row["returned"]]
        return max(returned, key=lambda r: (r["validation_accuracy"], r["sparsity"], -r["seed"]))
    best = max(row["validation_accuracy"] for row in rows)
    good = [row for row in rows if row["validation_accuracy"] >= best - tolerance]
    return max(good, key=lambda row: (row["sparsity"], row["validation_accuracy"], -row["seed"]))


def row_of_export(study: Sequence[Row], exported: Exported, tolerance: float) -> Row:
    """The row of a network to export among all rows of a study; see :func:`choose`."""
    rows = [r for r in study if (r["panel"], r["arm"]) == (exported.panel, exported.arm)]
    return choose(rows, exported.choice, tolerance)


def networks_to_compare(
    study: Sequence[Row],
    arms: Collection[tuple[str, str]],
    exported: Collection[tuple[str, str, int]],
    seed: int,
) -> list[Row]:
    """The rows of the study whose networks are compared, each network once in a panel.

    Every arm that has rows has a dense network among them.

    Args:
        study: every row of the study.
        arms: panel and arm of those to look at.
        exported: panel, run and iteration of the networks that are exported.
        seed: whose iterations are looked at.
    """
    lengths = Counter((row["panel"], row["arm"]) for row in study)
    owners: dict[tuple[str, str], str] = {}
    for panel, arm in sorted(arms, key=lambda key: -lengths[key]):
        for row in study:
            if (row["panel"], row["arm"]) == (panel, arm):
                owners.setdefault((panel, row["run"]), arm)
    owned = [row for row in study if owners.get((row["panel"], row["run"])) == row["arm"]]
    with_dense = {(row["panel"], row["arm"]) for row in owned if row["seed"] == seed}
    exported_runs = {(panel, run) for panel, run, _ in exported}

    def is_compared(row: Row) -> bool:
        if row["seed"] == seed or (row["panel"], row["run"], row["iteration"]) in exported:
            return True
        alone = (row["panel"], row["arm"]) not in with_dense
        return alone and row["iteration"] == 0 and (row["panel"], row["run"]) in exported_runs

    return [row for row in owned if is_compared(row)]


def checkpoint_of(results: Path, row: Row) -> Checkpoint:
    """The checkpoint of a row of the study's table.

    Args:
        results: the folder of all results.
        row: of the table.

    Raises:
        UserError: it is gone, or damaged.
    """
    path = paths.checkpoint_in(results, row["run"], row["iteration"])
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file; make it anew by giving it to the same command,"
            " and then run the command again"
        )
    return load_checkpoint_of(path, row["run"], row["iteration"])
