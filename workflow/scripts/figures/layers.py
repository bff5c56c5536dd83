"""Heat maps of each layer's density and entropy against sparsity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from styles import MILLIMETRES, POINTS, is_titled

from dsd2.analysis.captions import name_of, rst_list
from dsd2.analysis.layers import LayerCurve, layer_curves
from dsd2.analysis.registered import FIGURES, Figure
from dsd2.analysis.table_format import percent
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib import figure as drawing
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize

MAP_WIDTH = 85.0
"""Millimetres of a heat map."""
ROW = 1.5
"""Height of a layer's row, in lines of text."""
PAIRS_BELOW, MAX_TICKS, MAX_LETTERS = 6, 8, 24
"""Pairs of maps that stand below each other in one column; ticks of a map; letters of a name."""
NOTHING = "#1E293B"
"""The colour of a layer without any living weight."""
FELL = 0.5
"""A layer's entropy is said to have fallen where it is below this fraction of the dense one's."""


@FIGURES.register("layers")
class LayersFigure(Figure):
    """Density and entropy of each layer, where a network dies first."""

    heading = "Figure 3: density and entropy of each layer"
    caption = """
**Where the network dies first.** Each row is a layer, from the input at the top to the output;
each column is an iteration, labelled by the sparsity of the whole network. Left: the fraction of
the layer's weights that is left, on a logarithmic scale; dark fields have none left. Right: the
mean entropy of the states of its neurons in bits: 1 where they are on for half of the training
images, 0 where every neuron is always on or always off, so that the layer decides nothing any
more. All values are means over seeds.
"""

    def draw(self, study: pd.DataFrame, view: StudyView) -> drawing.Figure:
        """See :func:`draw`."""
        return draw(layer_curves(study), view)

    def found(self, study: pd.DataFrame, view: StudyView) -> str:
        """See :func:`layers_found`."""
        return layers_found(layer_curves(study), view)


def draw(curves: list[LayerCurve], view: StudyView) -> drawing.Figure:
    """The whole figure: a density and an entropy map for each curve."""
    import matplotlib.pyplot as plt
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize
    from saving import plain_numbers, wrapped

    font = view.plot["font_size"]
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
        label = view.labels[curve.arm]
        if is_titled(curve.panel):
            label = f"{view.panels[curve.panel]}: {label}"
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
    figure.suptitle(wrapped(f"{view.title}: where it dies first", 25.4 * width, font))
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
    short = [n if len(n) <= MAX_LETTERS else f"…{n[1 - MAX_LETTERS :]}" for n in names]
    axes.set_yticks([i + 0.5 for i in range(len(names))], short)
    step = -(-len(sparsity) // MAX_TICKS)
    ticks = range(0, len(sparsity), step)
    axes.set_xticks([i + 0.5 for i in ticks], [f"{100 * sparsity.iloc[i]:.3g}" for i in ticks])
    axes.tick_params(length=2)
    axes.set_xlabel("sparsity ζ [%] of each iteration")


def layers_found(curves: Sequence[LayerCurve], view: StudyView) -> str:
    """Where each network loses its weights first, and where its neurons' states freeze first."""
    return rst_list(
        f"{name_of({'panel': curve.panel, 'arm': curve.arm}, view)}:"
        f" {_weights(curve)}; {_states(curve)}."
        for curve in curves
    )


def _weights(curve: LayerCurve) -> str:
    dead = curve.first(curve.density == 0)
    if dead is not None:
        layers, sparsity = dead
        verb = "loses" if len(layers) == 1 else "lose"
        return f"{_code(layers)} {verb} the last weight first, at ζ = {percent(sparsity)} %"
    last = curve.density.iloc[-1]
    return (
        f"every layer keeps weights to the end, where {_code([str(last.idxmin())])} has fewest,"
        f" {percent(last.min())} % of its own"
    )


def _states(curve: LayerCurve) -> str:
    if curve.entropy.empty:
        return "it has no ReLU layer, and so no entropy"
    fell = curve.first(curve.entropy < FELL * curve.entropy.iloc[0])
    if fell is None:
        return f"no layer's entropy falls below {100 * FELL:g} % of its dense one"
    layers, sparsity = fell
    return (
        f"the entropy of {_code(layers)} is the first to fall below {100 * FELL:g} % of its dense"
        f" one, at ζ = {percent(sparsity)} %"
    )


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)
