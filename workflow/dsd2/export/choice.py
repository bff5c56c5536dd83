"""Which networks of a study are exported and compared, by the rows of the study's table."""

from __future__ import annotations

import math
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

LEAST = 0.01
"""Validation accuracy that may be given up however many images there are."""
HALF = 0.5
"""Of what the balanced accuracy is above a guess, the share that a smaller network keeps."""


def allowed_loss(best: float, images: int, tolerance: float | None) -> float:
    """Validation accuracy that may be given up for a smaller network.

    What nobody has said is the one-standard-error rule (Breiman et al., *Classification and
    Regression Trees*, 1984, §3.4.3): networks closer than that to the best are as good as it, for
    all that so few images can tell.

    Args:
        best: the best validation accuracy.
        images: validation images.
        tolerance: what the configuration says.
    """
    if tolerance is not None:
        return tolerance
    return max(LEAST, math.sqrt(best * (1 - best) / images))


def choose(rows: Sequence[Row], choice: str, images: int, tolerance: float | None) -> Row:
    """The row of the network to export, by validation data alone.

    Args:
        rows: of one arm, all seeds and iterations.
        choice: best, what the arm returns with the best of its seeds (with a gated arm, what the
            gate leaves to choose from); smallest, the sparsest of those that are nearly as good
            and tell the classes apart (:func:`tells_classes_apart`).
        images: validation images.
        tolerance: what the configuration allows to be given up; see :func:`allowed_loss`.
    """
    if choice == "best":
        returned = [row for row in rows if row["returned"]]
        return max(returned, key=lambda r: (r["validation_accuracy"], r["sparsity"], -r["seed"]))
    best = max(rows, key=lambda r: (r["validation_accuracy"], _balanced(r) or 0.0))
    accuracy = best["validation_accuracy"]
    least = accuracy - allowed_loss(accuracy, images, tolerance)
    good = [
        row
        for row in rows
        if row["validation_accuracy"] >= least and tells_classes_apart(row, best)
    ]
    return max(good, key=lambda row: (row["sparsity"], row["validation_accuracy"], -row["seed"]))


def tells_classes_apart(row: Row, best: Row) -> bool:
    """Whether a network keeps half of what the best one's balanced accuracy is above a guess.

    Where nearly all images are of one class, a network that always answers it loses next to no
    accuracy. Validation images of the other classes are few, so that half is asked for, and no
    standard error. True where the balanced accuracy is not known, or no better than a guess.

    Args:
        row: of the network.
        best: of the one with the best validation accuracy.
    """
    own, reached = _balanced(row), _balanced(best)
    if own is None or reached is None:
        return True
    guess = 1 / len(best["classes"])
    return reached <= guess or own - guess >= HALF * (reached - guess)


def _balanced(row: Row) -> float | None:
    """The validation images' mean recall of classes; earlier versions did not measure it."""
    return row.get("validation_balanced_accuracy")


def row_of_export(
    study: Sequence[Row], exported: Exported, images: int, tolerance: float | None
) -> Row:
    """The row of a network to export among all rows of a study; see :func:`choose`."""
    return choose(_rows_of(study, exported), exported.choice, images, tolerance)


def best_accuracy(study: Sequence[Row], exported: Exported) -> float:
    """The best validation accuracy of the arm whose network is exported."""
    return max(float(row["validation_accuracy"]) for row in _rows_of(study, exported))


def _rows_of(study: Sequence[Row], exported: Exported) -> list[Row]:
    return [r for r in study if (r["panel"], r["arm"]) == (exported.panel, exported.arm)]


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
