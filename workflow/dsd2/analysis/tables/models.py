"""Table 3: the parameters of every arm's network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from dsd2.analysis.captions import name_of, rows_of, rst_list
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.table_format import Columns, FormattedTable, absent, by_panel, minus
from dsd2.analysis.view import StudyView
from dsd2.recipe import DatasetRecipe, ModelRecipe, from_json

if TYPE_CHECKING:
    import pandas as pd


@TABLES.register("models")
class ModelsTable(Table):
    """Parameters of the networks, which takes no training (Table 3)."""

    heading = "Table: parameters of the networks"
    trains = False
    printed: ClassVar = {"parameters": "parameters"}

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm that is drawn."""
        import pandas as pd

        return pd.DataFrame(
            {"panel": arm["panel"], "arm": arm["name"], "parameters": _parameters(arm)}
            for arm in view.arms
            if arm["show"]
        )

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """Thousands are separated."""

        def counts(values: pd.Series, form: str) -> list[str]:
            return ["" if absent(value) else minus(f"{value:{form}}") for value in values]

        def columns(rows: pd.DataFrame) -> Columns:
            arms, ours = view.arm_labels(list(rows["arm"])), counts(rows["parameters"], ",")
            if "paper parameters" not in rows:
                return [("arm", arms), ("parameters", ours)]
            return [
                ("arm", arms),
                ("parameters, ours", ours),
                ("paper", counts(rows["paper parameters"], ",.0f")),
                ("difference", counts(rows["difference parameters"], "+,.0f")),
            ]

        note = "All parameters of the unpruned network: weights, biases and those of batch-norm."
        return FormattedTable(by_panel(table, view.panels, columns), note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """The smallest and the largest network."""
        rows = sorted(rows_of(table), key=lambda row: row["parameters"])
        return rst_list(
            f"the {size} network is that of {name_of(row, view)},"
            f" of {row['parameters']:,} parameters"
            for size, row in (("smallest", rows[0]), ("largest", rows[-1]))
        )


def _parameters(arm: dict[str, Any]) -> int:
    from dsd2.data.manifest import located
    from dsd2.data.metadata import metadata
    from dsd2.environment import data_roots
    from dsd2.nn.footprint import footprint

    sizes = metadata(located(from_json(DatasetRecipe, arm["dataset"])), data_roots())
    return footprint(from_json(ModelRecipe, arm["model"]), sizes.image, sizes.classes).parameters
