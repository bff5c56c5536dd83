"""Baselines: accuracy against size and against training cost, with what nothing beats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styles import (
    COLOURS,
    DASHES,
    MARKERS,
    MILLIMETRES,
    POINTS,
    Layout,
    is_titled,
    layout_of,
    title_of,
)

from dsd2.analysis.baselines import COST, SIZE, arms_compared, on_front
from dsd2.analysis.captions import name_of, rows_of, rst_list
from dsd2.analysis.registered import FIGURES, Figure
from dsd2.analysis.summary import by_arm
from dsd2.analysis.table_format import absent, percent
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib import figure as drawing
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

AXES = {SIZE: "parameters that are not removed", COST: "training cost [dense trainings]"}
"""What the two axes of a panel show."""
Look = tuple[str, str, object]
"""Colour, marker and dash of an arm."""


@FIGURES.register("baselines")
class BaselinesFigure(Figure):
    """Accuracy of what arms return against its size, and against what it took."""

    heading = "Figure: baselines"
    caption = """
Test accuracy of the network that each arm returns, against its size (left) and against the cost of
getting it (right), in dense trainings of the panel's first arm; both axes are logarithmic. Points
are means over seeds, bars their {confidence} % intervals. A thin line is all of a pruned arm's
iterations. The grey steps join the arms that none beats in accuracy at lower cost: their means are
the best of many, and so flattered. The cost has all trainings of an arm, those of what teaches it
or judges its labels, and teachers' forward passes.
"""

    def draw(self, study: pd.DataFrame, view: StudyView) -> drawing.Figure:
        """See :func:`draw`."""
        return draw(study, view)

    def found(self, study: pd.DataFrame, view: StudyView) -> str:
        """The most accurate arm of each panel, with its size and cost."""
        compared = arms_compared(study, view.confidence)
        best = compared.loc[compared.groupby("panel", sort=False)["accuracy"].idxmax()]
        return rst_list(
            f"most accurate: {name_of(row, view)}, {percent(row['accuracy'], 1)} % with"
            f" {row[SIZE]:,.0f} parameters, at the cost of {row[COST]:.1f} dense trainings"
            for row in rows_of(best)
        )


def draw(study: pd.DataFrame, view: StudyView) -> drawing.Figure:
    """The whole figure: a row a panel."""
    import matplotlib.pyplot as plt
    from saving import wrapped

    compared = arms_compared(study, view.confidence)
    place = layout_of(2, view.plot)
    names = list(dict.fromkeys(compared["arm"]))
    looks = {name: _look(i) for i, name in enumerate(names)}
    columns = place.columns_of_legend(view.arm_labels(names))
    line = 1.6 * place.font_size / POINTS
    size = (
        2 * place.width / MILLIMETRES,
        len(view.panels) * (place.height / MILLIMETRES + 3 * line)
        + line * (-(-len(names) // columns) + 3),
    )
    figure = plt.figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(view.panels), 2, squeeze=False, sharey="row")
    for (panel, label), pair in zip(view.panels.items(), grid, strict=True):
        rows, own = compared[compared["panel"] == panel], study[study["panel"] == panel]
        for axes, cost in zip(pair, AXES, strict=True):
            _draw_axes(axes, rows, own, cost, looks, place)
        pair[0].set_ylabel("test accuracy [%]")
        if is_titled(panel):
            pair[0].set_title(label, loc="left", fontsize=place.font_size)
    figure.legend(
        handles=[_handle(looks[name], view.labels[name]) for name in names],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
    )
    figure.suptitle(wrapped(title_of(study, view), 2 * place.width, view.plot["font_size"]))
    return figure


def _draw_axes(
    axes: Axes,
    rows: pd.DataFrame,
    study: pd.DataFrame,
    cost: str,
    looks: dict[str, Look],
    place: Layout,
) -> None:
    """One panel's arms against one cost."""
    from matplotlib.ticker import LogLocator, NullFormatter
    from saving import plain_numbers

    axes.set_xscale("log")
    axes.set_xlabel(AXES[cost])
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if cost == SIZE else (1, 3)))
    axes.xaxis.set_major_formatter(plain_numbers())
    axes.xaxis.set_minor_formatter(NullFormatter())
    if cost == SIZE:
        for _, arm, own in by_arm(study):
            _chain(axes, own, looks[arm])
    front = rows.iloc[on_front(rows, cost)] if len(rows) else rows
    axes.step(
        front[cost], 100 * front["accuracy"], where="post", color="0.6", linewidth=3, zorder=1
    )
    for row in rows_of(rows):
        colour, marker, _ = looks[row["arm"]]
        half = row["accuracy interval"]
        axes.errorbar(
            row[cost],
            100 * row["accuracy"],
            yerr=None if absent(half) else 100 * half,
            color=colour,
            marker=marker,
            markersize=5 if place.narrow else 7,
            markeredgecolor="black" if row["arm"] in set(front["arm"]) else colour,
            elinewidth=0.6,
            linestyle="none",
            zorder=3,
        )
    # Intervals of three seeds are wide: what is drawn is chosen by the points.
    if len(rows):
        low, high = 100 * rows["accuracy"].min(), 100 * rows["accuracy"].max()
        margin = 0.1 * (high - low) + 1
        axes.set_ylim(low - margin, high + margin)


def _look(place: int) -> Look:
    """How an arm looks; of as many as there are colours and markers, none has both of another's."""
    again = place // len(COLOURS)
    marker = MARKERS[(place + again) % len(MARKERS)]
    return COLOURS[place % len(COLOURS)], marker, DASHES[again % len(DASHES)]


def _chain(axes: Axes, own: pd.DataFrame, look: Look) -> None:
    """All iterations of an arm that every seed reached, where it has several."""
    reached = own.groupby("seed")["iteration"].max().min()
    left = own["parameters"] - own["prunable"] * own["sparsity"]
    kept = own.assign(left=left)[own["iteration"] <= reached]
    mean = kept.groupby("iteration")[["left", "test_accuracy"]].mean()
    if len(mean) > 1:
        colour, _, dash = look
        accuracy = 100 * mean["test_accuracy"]
        axes.plot(mean["left"], accuracy, color=colour, linestyle=dash, linewidth=0.9, zorder=2)


def _handle(look: Look, label: str) -> Line2D:
    from matplotlib.lines import Line2D

    colour, marker, dash = look
    return Line2D([], [], color=colour, marker=marker, linestyle=dash, linewidth=0.9, label=label)
