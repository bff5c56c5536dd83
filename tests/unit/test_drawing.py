"""What the figure shows of a study made by hand."""

import figure as script
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from bokeh.models import PlainText
from figures import explorer
from figures.layers import layers_found
from panel import NUMERALS, position
from rows import LABELS, TWINS
from styles import COLOURS, DASHES, Drawn, styles

from dsd2.analysis.captions import filled_in
from dsd2.analysis.layers import layer_curves
from dsd2.analysis.registered import FIGURES
from dsd2.analysis.view import StudyView

VIEW = StudyView.part(
    title="A title that is long enough to be set in more than a single line of the figure",
    panels={"all": "all"},
    labels=LABELS,
    drawn=[("vanilla", "all", ()), ("student", "all", ()), ("gated", "all", ())],
    twins=TWINS,
    analysis={"tolerance": 0.02, "confidence": 0.9},
    plot={
        "columns": 4,
        "fill": "rows",
        "width": 100,
        "height": 60,
        "dpi": 50,
        "font_size": 9,
        "band": "deviation",
    },
)


def changed(**changes):
    return StudyView.part(**{**vars(VIEW), **changes})


def draw(study, view, name="sdd"):
    """As the rule does."""
    figure = FIGURES[name]()
    return script.draw(figure, script.rows_for(figure, study, view), view)


@pytest.fixture
def figure(study):
    drawn = draw(study, VIEW)
    yield drawn
    plt.close(drawn)


def markers(axes, kind):
    return [line for line in axes.lines if line.get_marker() == kind]


def test_the_curves_to_the_target_sparsity_are_drawn_and_each_has_its_star(figure):
    top, bottom = figure.axes
    curves = [line for line in top.lines if len(line.get_xdata()) > 1]
    assert [line.get_color() for line in curves] == list(COLOURS[:2])
    assert curves[0].get_ydata() == pytest.approx([80, 65, 78, 20])
    assert curves[0].get_xdata() == pytest.approx([position(1 - 0.5**i) for i in range(4)])
    assert len([line for line in bottom.lines if len(line.get_xdata()) > 1]) == 2
    stars = {star.get_color(): star.get_ydata()[0] for star in markers(top, "*")}
    assert stars == {COLOURS[0]: pytest.approx(80), COLOURS[1]: pytest.approx(82)}


@pytest.mark.slow
def test_a_gates_stops_are_marked_on_its_twin(figure):
    stops = markers(figure.axes[0], "x")
    assert {stop.get_color() for stop in stops} == {COLOURS[1]}
    assert sorted(stop.get_xdata()[0] for stop in stops) == pytest.approx(
        [position(0.5), position(0.75)]
    )


def test_the_phases_are_those_of_the_curve_that_descends(figure):
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == list(NUMERALS.values())


def test_an_arm_that_is_not_to_be_shown_is_not(study):
    alone = changed(drawn=[("student", "all", ())])
    drawn = draw(study, alone)
    assert len([line for line in drawn.axes[0].lines if len(line.get_xdata()) > 1]) == 1
    assert [text.get_text() for text in drawn.axes[0].texts] == ["I", "IV"]
    plt.close(drawn)


def test_a_descent_that_no_verdict_supports_has_no_shades(study):
    shallow = (study["arm"] == "vanilla") & (study["iteration"] == 1)
    for depth, numerals in ((0.0, ["I", "II", "III", "IV"]), (0.1, ["I", "IV"])):
        # The valley of one seed is less deep, the more so the less certain it is.
        accuracy = study["test_accuracy"].where(~shallow | (study["seed"] > 0), 0.65 + depth)
        drawn = draw(study.assign(test_accuracy=accuracy), VIEW)
        assert [text.get_text() for text in drawn.axes[0].texts] == numerals
        plt.close(drawn)


def test_an_arm_that_is_not_drawn_is_a_twin_all_the_same(study):
    alone = changed(drawn=[("student", "all", ())])
    text = FIGURES["sdd"]().found(study, alone)
    assert text.startswith("* Student **dodges**")
    assert text.count("\n*") == 0


@pytest.mark.slow
def test_networks_without_relu_are_drawn_without_entropy(study):
    bare = study.assign(
        entropy=float("nan"), states=[[]] * len(study), state_entropy=[[]] * len(study)
    )
    drawn = draw(bare, VIEW)
    assert len([line for line in drawn.axes[0].lines if len(line.get_xdata()) > 1]) == 2
    plt.close(drawn)
    draw(bare, VIEW, "explorer")
    plt.close(draw(bare, VIEW, "layers"))
    assert (
        layers_found(layer_curves(bare), VIEW).count("it has no ReLU layer, and so no entropy") == 2
    )


def in_panels(study, panels, **changes):
    """The study once in each panel, drawn."""
    whole = pd.concat([study.assign(panel=panel) for panel in panels])
    arms = [(arm, panel, ()) for panel in panels for arm in ("vanilla", "student", "gated")]
    labels = {panel: panel.upper() for panel in panels}
    return draw(whole, changed(**{"panels": labels, "drawn": arms, **changes}))


@pytest.mark.slow
def test_panels_wrap_into_rows_of_pairs(study):
    drawn = in_panels(study, "abcde", plot={**VIEW.plot, "columns": 3, "width": None})
    tops, bottoms = drawn.axes[::2], drawn.axes[1::2]
    assert [axes.get_title() for axes in tops] == list("ABCDE")
    places = [axes.get_subplotspec().get_geometry()[2] for axes in drawn.axes]
    assert places == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10], "entropy below its accuracy"
    assert [bool(axes.get_ylabel()) for axes in tops] == [True, False, False, True, False]
    assert tops[0].get_shared_y_axes().joined(tops[0], tops[2])
    assert not tops[0].get_shared_y_axes().joined(tops[0], tops[3])
    assert all(axes.get_xlabel() for axes in bottoms)
    assert drawn.get_size_inches()[0] == pytest.approx(3 * 65 / 25.4)
    assert len(drawn.legends) == 1
    plt.close(drawn)


