"""The curves to explore in a browser: what is under the mouse, arms on and off."""

from __future__ import annotations

import base64
import gzip
import hashlib
from typing import TYPE_CHECKING

from panel import NUMERALS, TICKS, position
from styles import Layout, Style, drawn_arms, is_titled, layout_of, styles, title_of

from dsd2.analysis.html import policy
from dsd2.analysis.phases import Phase
from dsd2.analysis.registered import FIGURES, Page
from dsd2.analysis.summary import Curve, curves, drawn_findings, drawn_rows, shown_curves, twin_of
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_html

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.models import ColumnDataSource

SYMBOLS = {"o": "circle", "s": "square", "^": "triangle", "D": "diamond", "v": "inverted_triangle"}
"""Bokeh's names of matplotlib's markers; others are crosses."""
DASHES = {"-": "solid", "--": "dashed", "-.": "dashdot", ":": "dotted"}
"""Bokeh's names of matplotlib's dashes; others are long ones."""
QUANTITIES = (("accuracy", "test accuracy [%]", 380), ("entropy", "entropy [bits]", 220))
"""Column, title and height in pixels of the axes of a panel."""
TOOLTIPS = [
    ("arm", "$name"),
    ("iteration", "@iteration"),
    ("sparsity ζ", "@sparsity %"),
    ("test accuracy", "@accuracy{0.0} @accuracy_spread %"),
    ("entropy", "@entropy{0.000} @entropy_spread bits"),
    ("phase", "@phase"),
    ("gates", "@gates"),
]
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8">{policy}<title>{title}</title></head>
<body style="font-family: system-ui, sans-serif">
<h3>{title}</h3>
{div}
<script type="module">{unpack}</script>
</body>
</html>
"""
"""What a browser shows; two scripts alone may run in it."""
UNPACK = """
const packed = Uint8Array.from(atob("{packed}"), letter => letter.charCodeAt(0));
const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const script = document.createElement("script");
script.textContent = await new Response(stream).text();
document.body.append(script);
"""
"""What unpacks and runs Bokeh with the curves."""
Stops = dict[tuple[str, str], dict[int, list[str]]]
"""What is said of gates, by panel and arm, and by iteration."""


@FIGURES.register("explorer")
class Explorer(Page):
    """The curves of the figure sdd, to explore with the mouse."""

    heading = "Figure 2: the same, to explore with the mouse"
    caption = """
The curves of Figure 1. Under the mouse each point says its sparsity, test accuracy and entropy
(mean and sample deviation over seeds), its phase (none where a gate cut the curve short, or the
verdict supports none), and which gates ended seeds there. A click on an arm in the legend hides it
or brings it back; dragging moves the curves, and the tools above them zoom and go back.
"""
    file = "sdd"
    every_arm = True

    def draw(self, study: pd.DataFrame, view: StudyView) -> str:
        """See :func:`page`."""
        return page(title_of(study, view), draw(study, view))


def draw(study: pd.DataFrame, view: StudyView):
    """The whole figure: panels as in the static one, entropy below accuracy, one legend for all."""
    from bokeh.layouts import gridplot
    from bokeh.models import Legend, LegendItem

    found, study = drawn_findings(study, view), drawn_rows(study, view)
    every = curves(study)
    shown = shown_curves(every)
    looks = styles(drawn_arms(shown, view))
    phases = {(f.curve.panel, f.curve.arm): f.supported_phases for f in found}
    stops = _stops(every, shown, view.labels)
    place = layout_of(len(view.panels), view.plot)
    cells, renderers = _empty(place), {}
    for i, (panel, label) in enumerate(view.panels.items()):
        row, column = place.cell(i, view.plot["fill"])
        inside = [curve for curve in shown if curve.panel == panel]
        pair = _axes(label if is_titled(panel) else "", max(c.sparsity.max() for c in inside))
        for curve in inside:
            key = (panel, curve.arm)
            points = _points(curve, phases.get(key), stops.get(key, {}))
            for axes, (quantity, _, _) in zip(pair, QUANTITIES, strict=True):
                drawn = _curve(axes, points, quantity, looks[curve.arm])
                renderers.setdefault(curve.arm, []).extend(drawn)
        cells[2 * row][column], cells[2 * row + 1][column] = pair
    items = [LegendItem(label=looks[arm].label, renderers=own) for arm, own in renderers.items()]
    ncols = place.columns_of_legend([looks[arm].label for arm in renderers])
    legend = Legend(items=items, click_policy="hide", ncols=ncols, orientation="horizontal")
    cells[0][0].add_layout(legend, "above")
    return gridplot(cells, sizing_mode="stretch_width", toolbar_options={"logo": None})


def _empty(place: Layout) -> list[list]:
    return [[None] * place.columns for _ in range(2 * place.rows)]


def _axes(title: str, highest: float) -> list:
    """A panel's axes of accuracy and of entropy, which move together in sparsity."""
    from bokeh.models import FixedTicker, HoverTool, PlainText, Title
    from bokeh.plotting import figure

    pair = []
    for k, (_, name, height) in enumerate(QUANTITIES):
        shared = {"x_range": pair[0].x_range} if pair else {}
        axes = figure(
            height=height,
            # In other text, Bokeh takes dollar signs for formulas.
            title=None if k else Title(text=PlainText(text=title)),
            y_axis_label=name,
            tools="pan,wheel_zoom,box_zoom,reset",
            **shared,
        )
        axes.add_tools(HoverTool(renderers=[], tooltips=TOOLTIPS, visible=False))
        ticks = {position(t): f"{100 * t:g}" for t in TICKS if t <= highest}
        axes.xaxis.ticker = FixedTicker(ticks=list(ticks))
        axes.xaxis.major_label_overrides = ticks
        axes.xaxis.axis_label = "sparsity ζ [%]" if k else None
        pair.append(axes)
    return pair


