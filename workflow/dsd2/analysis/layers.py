"""Where a network dies: density and entropy of each layer along a curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsd2.analysis.summary import by_arm, curves, shown_curves

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LayerCurve:
    """The layers of one arm of one panel by iteration, as means over seeds.

    Attributes:
        sparsity: mean realised ζ of the whole network, by iteration.
        density: living fraction of the weights, a column a prunable layer.
        entropy: in bits (eq. 1), a column a ReLU layer.
    """

    panel: str
    arm: str
    sparsity: pd.Series
    density: pd.DataFrame
    entropy: pd.DataFrame

    def first(self, holds: pd.DataFrame) -> tuple[list[str], float] | None:
        """The layers for which a condition first holds, and ζ there; None where it never does."""
        rows = holds[holds.any(axis=1)]
        if rows.empty:
            return None
        first = rows.iloc[0]
        sparsity = self.sparsity[holds.any(axis=1)].iloc[0]
        return [str(name) for name in first.index[first]], float(sparsity)


def layer_curves(study: pd.DataFrame) -> list[LayerCurve]:
    """The layers of every curve that figures draw, up to the iteration that all seeds reached."""
    rows = {(panel, arm): rows for panel, arm, rows in by_arm(study)}
    return [
        LayerCurve(
            curve.panel,
            curve.arm,
            curve.sparsity,
            _by_layer(rows[curve.panel, curve.arm], "layers", "layer_density").loc[
                curve.sparsity.index
            ],
            _by_layer(rows[curve.panel, curve.arm], "states", "state_entropy").loc[
                curve.sparsity.index
            ],
        )
        for curve in shown_curves(curves(study))
    ]


def _by_layer(rows: pd.DataFrame, names: str, values: str) -> pd.DataFrame:
    """Iterations × layers, the mean over seeds."""
    import pandas as pd

    columns = list(rows[names].iloc[0])
    table = pd.DataFrame(rows[values].tolist(), columns=columns, index=rows["iteration"])
    return table.groupby(level=0).mean()
