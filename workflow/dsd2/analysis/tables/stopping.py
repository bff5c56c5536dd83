"""Table 1: what each arm returns, and what getting it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.captions import interval, name_of, rows_of, rst_list
from dsd2.analysis.classes import BASELINE, majority_said, returned_by_class
from dsd2.analysis.inference import mean_of
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import by_arm
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    beside_paper,
    by_panel,
    minus,
    percent,
    unit,
    with_spread,
)
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd

COUNTS = ("paper", "dense", "sparse")
"""The three ways of counting the cost of a training."""


@TABLES.register("stopping")
class StoppingTable(Table):
    """What each arm returns and what it cost (Table 1)."""

    heading = "Table: what each arm returns and costs"
    printed: ClassVar = {
        "accuracy": "accuracy",
        "spread": "accuracy spread",
        "sparsity": "sparsity",
        "training": "training paper",
        "teacher": "teacher paper",
    }

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm.

        Accuracy and sparsity are those of the iteration that is returned, and so is what
        :func:`returned_by_class` gives. ``accuracy spread`` is the sample deviation over seeds,
        ``accuracy interval`` half the confidence interval, absent where no spread supports one.
        Costs are means over seeds, of the arm's own trainings up to the last one and, apart, of its
        teacher's.
        """
        import pandas as pd

        table = []
        for panel, arm, rows in by_arm(study):
            first, returned = rows.iloc[0], rows[rows["returned"]]
            last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
            accuracy = mean_of([float(a) for a in returned["test_accuracy"]], view.confidence)
            several = len(returned) > 1
            table.append(
                {
                    "panel": panel,
                    "arm": arm,
                    "early stop": first["stopping"].partition("-")[0],
                    "distilled": not absent(first["teacher_run"]),
                    "pruned teacher": bool((last["teacher_iteration"].fillna(0) > 0).any()),
                    "trainings": float((last["iteration"] + 1).mean()),
                    **{f"training {c}": float(last[f"total_flops_{c}"].mean()) for c in COUNTS},
                    **{f"teacher {c}": float(last[f"teacher_flops_{c}"].mean()) for c in COUNTS},
                    "accuracy": float(returned["test_accuracy"].mean()),
                    "accuracy spread": float(returned["test_accuracy"].std()) if several else None,
                    "accuracy interval": None
                    if accuracy.high is None
                    else accuracy.high - accuracy.mean,
                    "sparsity": float(returned["sparsity"].mean()),
                    "sparsity at stop": float(last["sparsity"].mean()),
                    "entropy at stop": float(last["entropy"].mean()),
                    "seeds": len(returned),
                    **returned_by_class(rows_of(returned)),
                }
            )
        return pd.DataFrame(table)

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """Ticks, units, teachers' costs in brackets."""
        compared = [c for c in ("paper training", "paper teacher") if c in table]
        imbalanced = any(map(majority_said, rows_of(table)))
        scale = unit(table[["training paper", *compared]].max().max())

        def columns(rows: pd.DataFrame) -> Columns:
            accuracy = [
                with_spread(a, s)
                for a, s in zip(rows["accuracy"], rows["accuracy spread"], strict=True)
            ]
            sparsity = [percent(value) for value in rows["sparsity"]]
            return [
                ("arm", view.arm_labels(list(rows["arm"]))),
                ("early stop", [stop if stop != "none" else "" for stop in rows["early stop"]]),
                ("distilled", ["✓" if yes else "" for yes in rows["distilled"]]),
                ("from pruned teacher", ["✓" if yes else "" for yes in rows["pruned teacher"]]),
                ("trainings", [f"{count:.1f}" for count in rows["trainings"]]),
                *(column for kind in COUNTS for column in _costs(rows, kind, *scale)),
                *beside_paper("test accuracy [%] ↑", rows, accuracy, "accuracy"),
                *(_class_accuracies(rows) if imbalanced else []),
                *beside_paper("sparsity [%] ↑", rows, sparsity, "sparsity"),
                ("stopped at [%]", [percent(value) for value in rows["sparsity at stop"]]),
            ]

        seeds = int(table["seeds"].max())
        note = (
            f"Means over {seeds} seed{'s' * (seeds != 1)}; ± is the sample deviation"
            f" (for {view.confidence:.0%} intervals see the CSV file). Accuracy and"
            " sparsity are of the iteration with the best validation accuracy. Training costs count"
            " one multiply-accumulate as one operation: as the paper counts (no teacher's forward"
            " passes), dense (with them) and sparse (times density); in brackets what training the"
            " teacher took before."
        )
        if imbalanced:
            note += (
                " Balanced accuracy is the mean over classes of the share that is recognised of"
                f" each; the baseline is {BASELINE}."
            )
        return FormattedTable(by_panel(table, view.panels, columns), note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """What every arm returns, after how many trainings."""
        sentences = []
        for row in rows_of(table):
            size, name = unit(row["training dense"])
            half = row["accuracy interval"]
            spread = "" if absent(half) else f" ± {percent(half, 1)} ({interval(view)})"
            sentences.append(
                f"{name_of(row, view)} returns {percent(row['accuracy'], 1)} %{spread} at ζ ="
                f" {percent(row['sparsity'], 1)} %, after {row['trainings']:.1f} trainings of"
                f" {row['training dense'] / size:.2f} {name} in all."
            )
            if said := majority_said(row):
                sentences.append(f"{name_of(row, view)} {said}.")
        return rst_list(sentences)


def _class_accuracies(rows: pd.DataFrame) -> Columns:
    """The columns that show what classes of unequal size make of the accuracy."""
    return [
        ("balanced accuracy [%] ↑", [percent(value) for value in rows["balanced accuracy"]]),
        ("baseline [%]", [percent(value) for value in rows["majority accuracy"]]),
    ]


def _costs(rows: pd.DataFrame, kind: str, size: float, name: str) -> Columns:
    """The columns of one way of counting, beside the paper's where it prints any."""

    def costs(training: str, teacher: str, sign: str = "") -> list[str]:
        before = rows[teacher] if teacher in rows else [None] * len(rows)
        return [_cost(*pair, size, sign) for pair in zip(rows[training], before, strict=True)]

    header = {"paper": "by the paper's count"}.get(kind, kind) + f" [{name}] ↓"
    ours = costs(f"training {kind}", f"teacher {kind}")
    if kind != "paper" or "paper training" not in rows:
        return [(header, ours)]
    return [
        (f"{header}, ours", ours),
        ("paper", costs("paper training", "paper teacher")),
        ("difference", costs("difference training", "difference teacher", "+")),
    ]


def _cost(own: float, before: float | None, size: float, sign: str) -> str:
    text = "" if absent(own) else f"{own / size:{sign}.2f}"
    if before is not None and not absent(before) and before != 0:
        text = f"{text} ({before / size:+.2f})"
    return minus(text.strip())