def _stops(every: list[Curve], shown: list[Curve], labels: dict[str, str]) -> Stops:
    """Where gates stopped the seeds of an arm, along the curve that is drawn of it."""
    stops: Stops = {}
    for curve in every:
        if curve.gated:
            along = twin_of(curve, shown) or curve
            of_arm = stops.setdefault((along.panel, along.arm), {})
            for last in sorted(set(curve.stops)):
                share = f"{curve.stops.count(last)} of {len(curve.stops)} seeds"
                of_arm.setdefault(last, []).append(f"{labels[curve.arm]}: {share} end here")
    return stops


def _points(
    curve: Curve, phases: list[Phase | None] | None, stops: dict[int, list[str]]
) -> ColumnDataSource:
    """What is drawn and said of each point of a curve."""
    from bokeh.models import ColumnDataSource

    iterations = list(curve.sparsity.index)
    named = [f"{phase} ({NUMERALS[phase]})" if phase else "–" for phase in phases or []]
    return ColumnDataSource(
        {
            "x": [round(position(s), 4) for s in curve.sparsity],
            "iteration": iterations,
            "sparsity": [f"{100 * s:.2f}" for s in curve.sparsity],
            "accuracy": (100 * curve.accuracy.mean(axis=1)).round(3).tolist(),
            "accuracy_spread": _spread(100 * curve.accuracy, 1),
            "entropy": curve.entropy.mean(axis=1).round(5).tolist(),
            "entropy_spread": _spread(curve.entropy, 3),
            "phase": named or ["–"] * len(iterations),
            "gates": ["; ".join(stops.get(i, ["–"])) for i in iterations],
        }
    )


def _spread(seeds: pd.DataFrame, digits: int) -> list[str]:
    if seeds.shape[1] < 2:
        return [""] * len(seeds)
    return [f"± {value:.{digits}f}" for value in seeds.std(axis=1)]


def _curve(axes, points: ColumnDataSource, quantity: str, look: Style) -> list:
    """Draw one quantity of a curve; the axes' hover tool says what its points are."""
    from bokeh.models import HoverTool, Line, Scatter

    line = Line(
        x="x",
        y=quantity,
        line_color=look.colour,
        line_dash=DASHES.get(str(look.dash), [8, 3]),
        line_width=2,
    )
    dots = Scatter(
        x="x",
        y=quantity,
        marker=SYMBOLS.get(look.marker, "cross"),
        size=9,
        line_color=look.colour,
        fill_color=look.colour,
    )
    # Without the looks of glyphs that are not selected, which nothing here can be.
    plain = {"nonselection_glyph": None, "muted_glyph": None, "hover_glyph": None}
    drawn = [axes.add_glyph(points, glyph, name=look.label, **plain) for glyph in (line, dots)]
    axes.select_one(HoverTool).renderers.append(drawn[1])
    return drawn


def page(title: str, drawing) -> str:
    """A page with all that it needs inside, small enough to be shown in Snakemake's report.

    There a page is a ``data:`` address, of which Chrome takes 2 MB: Bokeh alone nearly fills that,
    so its script and the curves are packed.
    """
    from bokeh.embed import components
    from bokeh.resources import Resources

    script, div = components(drawing, wrap_script=False)
    code = "\n".join([*Resources(mode="inline", components=["bokeh"]).js_raw, script])
    packed = base64.b64encode(gzip.compress(code.encode(), mtime=0)).decode()
    unpack = UNPACK.format(packed=packed)
    scripts = " ".join(f"'sha256-{_sha256(script)}'" for script in (unpack, code))
    allowed = (f"script-src {scripts}", "style-src 'unsafe-inline'", "img-src data:")
    return PAGE.format(title=escape_html(title), div=div, unpack=unpack, policy=policy(*allowed))


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
