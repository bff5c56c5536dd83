"""What the networks that arms return make of each class."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dsd2.analysis.captions import Row, interval, name_of, rows_of, rst_list
from dsd2.analysis.classes import (
    NOT_COUNTED,
    SHOWN,
    WORST,
    is_counted,
    proportion_interval,
    shown_classes,
)
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import by_arm
from dsd2.analysis.table_format import Columns, FormattedTable, absent, by_panel, percent
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_rst

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("panel", "arm", "class", "test images", "recall", "recall low", "recall high", "seeds")
"""Columns of the numbers; a study that an earlier version measured has no rows of them."""


@TABLES.register("classes")
class ClassesTable(Table):
    """Recall of each class by the networks that arms return (not in the paper)."""

    heading = "Table: recall of each class"
    texts = ("class",)

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm and class: the mean recall over the seeds' returned networks.

        The interval is Wilson's of one network, over the test images of the class.
        """
        import pandas as pd

        table = []
        for panel, arm, rows in by_arm(study):
            returned = rows_of(rows[rows["returned"]])
            if all(map(is_counted, returned)):
                names = {"panel": panel, "arm": arm, "seeds": len(returned)}
                table += [{**names, **own} for own in _recalls(returned, view.confidence)]
        return pd.DataFrame(table, columns=list(COLUMNS))

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """A row a class, arm after arm; the worst of each arm where there are many."""
        import pandas as pd

        each = [rows for _, rows in table.groupby(["panel", "arm"], sort=False)]
        parts = [rows.iloc[shown_classes(list(rows["recall"]))] for rows in each]
        many = any(len(rows) > SHOWN for rows in each)

        def columns(rows: pd.DataFrame) -> Columns:
            ends = zip(rows["recall low"], rows["recall high"], strict=True)
            return [
                ("arm", view.arm_labels(list(rows["arm"]))),
                ("class", list(rows["class"])),
                ("test images", [f"{count:,}" for count in rows["test images"]]),
                ("recall [%] ↑", [percent(value) for value in rows["recall"]]),
                (interval(view), [_span(low, high) for low, high in ends]),
            ]

        note = (
            "Recall is the share of a class's test images that the returned network takes for it,"
            " as a mean over seeds. The interval is Wilson's for one network, over those images."
        )
        if many:
            note += (
                f" Of more than {SHOWN} classes the {WORST} with the lowest recall are shown;"
                " the CSV file has all."
            )
        if table.empty:
            note += f" Here no arm has any: {NOT_COUNTED}. docs/metrics.md says how to measure it."
        shown = pd.concat(parts) if parts else table
        return FormattedTable(by_panel(shown, view.panels, columns), note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """The worst class of each arm."""
        known = table.dropna(subset=["recall"])
        worst = known.loc[known.groupby(["panel", "arm"], sort=False)["recall"].idxmin()]
        return rst_list(
            f"{name_of(row, view)} recognises {percent(row['recall'], 1)} % of"
            f" {row['test images']:,} test images of {escape_rst(row['class'])}, the class with the"
            f" lowest recall ({interval(view)} {_span(row['recall low'], row['recall high'])} %)"
            for row in rows_of(worst)
        )


def _recalls(returned: Sequence[Row], confidence: float) -> list[dict[str, Any]]:
    """The classes of an arm, whose seeds have the same test images."""
    first, recalls = returned[0], zip(*(row["class_recall"] for row in returned), strict=True)
    table = []
    for name, images, of_seeds in zip(
        first["classes"], first["class_images"], recalls, strict=True
    ):
        recall, low, high = None, None, None
        if images:
            recall = fmean(of_seeds)
            low, high = proportion_interval(recall, int(images), confidence)
        own = {"class": name, "test images": int(images), "recall": recall}
        table.append({**own, "recall low": low, "recall high": high})
    return table


def _span(low: float | None, high: float | None) -> str:
    return "–" if absent(low) else f"{percent(low, 1)} to {percent(high, 1)}"
