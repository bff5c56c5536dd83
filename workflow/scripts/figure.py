"""Draw a study's figure: for each panel accuracy and, below it, entropy against sparsity."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from panel import STOP_MARKERS, draw_panel, is_marked
from saving import save, set_up, wrapped
from styles import (
    MILLIMETRES,
    POINTS,
    Layout,
    Style,
    drawn_arms,
    drawn_rows,
    layout_of,
    styles,
)

from dsd2.analysis.captions import curves_found
from dsd2.analysis.summary import Finding, curves, findings, shown_curves
from dsd2.analysis.table_format import Words
from dsd2.analysis.tables import phases_table
from dsd2.config.arms import ONLY_PANEL
from dsd2.files.atomic import write_text
from dsd2.script import logged, parameters
from dsd2.stages.study_metrics import read_study

STOP_WORDS = {"accuracy": "traditional stop", "entropy": "entropy-gated stop"}


def draw(study: pd.DataFrame, params) -> Figure:
    """The whole figure."""
    plot, panels = params.plot, params.panels
    set_up(plot["font_size"])
    study = drawn_rows(study, params.arms)
    found = findings(study, **params.analysis)
    every = curves(study)
    shown = shown_curves(every)
    looks = styles(drawn_arms(shown, params))
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
        if panel != ONLY_PANEL:
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
    title = params.title
    if study["origin"].str.startswith("stand-in").any():
        title = f"{title} (stand-in data)"
    figure.suptitle(wrapped(title, place.columns * place.width, plot["font_size"]))
    return figure


def _axes(figure: Figure, panels: int, place: Layout, fill: str) -> list[tuple[Axes, Axes]]:
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
    """Whose phases are shaded: the arm of the deepest descent, the first where none descends."""
    return max(found, key=lambda f: f.judgement.descent.depth, default=None)


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
    """Write the figure in every format of the rule's outputs, and what it shows for the caption."""
    params = parameters(smk.params)
    study = read_study(Path(smk.input[0]), smk.wildcards.study)
    save(draw(study, params), smk.output.figures, params.plot["dpi"])
    found = phases_table(findings(drawn_rows(study, params.arms), **params.analysis))
    words = Words(params.labels, params.panels, **params.analysis)
    write_text(Path(smk.output.found), curves_found(found, words))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
