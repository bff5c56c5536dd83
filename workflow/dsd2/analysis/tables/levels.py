"""Tables 13 and 14: the test accuracy of every arm by iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.captions import best_of_panels
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import by_arm, drawn_rows
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    beside_paper,
    by_panel,
    percent,
    with_spread,
)
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd


@TABLES.register("levels")
class LevelsTable(Table):
    """Test accuracy by sparsity, a column an arm (Tables 13 and 14)."""

    heading = "Table: accuracy by level of pruning"
    printed: ClassVar = {"accuracy": "accuracy", "spread": "accuracy spread"}

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm and iteration that every seed reached.

        Where filters are pruned, as many are left as the first convolution had times its density.
        """
        import pandas as pd

        filters = {(arm["panel"], arm["name"]): arm["filters"] for arm in view.arms}
        table = []
        for panel, arm, rows in by_arm(drawn_rows(study, view)):
            whole = filters[panel, arm]
            reached = rows.groupby("seed")["iteration"].max().min()
            for i, level in rows[rows["iteration"] <= reached].groupby("iteration"):
                accuracy = level["test_accuracy"]
                first_layer = float(level["layer_density"].iloc[0][0])
                table.append(
                    {
                        "panel": panel,
                        "arm": arm,
                        "iteration": i,
                        "sparsity": float(level["sparsity"].mean()),
                        "filters": None if whole is None else round(whole * first_layer),
                        "accuracy": float(accuracy.mean()),
                        "accuracy spread": float(accuracy.std()) if len(accuracy) > 1 else None,
                        "seeds": len(accuracy),
                    }
                )
        return pd.DataFrame(table).astype({"filters": "Int64"})

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """A row a level, columns by arm."""

        def columns(rows: pd.DataFrame) -> Columns:
            filters = bool(rows["filters"].notna().all())
            level = rows["filters"].map(str) if filters else rows["sparsity"].map(percent)
            rows = rows.assign(level=level)
            levels = list(dict.fromkeys(rows.sort_values("sparsity", kind="stable")["level"]))
            result: Columns = [("filters" if filters else "ζ [%]", levels)]
            for arm, own in rows.groupby("arm", sort=False):
                own = own.drop_duplicates("level").set_index("level").reindex(levels)
                ours = [
                    "" if absent(a) else with_spread(a, s)
                    for a, s in zip(own["accuracy"], own["accuracy spread"], strict=True)
                ]
                printed = own.dropna(axis=1, how="all")
                result += beside_paper(f"{view.labels[str(arm)]} [%]", printed, ours, "accuracy")
            return result

        note = "Test accuracy; ± is the sample deviation over seeds."
        return FormattedTable(by_panel(table, view.panels, columns), note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """The best arm and level of each panel."""
        return best_of_panels(table, view, "accuracy", "test")
