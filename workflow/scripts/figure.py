"""Draw a study's figure: accuracy and entropy against sparsity, one column a panel."""

import itertools
import math
import textwrap
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dsd2.analysis.summary import Curve, Finding, curves, findings
from dsd2.files.atomic import replacing
from dsd2.files.records import STUDY, read_table

# Okabe and Ito's colours, told apart by the colour-blind; markers and dashes tell apart in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
STOP_MARKERS = {"accuracy": "|", "entropy": "x"}
STOP_WORDS = {"accuracy": "traditional stop", "entropy": "entropy-gated stop"}
SHADES = {"light": "#FFFFFF", "critical": "#E3E3E3", "sweet": "#F3F3F3", "collapsed": "#D0D0D0"}
NUMERALS = {"light": "I", "critical": "II", "sweet": "III", "collapsed": "IV"}
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
MILLIMETRES = 25.4
"""In an inch."""
POINTS = 72
"""In an inch."""


@dataclass(frozen=True)
class Style:
    """How one arm is drawn."""

    colour: str
    marker: str
    dash: object
    label: str


def position(sparsity: float) -> float:
    """Where a sparsity lies on the axis: even steps for even factors of what remains."""
    return -math.log10(max(1.0 - sparsity, 1e-9))


def draw(study: pd.DataFrame, params) -> Figure:
    """The whole figure."""
    plot, analysis = params.plot, params.analysis
    plt.rcParams.update(
        {"font.size": plot["font_size"], "svg.fonttype": "none", "svg.hashsalt": "dsd2"}
    )
    study = study[study["arm"].isin(params.arms)]
    found = findings(study, analysis["tolerance"], analysis["confidence"])
    shown = _shown(curves(study))
    styles = _styles(shown, params.labels)
    panels = params.panels
    figure, axes = plt.subplots(
        2,
        len(panels),
        sharex="col",
        sharey="row",
        squeeze=False,
        height_ratios=(2, 1),
        figsize=(
            len(panels) * plot["width"] / MILLIMETRES,
            1.5 * plot["height"] / MILLIMETRES + 0.19 * (len(styles) + 3) / 2 + 0.5,
        ),
        layout="constrained",
    )
    for column, (panel, label) in enumerate(panels.items()):
        inside = [curve for curve in shown if curve.panel == panel]
        top, bottom = axes[0, column], axes[1, column]
        reference = _reference([f for f in found if f.curve.panel == panel])
        for curve in inside:
            style = styles[curve.arm]
            _accuracy(top, curve, style, plot["band"])
            _entropy(bottom, curve, style, plot["band"])
        for curve in curves(study):
            if curve.panel == panel and curve.gated:
                _stops(top, curve, _twin(curve, inside), styles)
        if reference is not None:
            _phases(top, reference, numerals=True)
            _phases(bottom, reference, numerals=False)
        _sparsity_axis(bottom, max(float(curve.sparsity.max()) for curve in inside))
        if len(panels) > 1:
            top.set_title(label, pad=16)
        if column == 0:
            top.set_ylabel("test accuracy [%]")
            bottom.set_ylabel("entropy [bits]")
    figure.legend(
        handles=_legend(styles, study), loc="outside lower center", ncols=2, frameon=False
    )
    figure.suptitle(_wrapped(params.title, len(panels) * plot["width"], plot["font_size"]))
    return figure


def _wrapped(title: str, width: float, font_size: float) -> str:
    """A title in lines that fit so many millimetres; a letter is about half as wide as high."""
    return textwrap.fill(title, int(width / (0.6 * font_size / POINTS * MILLIMETRES)))


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


def _styles(shown: list[Curve], labels: dict[str, str]) -> dict[str, Style]:
    names = list(dict.fromkeys(curve.arm for curve in shown))
    return {
        name: Style(
            COLOURS[i % len(COLOURS)],
            MARKERS[i % len(MARKERS)],
            DASHES[i % len(DASHES)],
            labels[name],
        )
        for i, name in enumerate(names)
    }


def _accuracy(axes: Axes, curve: Curve, style: Style, band: str) -> None:
    mean = 100 * curve.accuracy.mean(axis=1)
    x = [position(s) for s in curve.sparsity]
    _line(axes, x, 100 * curve.accuracy, style, band)
    best = int(mean.to_numpy().argmax())
    axes.plot(
        x[best],
        mean.iloc[best],
        marker="*",
        markersize=15,
        color=style.colour,
        markeredgecolor="black",
        linestyle="none",
        zorder=5,
    )


def _entropy(axes: Axes, curve: Curve, style: Style, band: str) -> None:
    _line(axes, [position(s) for s in curve.sparsity], curve.entropy, style, band)


def _line(axes: Axes, x: list[float], seeds: pd.DataFrame, style: Style, band: str) -> None:
    mean = seeds.mean(axis=1)
    axes.plot(
        x, mean, color=style.colour, marker=style.marker, linestyle=style.dash, markersize=4.5
    )
    if seeds.shape[1] < 2 or band == "none":
        return
    low, high = seeds.min(axis=1), seeds.max(axis=1)
    if band == "deviation":
        deviation = seeds.std(axis=1)
        low, high = mean - deviation, mean + deviation
    axes.fill_between(x, low, high, color=style.colour, alpha=0.15, linewidth=0)


def _stops(axes: Axes, gated: Curve, twin: Curve | None, styles: dict[str, Style]) -> None:
    """Mark where the gate stopped each seed, on the curve that goes on."""
    along = twin or gated
    mean = 100 * along.accuracy.mean(axis=1)
    for stop in sorted(set(gated.stops)):
        if stop in mean.index:
            axes.plot(
                position(float(along.sparsity[stop])),
                mean[stop],
                marker=STOP_MARKERS[gated.stopping.partition("-")[0]],
                markersize=15,
                markeredgewidth=2.2,
                color=styles[along.arm].colour,
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


def _sparsity_axis(axes: Axes, highest: float) -> None:
    ticks = [tick for tick in TICKS if position(tick) <= position(highest) + 0.1]
    axes.set_xticks([position(t) for t in ticks], [f"{100 * t:g}" for t in ticks])
    axes.set_xlabel("sparsity ζ [%], logarithmic in what remains")


def _legend(styles: dict[str, Style], study: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=s.colour, marker=s.marker, linestyle=s.dash, label=s.label)
        for s in styles.values()
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
    with Path(snakemake.log[0]).open("w") as log, redirect_stderr(log):
        main(snakemake)
