"""Draw one panel of a figure: its curves with their bands, best points, stops and phases."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from styles import MILLIMETRES, POINTS, Layout, Style

from dsd2.analysis.summary import Curve, Finding, twin_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

STOP_MARKERS = {"accuracy": "|", "entropy": "x"}
SHADES = {"light": "#FFFFFF", "critical": "#E3E3E3", "sweet": "#F3F3F3", "collapsed": "#D0D0D0"}
NUMERALS = {"light": "I", "critical": "II", "sweet": "III", "collapsed": "IV"}
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
FEW_CURVES, FEW_POINTS = 4, 8
"""More curves in a panel than that, with more points, are drawn without markers."""


def position(sparsity: float) -> float:
    """Where a sparsity lies on the axis: even steps for even factors of what remains."""
    return -math.log10(max(1.0 - sparsity, 1e-9))


def draw_panel(
    axes: tuple[Axes, Axes],
    inside: list[Curve],
    gated: list[Curve],
    reference: Finding | None,
    looks: dict[str, Style],
    place: Layout,
    band: str,
) -> None:
    """Draw one panel: its curves, where gates stopped, and the phases of one of them."""
    top, bottom = axes
    marked = is_marked(inside)
    dot = (3.0 if place.narrow else 4.5) if marked else 0.0
    symbol = 15 if not place.narrow and marked else 9
    for curve in inside:
        style = looks[curve.arm]
        _line(top, curve, 100 * curve.accuracy, style, band, dot)
        _line(bottom, curve, curve.entropy, style, band, dot)
        _star(top, curve, style, symbol)
    for curve in gated:
        _stops(top, curve, twin_of(curve, inside), looks, symbol)
    if reference is not None:
        _phases(top, reference, numerals=True)
        _phases(bottom, reference, numerals=False)
    if inside:
        _sparsity_axis(bottom, max(float(curve.sparsity.max()) for curve in inside), place)


def is_marked(shown: list[Curve], panel: str | None = None) -> bool:
    """Whether points of a panel's curves are marked: not where that would be a crowd."""
    inside = [curve for curve in shown if panel in (None, curve.panel)]
    points = max((len(curve.sparsity) for curve in inside), default=0)
    return len(inside) <= FEW_CURVES or points <= FEW_POINTS


def _line(
    axes: Axes, curve: Curve, seeds: pd.DataFrame, style: Style, band: str, dot: float
) -> None:
    """A quantity's mean over seeds with its band; ``seeds`` has a column a seed.

    ``dot`` is the size of the points' markers, which have none where it is 0.
    """
    x = [position(s) for s in curve.sparsity]
    mean = seeds.mean(axis=1)
    axes.plot(
        x,
        mean,
        color=style.colour,
        marker=style.marker if dot else "none",
        linestyle=style.dash,
        linewidth=1.5 if dot > 3 else 1.2,
        markersize=dot,
    )
    if seeds.shape[1] < 2 or band == "none":
        return
    low, high = seeds.min(axis=1), seeds.max(axis=1)
    if band == "deviation":
        deviation = seeds.std(axis=1)
        low, high = mean - deviation, mean + deviation
    axes.fill_between(x, low, high, color=style.colour, alpha=0.15, linewidth=0)


def _star(axes: Axes, curve: Curve, style: Style, size: float) -> None:
    """Mark the best point of the mean over seeds."""
    mean = 100 * curve.accuracy.mean(axis=1)
    best = int(mean.to_numpy().argmax())
    axes.plot(
        position(curve.sparsity.iloc[best]),
        mean.iloc[best],
        marker="*",
        markersize=size,
        color=style.colour,
        markeredgecolor="black",
        markeredgewidth=size / 15,
        linestyle="none",
        zorder=5,
    )


def _stops(
    axes: Axes, gated: Curve, twin: Curve | None, looks: dict[str, Style], size: float
) -> None:
    """Mark where the gate stopped each seed, on the curve that goes on."""
    along = twin or gated
    mean = 100 * along.accuracy.mean(axis=1)
    for stop in sorted(set(gated.stops)):
        if stop in mean.index:
            axes.plot(
                position(float(along.sparsity[stop])),
                mean[stop],
                marker=STOP_MARKERS[gated.stopping.partition("-")[0]],
                markersize=size,
                markeredgewidth=2.2 * size / 15,
                color=looks[along.arm].colour,
                linestyle="none",
                zorder=6,
            )


def _phases(axes: Axes, finding: Finding, *, numerals: bool) -> None:
    """Shade the phases that the verdict on a curve supports."""
    x = [position(s) for s in finding.curve.sparsity]
    edges = [x[0], *((a + b) / 2 for a, b in itertools.pairwise(x)), x[-1]]
    runs: list[tuple[str | None, float, float]] = []
    for phase, left, right in zip(finding.supported_phases, edges[:-1], edges[1:], strict=True):
        if runs and runs[-1][0] == phase:
            runs[-1] = (phase, runs[-1][1], right)
        else:
            runs.append((phase, left, right))
    if len(runs) == 1:
        return
    for phase, left, right in runs:
        if phase is None:
            continue
        axes.axvspan(left, right, color=SHADES[phase], zorder=-2, linewidth=0)
        if numerals:
            axes.text(
                (left + right) / 2,
                1.01,
                NUMERALS[phase],
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
            )


def _sparsity_axis(axes: Axes, highest: float, place: Layout) -> None:
    """Ticks at familiar sparsities, as many as fit beside each other."""
    within = [tick for tick in TICKS if position(tick) <= position(highest) + 0.1]
    labels = {tick: f"{100 * tick:g}" for tick in within}
    letter = 0.62 * place.font_size / POINTS * MILLIMETRES
    millimetres = 0.8 * place.width / max(position(highest), 1e-9)
    ticks = within[-1:]
    for tick in reversed(within[:-1]):
        space = millimetres * (position(ticks[-1]) - position(tick))
        if space >= letter * ((len(labels[tick]) + len(labels[ticks[-1]])) / 2 + 1):
            ticks.append(tick)
    axes.set_xticks([position(t) for t in ticks], [labels[t] for t in ticks])
    rest = "" if place.narrow else ", logarithmic in what remains"
    axes.set_xlabel(f"sparsity ζ [%]{rest}")
