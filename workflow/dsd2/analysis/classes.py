"""What classes of unequal size mean for an accuracy, from rows of the study's table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, fmean
from typing import Any

from dsd2.analysis.table_format import absent, percent

Row = Mapping[str, Any]
"""A row of the study's table, or of a table's numbers."""

IMBALANCED = 1.5
"""Classes are of unequal size where the largest has more than so many equal shares of the test
images."""
SHOWN = 30
"""Classes that are shown one by one; where there are more, :data:`WORST` are."""
WORST = 10

USED = [
    *("panel", "arm", "returned", "class_images", "test_accuracy", "test_balanced_accuracy"),
    *("test_macro_f1", "test_majority_accuracy"),
]
"""Columns that :func:`arms_by_class` looks at."""
BASELINE = "always answering the most frequent class of the training labels"
"""What a network must beat."""
NOT_COUNTED = "an earlier version of the workflow measured it, and did not count by class"


def proportion_interval(share: float, count: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a proportion that was seen in so many trials."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def is_counted(row: Row) -> bool:
    """Whether a network was measured by class; earlier versions did not."""
    return not absent(row["test_majority_accuracy"])


def beats_majority(row: Row) -> bool:
    """Whether the test accuracy is above that of always answering the most frequent class."""
    return bool(row["test_accuracy"] > row["test_majority_accuracy"])


def returned_by_class(returned: Sequence[Row]) -> dict[str, float | None]:
    """What a table says of the networks that an arm returns, as means over seeds.

    ``class imbalance`` is how many equal shares of the test images the largest class has. All are
    absent where a network was not measured by class.

    Args:
        returned: a row a seed.
    """
    names = ("test_balanced_accuracy", "test_macro_f1", "test_majority_accuracy")
    keys = ("balanced accuracy", "macro F1", "majority accuracy")
    counted = all(map(is_counted, returned))
    means = [fmean(row[name] for row in returned) if counted else None for name in names]
    images = [int(n) for n in returned[0]["class_images"]] if counted else []
    below = sum(not beats_majority(row) for row in returned) if counted else None
    return {
        **dict(zip(keys, means, strict=True)),
        "class imbalance": max(images) * len(images) / sum(images) if counted else None,
        "seeds not above majority": below,
    }


def arms_by_class(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """``panel``, ``arm``, ``accuracy`` and ``seeds`` of each arm, and :func:`returned_by_class`.

    Args:
        rows: of a study; those of returned networks count.
    """
    arms: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["returned"]:
            arms.setdefault((row["panel"], row["arm"]), []).append(row)
    return [
        {
            "panel": panel,
            "arm": arm,
            "accuracy": fmean(row["test_accuracy"] for row in returned),
            "seeds": len(returned),
            **returned_by_class(returned),
        }
        for (panel, arm), returned in arms.items()
    ]


def majority_said(row: Row) -> str:
    """What the baseline makes of an arm's accuracy, to follow the arm's name.

    Nothing where the accuracy is above it and classes are of equal size, or were not counted.

    Args:
        row: of numbers, with ``accuracy``, ``seeds`` and those of :func:`returned_by_class`.
    """
    below, accuracy = row["seeds not above majority"], f"{percent(row['accuracy'])} %"
    if absent(below) or not (below or row["class imbalance"] > IMBALANCED):
        return ""
    balanced, majority = (f"{percent(row[f'{k} accuracy'])} %" for k in ("balanced", "majority"))
    if not below:
        return f"has {accuracy} test accuracy, {balanced} balanced; {BASELINE} has {majority}"
    seeds = f", in {below:.0f} of {row['seeds']} seeds" if row["seeds"] > 1 else ""
    return (
        f"is not above the baseline{seeds}: it has {accuracy} test accuracy, {balanced} balanced;"
        f" {BASELINE} has {majority}"
    )


def shown_classes(recall: Sequence[float | None]) -> list[int]:
    """Positions of the classes to show: all, or where there are many those of lowest recall."""
    if len(recall) <= SHOWN:
        return list(range(len(recall)))
    known = [(float(value), i) for i, value in enumerate(recall) if value is not None]
    return [i for value, i in sorted(known) if not absent(value)][:WORST]
