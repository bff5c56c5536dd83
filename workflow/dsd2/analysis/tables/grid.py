"""Table 5: the best validation accuracy of every arm by panel, and its mean over panels."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.captions import best_of_panels
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import MEAN, by_arm, drawn_rows
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    beside_paper,
    cells,
    percent,
)
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd


@TABLES.register("grid")
class GridTable(Table):
    """Best validation accuracy by panel and its mean (Table 5)."""

    heading = "Table: best validation accuracy"
    printed: ClassVar = {"validation_accuracy": "validation accuracy"}

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm and panel: the best over iterations, then the mean over seeds.

        Arms that are not in every panel have no mean; in a study of one panel none has.
        """
        import pandas as pd

        best: dict[tuple[str, str], pd.Series] = {
            (panel, arm): rows.groupby("seed")["validation_accuracy"].max()
            for panel, arm, rows in by_arm(drawn_rows(study, view))
        }
        table = [
            {"panel": panel, "arm": arm, "seeds": len(seeds), "validation accuracy": seeds.mean()}
            for (panel, arm), seeds in best.items()
        ]
        panels = {panel for panel, _ in best}
        for arm in dict.fromkeys(arm for _, arm in best):
            own = [best[panel, arm] for panel in panels if (panel, arm) in best]
            if len(own) == len(panels) > 1:
                mean = statistics.fmean(float(seeds.mean()) for seeds in own)
                few = min(len(seeds) for seeds in own)
                table.append({"panel": MEAN, "arm": arm, "seeds": few, "validation accuracy": mean})
        return pd.DataFrame(table)

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """A row an arm, columns by panel and for their mean."""
        arms = list(dict.fromkeys(table["arm"]))
        columns: Columns = [("arm", view.arm_labels(arms))]
        several = len(view.panels) > 1
        for panel, rows in table.groupby("panel", sort=False):
            whole = rows.set_index("arm").reindex(arms)
            name = {MEAN: "mean"}.get(str(panel)) or view.panels[str(panel)]
            header = f"{name} [%] ↑" if several else "validation accuracy [%] ↑"
            ours = [
                "" if absent(value) else percent(value) for value in whole["validation accuracy"]
            ]
            columns += beside_paper(
                header, whole.dropna(axis=1, how="all"), ours, "validation_accuracy"
            )
        seeds = int(table["seeds"].max())
        note = (
            "The best validation accuracy over iterations, as a mean over"
            f" {seeds} seed{'s' * (seeds != 1)}."
            f"{' The last columns are means over the panels.' * several}"
        )
        return FormattedTable([("", cells(columns))], note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """The best arm of each panel, and on the mean over panels."""
        return best_of_panels(table, view, "validation accuracy", "validation")
