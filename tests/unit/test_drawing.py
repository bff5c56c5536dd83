"""What the figure and the tables show of a study made by hand."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from figure import COLOURS, NUMERALS, draw, position
from tables import phases_markdown, stopping_markdown
from test_summary import LABELS, study  # noqa: F401 - a fixture

from dsd2.analysis.summary import findings, phases_table, stopping_table

PARAMS = SimpleNamespace(
    title="A title that is long enough to be set in more than a single line of the figure",
    panels={"all": "all"},
    labels=LABELS,
    arms=["vanilla", "student", "gated"],
    analysis={"tolerance": 0.02, "confidence": 0.9},
    plot={"width": 100, "height": 60, "dpi": 50, "font_size": 9, "band": "deviation"},
)


@pytest.fixture
def figure(study):  # noqa: F811
    drawn = draw(study, PARAMS)
    yield drawn
    plt.close(drawn)


def markers(axes, kind):
    return [line for line in axes.lines if line.get_marker() == kind]


def test_the_curves_to_the_wall_are_drawn_and_each_has_its_star(figure):
    top, bottom = figure.axes
    curves = [line for line in top.lines if len(line.get_xdata()) > 1]
    assert [line.get_color() for line in curves] == list(COLOURS[:2])
    assert curves[0].get_ydata() == pytest.approx([80, 65, 78, 20])
    assert curves[0].get_xdata() == pytest.approx([position(1 - 0.5**i) for i in range(4)])
    assert len([line for line in bottom.lines if len(line.get_xdata()) > 1]) == 2
    stars = {star.get_color(): star.get_ydata()[0] for star in markers(top, "*")}
    assert stars == {COLOURS[0]: pytest.approx(80), COLOURS[1]: pytest.approx(82)}


def test_a_gates_stops_are_marked_on_its_twin(figure):
    stops = markers(figure.axes[0], "x")
    assert {stop.get_color() for stop in stops} == {COLOURS[1]}
    assert sorted(stop.get_xdata()[0] for stop in stops) == pytest.approx(
        [position(0.5), position(0.75)]
    )


def test_the_phases_are_those_of_the_curve_that_descends(figure):
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == list(NUMERALS.values())


def test_an_arm_that_is_not_to_be_shown_is_not(study):  # noqa: F811
    alone = SimpleNamespace(**{**vars(PARAMS), "arms": ["student"]})
    drawn = draw(study, alone)
    assert len([line for line in drawn.axes[0].lines if len(line.get_xdata()) > 1]) == 1
    assert [text.get_text() for text in drawn.axes[0].texts] == ["I", "IV"]
    plt.close(drawn)


def test_table_1_for_people(study):  # noqa: F811
    text = stopping_markdown(stopping_table(study, 0.9, LABELS), {"all": "all"}, 0.9)
    cells = [[c.strip() for c in line.split("|")] for line in text.splitlines() if "Gated" in line]
    (row,) = cells
    assert row[2:6] == ["entropy", "✓", "✓", "2.7"]
    assert row[6] == "2.67 (+4.00)"
    assert "GFLOP" in text
    assert "81.67 ± " in row[9]
    assert "3 seeds" in text


def test_verdicts_for_people(study):  # noqa: F811
    table = phases_table(findings(study, 0.02, 0.9), LABELS)
    text = phases_markdown(table, {"all": "all"}, 0.02)
    (vanilla,) = (line for line in text.splitlines() if "Vanilla" in line)
    assert "exhibits" in vanilla
    assert "13.00 (13.00 to 13.00)" in vanilla
