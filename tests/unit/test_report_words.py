"""What the report says of a study made by hand: sentences, layers, pages."""

import pandas as pd
import pytest
from docutils.core import publish_parts
from rows import LABELS

from dsd2.analysis.captions import TABLES_FOUND, curves_found, layers_found
from dsd2.analysis.html import page, sheet_page
from dsd2.analysis.layers import layer_curves
from dsd2.analysis.provenance import environment_parts, settings_parts, trainings_part
from dsd2.analysis.summary import findings
from dsd2.analysis.table_format import SHEETS, Words
from dsd2.analysis.tables import (
    grid_table,
    levels_table,
    models_table,
    phases_table,
    stopping_table,
)

WORDS = Words(LABELS, {"all": "all"}, 0.02, 0.9)


@pytest.fixture
def phases(study):
    return phases_table(findings(study, 0.02, 0.9))


def test_each_curve_has_its_verdict_with_its_interval_and_its_turning_points(phases):
    vanilla, student = curves_found(phases, WORDS).splitlines()
    assert vanilla.startswith("* Vanilla **exhibits** sparse double descent: the SDD depth is 13.0")
    assert "points (90 % interval 11.3 to 14.7 over 3 seeds), all above 2 points." in vanilla
    assert "From 80.0 % dense it passes a valley of 65.0 % at ζ = 50.0 %;" in vanilla
    assert "the best mean is 80.0 % at ζ = 0.0 %, in the light phase." in vanilla
    assert "**dodges** sparse double descent: none of 3 seeds has a valley." in student
    assert "its mean has no valley" in student


def test_one_seed_bears_no_verdict(study):
    alone = phases_table(findings(study[study["seed"] == 0], 0.02, 0.9))
    assert "is **undecided**" in curves_found(alone, WORDS)
    assert "one seed has no interval" in curves_found(alone, WORDS)


@pytest.mark.parametrize(
    ("common", "own", "words"),
    [
        (
            (0.05, 0.01, 0.09),
            (0.06, 0.02, 0.1),
            "5.0 points (90 % interval 1.0 to 9.0 over 3 seeds), on",
        ),
        ((0.13, None, None), (0.13, None, None), "13.0 points, the same in all 3 seeds: it has no"),
        (
            (0.0, None, None),
            (0.2, 0.1, 0.3),
            "0.0 points, but the depth of each seed's own valley is 20",
        ),
        (
            (0.0, -0.01, 0.01),
            (0.05, None, None),
            "the depth of each seed's own valley is 5.0 points, the",
        ),
    ],
)
def test_what_is_undecided_says_why(phases, common, own, words):
    ends = ("", " low", " high")
    row = dict(zip(("SDD depth", "depth low", "depth high"), common, strict=True))
    row |= {f"own depth{end}": value for end, value in zip(ends, own, strict=True)}
    text = curves_found(phases.iloc[:1].assign(verdict="undecided", **row), WORDS)
    assert words in text


def test_signs_of_restructured_text_in_labels_are_text(phases):
    labels = {**LABELS, "vanilla": "a*b_c` |d|"}
    words = Words(labels, {"all": "all"}, 0.02, 0.9)
    body = publish_parts(curves_found(phases, words), writer="html")["body"]
    assert "a*b_c` |d| <strong>exhibits</strong>" in body
    assert "system-message" not in body


def test_every_table_says_what_it_shows(study, phases):
    tables = {
        "stopping": stopping_table(study, 0.9),
        "phases": phases,
        "models": models_table({("all", "vanilla"): 1200, ("all", "student"): 900}),
        "grid": grid_table(study.assign(validation_accuracy=study["test_accuracy"])),
        "levels": levels_table(study, {}),
    }
    assert tables.keys() == SHEETS.keys() == TABLES_FOUND.keys()
    found = {name: TABLES_FOUND[name](table, WORDS) for name, table in tables.items()}
    assert "* Vanilla returns 80.0 % ± 1.7 (90 % interval) at ζ = 0.0 %" in found["stopping"]
    assert found["phases"] == "* **exhibits**: Vanilla\n* **dodges**: Student\n"
    assert "smallest network is that of Student, of 900 parameters" in found["models"]
    assert "best: Student, 82.0 % validation accuracy" in found["grid"]
    assert "best: Student, 82.0 % test accuracy at ζ = 75.0 %" in found["levels"]


def layered(study, density, entropy):
    """The study with two layers whose values are given by iteration."""
    return study.assign(
        layers=[["first", "second"]] * len(study),
        states=[["relu 1", "relu 2"]] * len(study),
        layer_density=[density[i] for i in study["iteration"]],
        state_entropy=[entropy[i] for i in study["iteration"]],
    )


def test_where_a_network_dies_first(study):
    density = [[1.0, 1.0], [0.5, 0.4], [0.4, 0.0], [0.1, 0.0]]
    entropy = [[1.0, 0.8], [0.9, 0.7], [0.9, 0.6], [0.9, 0.3]]
    vanilla, student = layer_curves(layered(study, density, entropy))
    assert vanilla.density.loc[2].tolist() == pytest.approx([0.4, 0.0])
    assert vanilla.first(vanilla.density == 0) == (["second"], 0.75)
    assert vanilla.first(vanilla.density < 0) is None
    text = layers_found([vanilla, student], WORDS)
    assert "Vanilla: ``second`` loses the last weight first, at ζ = 75.00 %" in text
    assert "the entropy of ``relu 2`` is the first to fall below 50 %" in text
    living = layer_curves(layered(study, [[1.0, 0.5]] * 4, [[1.0, 1.0]] * 4))
    text = layers_found(living, WORDS)
    assert "every layer keeps weights to the end, where ``second`` has fewest, 50.00 %" in text
    assert "no layer's entropy falls below 50 %" in text


def test_a_page_holds_its_table_and_escapes_text(phases):
    sheet = SHEETS["phases"](phases.assign(verdict="<b>"), WORDS)
    text = sheet_page("A & B", sheet)
    assert "<title>A &amp; B</title>" in text
    assert "<b>" not in text
    assert "<em>exhibits</em>" in text
    assert "<td>1 &lt; 2</td>" in page("T", [("", pd.DataFrame({"a": ["1 < 2"]}))])


def test_settings_are_told_once_where_arms_share_them(study):
    arms = [
        {"panel": "all", "name": "vanilla", "settings": {"training.epochs": 3, "l1": 0.1}},
        {"panel": "all", "name": "student", "settings": {"training.epochs": 3, "l1": 0.2}},
    ]
    (_, shared), (_, differing) = settings_parts(arms, WORDS)
    assert shared.to_numpy().tolist() == [["training.epochs", "3"]]
    assert differing.to_numpy().tolist() == [["Vanilla", "0.1"], ["Student", "0.2"]]


def test_trainings_that_arms_share_are_counted_once(study):
    _, cells = trainings_part(study.assign(seconds=60.0), WORDS)
    counts = dict(zip(cells["arm"], cells["trainings"], strict=True))
    assert counts == {
        "Vanilla": "12",
        "Student": "12",
        "Gated": "8",
        "all, each training once": "24",
    }
    assert cells["time, one after another"].iloc[-1] == "24.0 min"
    (_, ran), (_, versions) = environment_parts(study)
    assert ran["trainings"].tolist() == ["24"]
    assert "torch" in versions["what"].tolist()
