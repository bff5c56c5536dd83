"""Draw a study's figure: for each panel accuracy and, below it, entropy against sparsity."""

import itertools
import math
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from styles import MILLIMETRES, POINTS, Drawn, Layout, Style, layout_of, styles

from dsd2.analysis.summary import Curve, Finding, curves, findings
from dsd2.config.study import ONLY_PANEL
from dsd2.files.atomic import replacing
from dsd2.files.records import STUDY, read_table
from dsd2.script import logged

STOP_MARKERS = {"accuracy": "|", "entropy": "x"}
STOP_WORDS = {"accuracy": "traditional stop", "entropy": "entropy-gated stop"}
SHADES = {"light": "#FFFFFF", "critical": "#E3E3E3", "sweet": "#F3F3F3", "collapsed": "#D0D0D0"}
NUMERALS = {"light": "I", "critical": "II", "sweet": "III", "collapsed": "IV"}
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
FEW_CURVES, FEW_POINTS = 4, 8
"""More curves in a panel than that, with more points, are drawn without markers."""


def position(sparsity: float) -> float:
    """Where a sparsity lies on the axis: even steps for even factors of what remains."""
    return -math.log10(max(1.0 - sparsity, 1e-9))


def draw(study: pd.DataFrame, params) -> Figure:
    """The whole figure."""
    plot, analysis, panels = params.plot, params.analysis, params.panels
    plt.rcParams.update(
        {"font.size": plot["font_size"], "svg.fonttype": "none", "svg.hashsalt": "dsd2"}
    )
    keys = {(panel, arm) for arm, panel, _ in params.arms}
    study = study[[key in keys for key in zip(study["panel"], study["arm"], strict=True)]]
    found = findings(study, analysis["tolerance"], analysis["confidence"])
    every = curves(study)
    shown = _shown(every)
    looks = styles(_drawn(shown, params))
    place = layout_of(len(panels), plot)
    handles = _legend(looks, study, markers=any(_marked(shown, panel) for panel in panels))
    labels = [str(handle.get_label()) for handle in handles]
    legend_columns = place.columns_of_legend(labels)
    line = 1.6 * place.font_size / POINTS
    figure = plt.figure(
        figsize=(
            place.columns * place.width / MILLIMETRES,
            place.rows * (1.5 * place.height / MILLIMETRES + 2 * line)
            + line * (-(-len(labels) // legend_columns) + 3),
        ),
        layout="constrained",
    )
    axes_of_panels = _axes(figure, len(panels), place, plot["fill"])
    for axes, (panel, label) in zip(axes_of_panels, panels.items(), strict=True):
        if panel != ONLY_PANEL:
            axes[0].set_title(label, pad=2 * place.font_size, fontsize=place.font_size)
        _panel(
            axes,
            [curve for curve in shown if curve.panel == panel],
            [curve for curve in every if curve.panel == panel and curve.gated],
            _reference([f for f in found if f.curve.panel == panel]),
            looks,
            place,
            plot["band"],
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns, frameon=False)
    title = params.title
    if study["origin"].str.startswith("stand-in").any():
        title = f"{title} (stand-in data)"
    figure.suptitle(_wrapped(title, place.columns * place.width, plot["font_size"]))
    return figure


def _axes(figure: Figure, panels: int, place: Layout, fill: str) -> list[tuple[Axes, Axes]]:
    """For each panel the axes of accuracy and, below, of entropy; a row shares its scales.

    Panels go along the rows or along the columns; either way a row's first comes before the rest.
    """
    grid = figure.add_gridspec(2 * place.rows, place.columns, height_ratios=(2, 1) * place.rows)
    pairs: list[tuple[Axes, Axes]] = []
    firsts: dict[int, tuple[Axes, Axes]] = {}
    for i in range(panels):
        if fill == "rows":
            row, column = divmod(i, place.columns)
        else:
            column, row = divmod(i, place.rows)
        first = firsts.get(row, (None, None))
        top = figure.add_subplot(grid[2 * row, column], sharey=first[0])
        bottom = figure.add_subplot(grid[2 * row + 1, column], sharex=top, sharey=first[1])
        firsts.setdefault(row, (top, bottom))
        top.tick_params(labelbottom=False, labelleft=column == 0)
        bottom.tick_params(labelleft=column == 0)
        if column == 0:
            top.set_ylabel("test accuracy [%]")
            bottom.set_ylabel("entropy [bits]")
        pairs.append((top, bottom))
    return pairs


def _panel(
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
    marked = _marked(inside)
    dot = (3.0 if place.narrow else 4.5) if marked else 0.0
    symbol = 15 if not place.narrow and marked else 9
    for curve in inside:
        style = looks[curve.arm]
        _line(top, curve, 100 * curve.accuracy, style, band, dot)
        _line(bottom, curve, curve.entropy, style, band, dot)
        _star(top, curve, style, symbol)
    for curve in gated:
        _stops(top, curve, _twin(curve, inside), looks, symbol)
    if reference is not None:
        _phases(top, reference, numerals=True)
        _phases(bottom, reference, numerals=False)
    if inside:
        _sparsity_axis(bottom, max(float(curve.sparsity.max()) for curve in inside), place)


def _drawn(shown: list[Curve], params) -> list[Drawn]:
    """The arms of the curves, in the order of the study."""
    grids = {arm: tuple(map(tuple, grid)) for arm, _, grid in params.arms}
    return [
        Drawn(
            name,
            params.labels[name],
            frozenset(curve.panel for curve in shown if curve.arm == name),
            grids[name],
        )
        for name in dict.fromkeys(curve.arm for curve in shown)
    ]


def _marked(shown: list[Curve], panel: str | None = None) -> bool:
    """Whether points of a panel's curves are marked: not where that would be a crowd."""
    inside = [curve for curve in shown if panel in (None, curve.panel)]
    points = max((len(curve.sparsity) for curve in inside), default=0)
    return len(inside) <= FEW_CURVES or points <= FEW_POINTS


def _wrapped(title: str, width: float, font_size: float) -> str:
    """A title in lines that fit so many millimetres; a letter is about half as wide as high.

    Matplotlib makes it a fifth larger than the font.
    """
    return textwrap.fill(title, int(width / (0.6 * 1.2 * font_size / POINTS * MILLIMETRES)))


def _shown(all_curves: list[Curve]) -> list[Curve]:
    """The curves to draw: a gated one only where no curve to the wall holds its iterations."""
    whole = [curve for curve in all_curves if not curve.gated]
    return whole + [c for c in all_curves if c.gated and _twin(c, whole) is None]


def _twin(gated: Curve, whole: list[Curve]) -> Curve | None:
    """The drawn curve whose iterations a gated arm shares."""
    return next((c for c in whole if c.panel == gated.panel and c.runs == gated.runs), None)


def _reference(found: list[Finding]) -> Finding | None:
    """Whose phases are shaded: the arm of the deepest descent, the first where none descends."""
    return max(found, key=lambda f: f.judgement.descent.depth, default=None)


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
    x = [position(s) for s in finding.curve.sparsity]
    edges = [x[0], *((a + b) / 2 for a, b in itertools.pairwise(x)), x[-1]]
    runs: list[tuple[str, float, float]] = []
    for phase, left, right in zip(finding.phases, edges[:-1], edges[1:], strict=True):
        if runs and runs[-1][0] == phase:
            runs[-1] = (phase, runs[-1][1], right)
        else:
            runs.append((phase, left, right))
    if len(runs) == 1:
        return
    for phase, left, right in runs:
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
        room = millimetres * (position(ticks[-1]) - position(tick))
        if room >= letter * ((len(labels[tick]) + len(labels[ticks[-1]])) / 2 + 1):
            ticks.append(tick)
    axes.set_xticks([position(t) for t in ticks], [labels[t] for t in ticks])
    rest = "" if place.narrow else ", logarithmic in what remains"
    axes.set_xlabel(f"sparsity ζ [%]{rest}")


def _legend(looks: dict[str, Style], study: pd.DataFrame, *, markers: bool) -> list[Line2D]:
    """A line for each look, arms that look and are called alike having one, then the symbols."""
    handles = [
        Line2D(
            [],
            [],
            color=style.colour,
            marker=style.marker if markers else "none",
            linestyle=style.dash,
            label=style.label,
        )
        for style in dict.fromkeys(looks.values())
    ]
    black = {"color": "black", "linestyle": "none"}
    handles.append(Line2D([], [], marker="*", markersize=11, label="best of the curve", **black))
    policies = {slug.partition("-")[0] for slug in study["stopping"]}
    handles += [
        Line2D([], [], marker=marker, markersize=9, markeredgewidth=2, label=STOP_WORDS[p], **black)
        for p, marker in STOP_MARKERS.items()
        if p in policies
    ]
    return handles


def main(smk) -> None:
    """Write the figure in every format of the rule's outputs."""
    study = read_table(Path(smk.input[0]), STUDY).to_pandas()
    figure = draw(study, smk.params)
    for output in map(Path, smk.output):
        # The temporary file's name says nothing of its format, and no date makes it equal anew.
        fmt = output.suffix[1:]
        undated = {"svg": {"Date": None}}.get(fmt)
        with replacing(output) as temporary:
            figure.savefig(temporary, format=fmt, dpi=smk.params.plot["dpi"], metadata=undated)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
