"""What the paper prints, beside our own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dsd2.analysis.tables import MEAN
from dsd2.config.paper import Printed

OURS = {
    "stopping": {
        "accuracy": "accuracy",
        "spread": "accuracy spread",
        "sparsity": "sparsity",
        "training": "training paper",
        "teacher": "teacher paper",
    },
    "phases": {"accuracy": "best accuracy", "sparsity": "best sparsity", "phase": "best phase"},
    "models": {"parameters": "parameters"},
    "grid": {"validation_accuracy": "validation accuracy"},
    "levels": {"accuracy": "accuracy", "spread": "accuracy spread"},
}
"""For each table, which of its columns stands for what the paper prints."""


def compare(name: str, table: pd.DataFrame, paper: Sequence[Printed]) -> pd.DataFrame:
    """A table with further columns: ``paper accuracy``, ``difference accuracy`` and so on.

    The difference is ours less the paper's, in the unit of ours; a phase has none. Only quantities
    that the paper prints for a row of the table get columns.

    Args:
        name: of the table.
        table: it, arms by their names.
        paper: what the paper prints of the study's arms.
    """
    keys = ["panel", "arm", "iteration"] if "iteration" in table else ["panel", "arm"]
    printed: dict[tuple[Any, ...], dict[str, Any]] = {}
    for value in paper:
        if (value.iteration is not None) == ("iteration" in table):
            place = (value.panel or MEAN, value.arm, value.iteration)[: len(keys)]
            printed.setdefault(place, {}).update(
                {key: given for key, given in vars(value).items() if given is not None}
            )
    result = table.copy()
    rows = list(zip(*(table[key] for key in keys), strict=True))
    for quantity, ours in OURS[name].items():
        values = [printed.get(row, {}).get(quantity) for row in rows]
        if all(value is None for value in values):
            continue
        if quantity == "phase":
            result[f"paper {quantity}"] = values
            continue
        numbers = pd.Series(values, index=table.index, dtype=float)
        result[f"paper {quantity}"] = numbers
        result[f"difference {quantity}"] = table[ours].astype(float) - numbers
    return result
