"""Sparse double descent: for each panel accuracy and, below it, entropy against sparsity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from panel import STOP_MARKERS, draw_panel, is_marked
from styles import (
    MILLIMETRES,
    POINTS,
    Layout,
    Style,
    drawn_arms,
    is_titled,
    layout_of,
    styles,
    title_of,
)

from dsd2.analysis.captions import Row, baseline_found, interval, name_of, rows_of, rst_list
from dsd2.analysis.registered import FIGURES, Figure
from dsd2.analysis.summary import Finding, curves, drawn_findings, drawn_rows, shown_curves
from dsd2.analysis.table_format import absent, minus, percent
from dsd2.analysis.tables.phases import phase_numbers
from dsd2.analysis.verdicts import DESCENDS
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_rst

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib import figure as drawing
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

STOP_LABELS = {"accuracy": "traditional stop", "entropy": "entropy-gated stop"}


@FIGURES.register("sdd")
class SddFigure(Figure):
    """Test accuracy and entropy against sparsity, with phases and stops (Fig. 1)."""

    heading = "Figure 1: accuracy and entropy against sparsity"
    every_arm = True
    caption = """
Test accuracy (top) and mean entropy of the ReLU neurons' on/off states over the training set
(bottom) against sparsity ζ, the fraction of prunable weights that are zero. Lines are means over
seeds; the band around each is the {band} over seeds. The axis is logarithmic in the weights that
remain. A star marks the best mean of a curve; crosses and bars mark where a gate stopped a seed.
Shades and numerals are the phases of the curve that descends deepest: light (I), critical (II),
sweet (III), collapsed (IV). Critical and sweet phase are shaded only where the verdict on that
curve is that it exhibits or reduces sparse double descent. The collapse is the final fall, which
the curve never recovers from; a plateau before it is not collapsed. A difference of {tolerance}
points of accuracy does not count. A curve that a gate cut short has no phases.
"""

    def draw(self, study: pd.DataFrame, view: StudyView) -> drawing.Figure:
        """See :func:`draw`."""
        return draw(study, view)

    def found(self, study: pd.DataFrame, view: StudyView) -> str:
        """See :func:`curves_found` and :func:`baseline_found`."""
        numbers = phase_numbers(drawn_findings(study, view), view.confidence)
        return curves_found(numbers, view) + baseline_found(drawn_rows(study, view), view)


def draw(study: pd.DataFrame, view: StudyView) -> drawing.Figure:
    """The whole figure."""
    import matplotlib.pyplot as plt
    from saving import wrapped

    plot, panels = view.plot, view.panels
    found, study = drawn_findings(study, view), drawn_rows(study, view)
    every = curves(study)
    shown = shown_curves(every)
    looks = styles(drawn_arms(shown, view))
    place = layout_of(len(panels), plot)
    handles = _legend(looks, study, markers=any(is_marked(shown, panel) for panel in panels))
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
        if is_titled(panel):
            axes[0].set_title(label, pad=2 * place.font_size, fontsize=place.font_size)
        draw_panel(
            axes,
            [curve for curve in shown if curve.panel == panel],
            [curve for curve in every if curve.panel == panel and curve.gated],
            _reference([f for f in found if f.curve.panel == panel]),
            looks,
            place,
            plot["band"],
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns, frameon=False)
    title = title_of(study, view)
    figure.suptitle(wrapped(title, place.columns * place.width, plot["font_size"]))
    return figure


def _axes(figure: drawing.Figure, panels: int, place: Layout, fill: str) -> list[tuple[Axes, Axes]]:
    """For each panel the axes of accuracy and, below, of entropy; a row shares its scales.

    Whichever way panels go, a row's first comes before the rest.
    """
    grid = figure.add_gridspec(2 * place.rows, place.columns, height_ratios=(2, 1) * place.rows)
    pairs: list[tuple[Axes, Axes]] = []
    firsts: dict[int, tuple[Axes, Axes]] = {}
    for i in range(panels):
        row, column = place.cell(i, fill)
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


def _reference(found: list[Finding]) -> Finding | None:
    """Whose phases are shaded: the arm of the deepest valley, of those that descend if any does."""
    descends = [f for f in found if f.verdict.outcome in DESCENDS]
    return max(descends or found, key=lambda f: f.verdict.valley.depth, default=None)


def _legend(looks: dict[str, Style], study: pd.DataFrame, *, markers: bool) -> list[Line2D]:
    """A line for each look, arms that look and are called alike having one, then the symbols."""
    from matplotlib.lines import Line2D

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
        Line2D(
            [], [], marker=marker, markersize=9, markeredgewidth=2, label=STOP_LABELS[p], **black
        )
        for p, marker in STOP_MARKERS.items()
        if p in policies
    ]
    return handles


def curves_found(phases: pd.DataFrame, view: StudyView) -> str:
    """The verdict of every curve, with its depth, interval and turning points."""
    return rst_list(
        f"{name_of(row, view)} {_verdict(row, view)} {_course(row)}" for row in rows_of(phases)
    )


def _verdict(row: Row, view: StudyView) -> str:
    tolerance = f"{100 * view.tolerance:g} points"
    depth = f"the SDD depth is {_estimate(row, 'SDD depth', view)}"
    own = f"{_points(row['own depth'])} points"
    less = "" if absent(row["less twin"]) else f"{_estimate(row, 'less twin', view)}"
    twin = "" if absent(row["twin"]) else f"its twin's, that of {_label(row['twin'], view)}"
    if row["verdict"] == "exhibits":
        return f"**exhibits** sparse double descent: {depth}, all above {tolerance}."
    if row["verdict"] == "dodges":
        return (
            f"**dodges** sparse double descent: its depth less {twin}, is {less}, and its seeds'"
            f" own valleys are {own} deep, at most {tolerance} by a test of equivalence."
        )
    if row["verdict"] == "reduces":
        return (
            f"**reduces** sparse double descent: {depth}, less than half of {twin}; the difference"
            f" is {less}."
        )
    if row["verdict"] == "no descent":
        return f"has **no descent**: its seeds' own valleys are {own} deep, at most {tolerance}."
    return f"is **undecided**: {depth}{_why(row, view, own)}."


def _why(row: Row, view: StudyView, own: str) -> str:
    if row["seeds"] < 2:
        return "; one seed has no interval"
    if absent(row["SDD depth low"]):
        return f", the same in all {row['seeds']} seeds: it has no interval"
    tolerance = f"{100 * view.tolerance:g} points"
    return f", and its seeds' own valleys are {own} deep, which decides nothing at {tolerance}"


def _label(arm: str, view: StudyView) -> str:
    return escape_rst(view.labels[arm])


def _estimate(row: Row, name: str, view: StudyView) -> str:
    """An estimate in points, with its interval where it has one."""
    mean = f"{_points(row[name])} points"
    if absent(row[f"{name} low"]):
        return mean
    low, high = (_points(row[f"{name} {end}"]) for end in ("low", "high"))
    return f"{mean} ({interval(view)} {low} to {high} over {row['seeds']} seeds)"


def _course(row: Row) -> str:
    best = (
        f"the best mean is {percent(row['best accuracy'], 1)} % at ζ ="
        f" {percent(row['best sparsity'], 1)} %, in the {row['best phase']} phase"
    )
    dense = f"From {percent(row['dense accuracy'], 1)} % dense"
    if absent(row["valley accuracy"]):
        return f"{dense} its mean has no valley; {best}."
    return (
        f"{dense} it passes a valley of {percent(row['valley accuracy'], 1)} % at ζ ="
        f" {percent(row['valley sparsity'], 1)} %; {best}."
    )


def _points(value: float) -> str:
    return minus(percent(value, 1))
