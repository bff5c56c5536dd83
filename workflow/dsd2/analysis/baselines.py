"""What each arm returns, how large that is, and what it took to get: the numbers to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsd2.analysis.inference import mean_of
from dsd2.analysis.pareto import pareto_front
from dsd2.analysis.summary import by_arm

if TYPE_CHECKING:
    import pandas as pd

SIZE, COST = "nonzero parameters", "cost"
"""Columns that arms are compared by, beside the accuracy."""


def arms_compared(study: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """A row an arm: means over seeds of the networks that it returns.

    ``dense accuracy`` is that of iteration 0. ``accuracy``, ``sparsity`` and ``nonzero parameters``
    are of the iteration with the best validation accuracy; parameters are all but removed weights.
    ``cost`` is in dense trainings of the panel's first arm: multiply-accumulates of all of the
    arm's trainings up to the last, as if dense, of what teaches it or judges its labels, and of
    teachers' forward passes. Columns that end in ``interval`` are half the confidence interval over
    seeds, absent where no spread supports one.

    Args:
        study: rows of the study's metrics of the arms to compare.
        confidence: level of the intervals.
    """
    import pandas as pd

    table = []
    units: dict[str, float] = {}
    for panel, arm, rows in by_arm(study):
        dense, returned = rows[rows["iteration"] == 0], rows[rows["returned"]]
        last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
        unit = units.setdefault(panel, float(dense["flops_dense"].mean()))
        cost = last["total_flops_dense"] + last["teacher_flops_dense"]
        removed = returned["prunable"] * returned["sparsity"]
        table.append(
            {
                "panel": panel,
                "arm": arm,
                "dense accuracy": float(dense["test_accuracy"].mean()),
                "dense accuracy interval": _half(dense, confidence),
                "accuracy": float(returned["test_accuracy"].mean()),
                "accuracy interval": _half(returned, confidence),
                "sparsity": float(returned["sparsity"].mean()),
                SIZE: float((returned["parameters"] - removed).mean()),
                "trainings": float((last["iteration"] + 1).mean()),
                COST: float(cost.mean()) / unit,
                "seeds": len(returned),
            }
        )
    return pd.DataFrame(table)


def on_front(compared: pd.DataFrame, cost: str) -> list[int]:
    """Positions of the rows of one panel that no other beats in accuracy and in a cost."""
    return pareto_front(list(compared[cost]), list(compared["accuracy"]))


def _half(rows: pd.DataFrame, confidence: float) -> float | None:
    estimate = mean_of([float(value) for value in rows["test_accuracy"]], confidence)
    return None if estimate.low is None else estimate.mean - estimate.low
