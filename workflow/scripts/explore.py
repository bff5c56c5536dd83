"""Draw a study's figure to explore in a browser: what is under the mouse, arms on and off."""

import itertools
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from panel import TICKS, position
from plotly.subplots import make_subplots
from styles import Layout, Style, drawn_arms, drawn_rows, layout_of, styles

from dsd2.analysis.phases import Phase
from dsd2.analysis.summary import Curve, curves, findings, shown_curves, twin_of
from dsd2.config.study import ONLY_PANEL
from dsd2.files.atomic import write_text
from dsd2.files.records import STUDY, read_table
from dsd2.script import logged

SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down"}
"""Plotly's names of matplotlib's markers; others are crosses."""
DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
"""Plotly's names of matplotlib's dashes; others are long ones."""
PAIR = 480
"""Pixels of a panel's accuracy and entropy together."""
QUANTITIES = (("accuracy", "test accuracy [%]", 100), ("entropy", "entropy [bits]", 1))
Stops = dict[tuple[str, str], dict[int, list[str]]]
"""What is said of gates, by panel and arm, and by iteration."""


def draw(study: pd.DataFrame, params) -> go.Figure:
    """The whole figure: rows of panels, entropy below accuracy, one legend for all."""
    study = drawn_rows(study, params.arms)
    every = curves(study)
    shown = shown_curves(every)
    looks = styles(drawn_arms(shown, params))
    found = findings(study, **params.analysis)
    phases = {(f.curve.panel, f.curve.arm): f.phases for f in found}
    stops = _stops(every, shown, params.labels)
    place = layout_of(len(params.panels), params.plot)
    figure = _subplots(place, params)
    listed: set[str] = set()
    for i, panel in enumerate(params.panels):
        row, column = place.cell(i, params.plot["fill"])
        inside = [curve for curve in shown if curve.panel == panel]
        for curve in inside:
            key, look = (panel, curve.arm), looks[curve.arm]
            texts = _texts(curve, look.label, phases.get(key), stops.get(key, {}))
            for k, (quantity, _, factor) in enumerate(QUANTITIES, start=1):
                trace = _trace(curve, factor * getattr(curve, quantity), look, texts)
                trace.showlegend = curve.arm not in listed
                listed.add(curve.arm)
                figure.add_trace(trace, row=2 * row + k, col=column + 1)
        _sparsity_axes(figure, row, column, max(curve.sparsity.max() for curve in inside))
    stand_in = study["origin"].str.startswith("stand-in").any()
    figure.update_layout(
        title=params.title + (" (stand-in data)" if stand_in else ""),
        template="plotly_white",
        height=PAIR * place.rows + 160,
        hovermode="closest",
        legend={"orientation": "h", "y": -0.15 / place.rows, "yanchor": "top"},
    )
    return figure


def _subplots(place: Layout, params) -> go.Figure:
    """Empty axes, the panels' titles above their accuracy."""
    titles = {}
    for i, (name, label) in enumerate(params.panels.items()):
        row, column = place.cell(i, params.plot["fill"])
        titles[2 * row, column] = "" if name == ONLY_PANEL else label
    cells = itertools.product(range(2 * place.rows), range(place.columns))
    figure = make_subplots(
        rows=2 * place.rows,
        cols=place.columns,
        row_heights=[2, 1] * place.rows,
        subplot_titles=[titles.get(cell, "") for cell in cells],
        horizontal_spacing=0.2 / place.columns,
        vertical_spacing=0.14 / place.rows,
    )
    for row in range(place.rows):
        for k, (_, title, _) in enumerate(QUANTITIES, start=1):
            figure.update_yaxes(title_text=title, row=2 * row + k, col=1)
    return figure


def _stops(every: list[Curve], shown: list[Curve], labels: dict) -> Stops:
    """Where gates stopped the seeds of an arm, along the curve that is drawn of it."""
    stops: Stops = {}
    for curve in every:
        if curve.gated:
            along = twin_of(curve, shown) or curve
            words = stops.setdefault((along.panel, along.arm), {})
            for last in sorted(set(curve.stops)):
                share = f"{curve.stops.count(last)} of {len(curve.stops)} seeds"
                words.setdefault(last, []).append(f"{labels[curve.arm]}: ends here ({share})")
    return stops


def _trace(curve: Curve, seeds: pd.DataFrame, look: Style, texts: list[str]) -> go.Scatter:
    """One quantity of a curve; arms are switched on and off by their group in the legend."""
    return go.Scatter(
        x=[position(s) for s in curve.sparsity],
        y=seeds.mean(axis=1),
        error_y=_bars(seeds, look.colour),
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        mode="lines+markers",
        name=look.label,
        legendgroup=curve.arm,
        line={"color": look.colour, "dash": DASHES.get(str(look.dash), "longdash")},
        marker={"symbol": SYMBOLS.get(look.marker, "cross"), "size": 8},
    )


def _bars(seeds: pd.DataFrame, colour: str) -> dict | None:
    """The sample deviation over seeds."""
    if seeds.shape[1] < 2:
        return None
    return {"array": seeds.std(axis=1), "color": colour, "thickness": 1, "width": 3}


def _texts(
    curve: Curve, label: str, phases: list[Phase] | None, stops: dict[int, list[str]]
) -> list[str]:
    """What is said of each point under the mouse."""
    texts = []
    for k, (i, sparsity) in enumerate(curve.sparsity.items()):
        lines = [
            f"<b>{label}</b>, iteration {i}",
            f"sparsity ζ = {100 * sparsity:.2f} %",
            f"test accuracy {_mean(100 * curve.accuracy.loc[i], 1)} %",
            f"entropy {_mean(curve.entropy.loc[i], 3)} bits",
            *([f"{phases[k]} phase"] if phases is not None else []),
            *stops.get(i, []),
        ]
        texts.append("<br>".join(lines))
    return texts


def _mean(seeds: pd.Series, digits: int) -> str:
    if len(seeds) < 2:
        return f"{seeds.iloc[0]:.{digits}f}"
    return f"{seeds.mean():.{digits}f} ± {seeds.std():.{digits}f}"


def _sparsity_axes(figure: go.Figure, row: int, column: int, highest: float) -> None:
    """Ticks of a panel's two axes of sparsity at familiar values."""
    ticks = [tick for tick in TICKS if position(tick) <= position(highest) + 0.1]
    for k in (1, 2):
        figure.update_xaxes(
            tickvals=[position(t) for t in ticks],
            ticktext=[f"{100 * t:g}" for t in ticks],
            title_text="sparsity ζ [%]" if k == 2 else "",
            row=2 * row + k,
            col=column + 1,
        )


def main(smk) -> None:
    """Write the page, with all that it needs inside."""
    study = read_table(Path(smk.input[0]), STUDY).to_pandas()
    page = draw(study, smk.params).to_html(
        include_plotlyjs=True,
        div_id="figure",
        config={"responsive": True, "displaylogo": False},
    )
    write_text(Path(smk.output[0]), page)


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        main(snakemake)
