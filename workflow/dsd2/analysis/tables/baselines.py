"""Simple alternatives beside one another: accuracy, size and cost of what each arm returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsd2.analysis.baselines import COST, SIZE, arms_compared, on_front
from dsd2.analysis.captions import name_of, rows_of, rst_list
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import drawn_rows
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    by_panel,
    percent,
    with_spread,
)
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_rst
from dsd2.recipe import DatasetRecipe, ModelRecipe, from_json

if TYPE_CHECKING:
    import pandas as pd

FRONTS = {SIZE: "smaller", COST: "cheaper"}
"""What a network is that costs less of each."""


@TABLES.register("baselines")
class BaselinesTable(Table):
    """Accuracy, size and training cost of what each arm returns (not in the paper)."""

    heading = "Table: baselines"

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """A row an arm that is drawn: see :func:`dsd2.analysis.baselines.arms_compared`.

        ``MACs`` are multiply-accumulates an image of the returned network, without those of removed
        weights. ``front`` names the costs of which nothing that costs less is as accurate.
        """
        import pandas as pd

        shown = drawn_rows(study, view)
        table = arms_compared(shown, view.confidence)
        arms = {(arm["panel"], arm["name"]): arm for arm in view.arms}
        keys = list(zip(table["panel"], table["arm"], strict=True))
        returned = dict(iter(shown[shown["returned"]].groupby(["panel", "arm"])))
        table.insert(8, "MACs", [_macs(arms[key], returned[key]) for key in keys])
        fronts = pd.Series("", index=table.index)
        for cost, word in FRONTS.items():
            for _, rows in table.groupby("panel", sort=False):
                fronts.loc[rows.index[on_front(rows, cost)]] += f" {word}"
        return table.assign(front=fronts.str.strip())

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """Intervals behind accuracies, thousands separated."""

        def columns(rows: pd.DataFrame) -> Columns:
            return [
                ("arm", view.arm_labels(list(rows["arm"]))),
                ("dense, test accuracy [%] ↑", _accuracies(rows, "dense accuracy")),
                ("returned, test accuracy [%] ↑", _accuracies(rows, "accuracy")),
                ("ζ [%]", [percent(value, 1) for value in rows["sparsity"]]),
                ("parameters ↓", [f"{value:,.0f}" for value in rows[SIZE]]),
                ("kMAC an image ↓", [f"{value / 1000:,.0f}" for value in rows["MACs"]]),
                ("trainings", [f"{value:.1f}" for value in rows["trainings"]]),
                ("cost ↓", [f"{value:.2f}" for value in rows[COST]]),
                ("front", [_front(value) for value in rows["front"]]),
            ]

        seeds = int(table["seeds"].max())
        note = (
            f"Means over {seeds} seed{'s' * (seeds != 1)}; ± is half the"
            f" {100 * view.confidence:g} % interval of that mean. What an arm returns is the"
            " iteration with the best validation accuracy. Parameters and operations are without"
            " removed weights. Cost is in dense trainings of the first arm: all of the arm's"
            " trainings, those of what teaches it or judges its labels, and teachers' forward"
            " passes; choosing by validation images is not counted. On the front is what no"
            " smaller, or no cheaper, arm equals in mean test accuracy: as the best of many on the"
            " test images, its mean is flattered."
        )
        return FormattedTable(by_panel(table, view.panels, columns), note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """The arms on each front, from the smallest or cheapest on."""
        sentences = []
        for panel, rows in table.groupby("panel", sort=False):
            for cost, word in FRONTS.items():
                best = rows_of(rows.iloc[on_front(rows, cost)])
                listed = ", ".join(
                    f"{name_of(row, view)} ({percent(row['accuracy'], 1)} %)" for row in best
                )
                label = escape_rst(view.panels[str(panel)])
                where = f" in panel {label}" if len(view.panels) > 1 else ""
                sentences.append(f"nothing {word} is as accurate{where} as {listed}.")
        return rst_list(sentences)


def _accuracies(rows: pd.DataFrame, column: str) -> list[str]:
    pairs = zip(rows[column], rows[f"{column} interval"], strict=True)
    return [with_spread(value, None if absent(half) else half) for value, half in pairs]


def _front(words: str) -> str:
    return {"smaller": "size", "cheaper": "cost"}.get(words, "size, cost" if words else "")


def _macs(arm: dict[str, Any], returned: pd.DataFrame) -> float:
    """Multiply-accumulates an image of an arm's returned networks, without removed weights."""
    from dsd2.data.manifest import located
    from dsd2.data.metadata import metadata
    from dsd2.environment import data_roots
    from dsd2.nn.sizes import network_sizes

    images = metadata(located(from_json(DatasetRecipe, arm["dataset"])), data_roots())
    sizes = network_sizes(from_json(ModelRecipe, arm["model"]), images.image, images.classes)
    each = [
        sizes.sparse(dict(zip(layers, densities, strict=True)))
        for layers, densities in zip(returned["layers"], returned["layer_density"], strict=True)
    ]
    return sum(each) / len(each)
