"""What the paper prints, beside our own values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dsd2.analysis.summary import MEAN

if TYPE_CHECKING:
    import pandas as pd


def compare(
    table: pd.DataFrame, ours: Mapping[str, str], printed: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """A table with further columns: ``paper accuracy``, ``difference accuracy`` and so on.

    The difference is ours less the paper's, in the unit of ours; a phase has none. Only quantities
    that the paper prints for a row of the table get columns.

    Args:
        table: numbers of a table, arms by their names.
        ours: which column stands for each quantity.
        printed: for each arm that the paper prints values of: its panel (None for the mean over
            panels), name, iteration if any, and quantities in our units.
    """
    import pandas as pd

    keys = ["panel", "arm", "iteration"] if "iteration" in table else ["panel", "arm"]
    values: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in printed:
        if (entry.get("iteration") is not None) == ("iteration" in table):
            place = (entry["panel"] or MEAN, entry["arm"], entry.get("iteration"))[: len(keys)]
            known = {key: value for key, value in entry.items() if value is not None}
            values.setdefault(place, {}).update(known)
    result = table.copy()
    rows = list(zip(*(table[key] for key in keys), strict=True))
    for quantity, column in ours.items():
        of_rows = [values.get(row, {}).get(quantity) for row in rows]
        if all(value is None for value in of_rows):
            continue
        if quantity == "phase":
            result[f"paper {quantity}"] = of_rows
            continue
        numbers = pd.Series(of_rows, index=table.index, dtype=float)
        result[f"paper {quantity}"] = numbers
        result[f"difference {quantity}"] = table[column].astype(float) - numbers
    return result