def test_panels_may_go_down_the_columns(study):
    plot = {**VIEW.plot, "columns": 2, "fill": "columns"}
    drawn = in_panels(study, "abcd", plot=plot)
    tops = {axes.get_title(): axes for axes in drawn.axes[::2]}
    places = {name: axes.get_subplotspec().get_geometry()[2] for name, axes in tops.items()}
    assert places == {"A": 0, "B": 4, "C": 1, "D": 5}
    assert tops["A"].get_shared_y_axes().joined(tops["A"], tops["C"])
    assert [bool(axes.get_ylabel()) for axes in tops.values()] == [True, True, False, False]
    plt.close(drawn)


def test_a_panel_may_hold_other_arms_than_the_next(study):
    arms = [("vanilla", "a", ()), ("student", "b", ()), ("vanilla", "b", ())]
    drawn = in_panels(study, "ab", drawn=arms)
    colours = [
        [line.get_color() for line in axes.lines if len(line.get_xdata()) > 1]
        for axes in drawn.axes[::2]
    ]
    assert colours[0] == [COLOURS[0]]
    assert sorted(colours[1]) == sorted(COLOURS[:2]), "an arm looks alike in both"
    plt.close(drawn)


def test_stand_in_data_says_so(study):
    drawn = in_panels(study.assign(origin="stand-in for CIFAR-10"), "a", title="Title")
    assert drawn.get_suptitle() == "Title (stand-in data)"
    plt.close(drawn)


def test_a_crowd_of_long_curves_has_no_markers(study):
    vanilla = study[study["arm"] == "vanilla"]
    longer = pd.concat(
        [
            vanilla.assign(arm=f"v{k}", iteration=vanilla["iteration"] + n)
            for k in range(5)
            for n in (0, 4, 8)
        ]
    ).assign(sparsity=lambda t: 1 - 0.5 ** t["iteration"])
    names = [f"v{k}" for k in range(5)]
    arms = [(name, "all", ()) for name in names]
    labels = dict(zip(names, names, strict=True))
    drawn = draw(longer, changed(drawn=arms, labels=labels))
    lines = [line for line in drawn.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 5
    assert {line.get_marker() for line in lines} == {"none"}
    plt.close(drawn)


def test_a_grid_is_drawn_in_steps_of_one_scale_by_value():
    def drawn(name, value, panel="a", kind="model.depth"):
        return Drawn(name, name, frozenset(panel), ((kind, value),))

    looks = styles(
        [
            Drawn("plain", "plain", frozenset("a")),
            *(drawn(f"d{depth}", depth) for depth in (10, 2, 5)),
            *(drawn(f"kd{depth}", depth, "b") for depth in (2, 5, 10)),
            drawn("again", 5),
        ]
    )
    assert looks["plain"].colour == COLOURS[0]
    brightness = [sum(bytes.fromhex(looks[f"d{depth}"].colour[1:])) for depth in (2, 5, 10)]
    assert brightness == sorted(brightness), "by value, not by order"
    assert looks["d5"].colour == looks["kd5"].colour
    assert looks["d5"].dash == looks["kd5"].dash == DASHES[0], "they share no panel"
    assert looks["again"].dash == DASHES[1]


def test_arms_of_one_label_look_alike_unless_one_panel_shows_both():
    def drawn(name, label, panel):
        return Drawn(name, label, frozenset(panel))

    arms = [drawn("a", "given", "1"), drawn("b", "true", "1"), drawn("c", "true", "2")]
    looks = styles([*arms, drawn("d", "given", "2"), drawn("e", "given", "2")])
    assert looks["a"] == looks["d"], "one line of the legend serves both"
    assert looks["b"] == looks["c"]
    assert looks["e"].colour == COLOURS[2]


@pytest.mark.slow
def test_the_figure_to_explore_of_a_large_study_is_a_page_that_chrome_takes_as_an_address(study):
    whole = pd.concat([study.assign(panel=f"p{i}") for i in range(20)])
    panels = {f"p{i}": f"panel {i}" for i in range(20)}
    arms = [(arm, panel, ()) for panel in panels for arm in LABELS]
    page = draw(whole, changed(title="a < b", panels=panels, drawn=arms), "explorer")
    assert "<title>a &lt; b</title>" in page
    assert len(page) * 4 / 3 < 2e6


def test_the_figure_to_explore_takes_no_label_for_a_formula(study):
    panels = {"low": "$$x$$", "high": "\\(y\\)"}
    whole = pd.concat([study.assign(panel=panel) for panel in ("low", "high")])
    arms = [("vanilla", panel, ()) for panel in ("low", "high")]
    drawn = explorer.draw(whole[whole["arm"] == "vanilla"], changed(panels=panels, drawn=arms))
    titles = [text.text for text in drawn.select({"type": PlainText})]
    assert sorted(titles) == ["$$x$$", "\\(y\\)"]


def test_a_figure_of_an_unset_field_is_an_error(study):
    """So that a rule cannot forget what its figures depend on."""
    with pytest.raises(AttributeError, match="labels"):
        draw(study, StudyView.part(**{k: v for k, v in vars(VIEW).items() if k != "labels"}))


def test_every_figure_has_a_heading_and_a_caption():
    for name, figure in FIGURES.items():
        assert figure.heading, name
        assert "{" not in filled_in(figure.caption, VIEW), name
