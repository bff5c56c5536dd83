"""Draw a study's layers: heat maps of each layer's density and entropy against sparsity."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from saving import plain_numbers, save, set_up, wrapped
from styles import MILLIMETRES, POINTS, drawn_rows

from dsd2.analysis.captions import layers_found
from dsd2.analysis.layers import LayerCurve, layer_curves
from dsd2.analysis.table_format import Words
from dsd2.config.arms import ONLY_PANEL
from dsd2.files.atomic import write_text
from dsd2.script import logged, parameters
from dsd2.stages.study_metrics import read_study

MAP_WIDTH = 85.0
"""Millimetres of a heat map."""
ROW = 1.5
"""Height of a layer's row, in lines of text."""
PAIRS_BELOW, MOST_TICKS, LONGEST = 6, 8, 24
"""Pairs of maps that stand below each other in one column; ticks of a map; letters of a name."""
NOTHING = "#1E293B"
"""The colour of a layer without any living weight."""


def draw(curves: list[LayerCurve], params) -> Figure:
    """The whole figure: a density and an entropy map for each curve."""
    font = params.plot["font_size"]
    set_up(font)
    columns = 1 if len(curves) <= PAIRS_BELOW else 2
    rows = -(-len(curves) // columns)
    line = 1.2 * font / POINTS
    tallest = max(curve.density.shape[1] for curve in curves)
    width = 2 * columns * (MAP_WIDTH + 25) / MILLIMETRES
    height = rows * line * (ROW * tallest + 5.5) + 6 * line
    figure, axes = plt.subplots(
        rows, 2 * columns, figsize=(width, height), layout="constrained", squeeze=False
    )
    density = LogNorm(min(1e-3, *(_least(curve.density) for curve in curves)), 1)
    highest = [float(curve.entropy.max().max()) for curve in curves if curve.entropy.size]
    entropy = Normalize(0, max(highest, default=1) or 1)
    for empty in axes.flat[2 * len(curves) :]:
        empty.set_axis_off()
    for curve, left, right in zip(curves, axes.flat[::2], axes.flat[1::2], strict=False):
        label = params.labels[curve.arm]
        if curve.panel != ONLY_PANEL:
            label = f"{params.panels[curve.panel]}: {label}"
        _map(left, curve.density.where(curve.density > 0), curve.sparsity, density, "cividis")
        _map(right, curve.entropy, curve.sparsity, entropy, "magma")
        for place, quantity in ((left, "density"), (right, "entropy")):
            title = wrapped(f"{label}: {quantity} of each layer", MAP_WIDTH, font)
            place.set_title(title, fontsize=font)
    for k, norm, colours, label in (
        (0, density, "cividis", "living fraction of the layer's weights (dark: none)"),
        (1, entropy, "magma", "mean entropy of the layer's neurons [bits]"),
    ):
        figure.colorbar(
            ScalarMappable(norm, colours),
            ax=axes[:, k::2],
            location="bottom",
            label=label,
            format=plain_numbers(),
            aspect=40,
            shrink=0.8,
        )
    figure.suptitle(wrapped(f"{params.title}: where it dies first", 25.4 * width, font))
    return figure


def _least(density: pd.DataFrame) -> float:
    """The smallest density that is not nothing."""
    return float(density.where(density > 0).min().min())


def _map(
    axes: Axes, values: pd.DataFrame, sparsity: pd.Series, norm: Normalize, colours: str
) -> None:
    """One heat map: a row a layer from input to output, a column an iteration."""
    if values.empty:
        axes.text(0.5, 0.5, "no such layer", ha="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    axes.set_facecolor(NOTHING)
    axes.pcolormesh(values.T.to_numpy(), norm=norm, cmap=colours, rasterized=True)
    axes.invert_yaxis()
    names = [str(name) for name in values.columns]
    short = [n if len(n) <= LONGEST else f"…{n[1 - LONGEST :]}" for n in names]
    axes.set_yticks([i + 0.5 for i in range(len(names))], short)
    step = -(-len(sparsity) // MOST_TICKS)
    ticks = range(0, len(sparsity), step)
    axes.set_xticks([i + 0.5 for i in ticks], [f"{100 * sparsity.iloc[i]:.3g}" for i in ticks])
    axes.tick_params(length=2)
    axes.set_xlabel("sparsity ζ [%] of each iteration")


def main(smk) -> None:
    """Write the figure in every format, and what it shows for the caption."""
    params = parameters(smk.params)
    study = read_study(Path(smk.input[0]), smk.wildcards.study)
    shown = layer_curves(drawn_rows(study, params.arms))
    save(draw(shown, params), smk.output.figures, params.plot["dpi"])
    words = Words(params.labels, params.panels, **params.analysis)
    write_text(Path(smk.output.found), layers_found(shown, words))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
