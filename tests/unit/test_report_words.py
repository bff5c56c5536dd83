"""What the report says of a study made by hand: sentences, layers, pages."""

import pandas as pd
import pytest
from docutils.core import publish_parts
from figures.layers import layers_found
from figures.sdd import curves_found
from rows import LABELS
from test_tables import VIEW, numbers, view

from dsd2.analysis.baselines import COST, SIZE
from dsd2.analysis.captions import FOUND, caption
from dsd2.analysis.html import page, table_page
from dsd2.analysis.layers import layer_curves
from dsd2.analysis.provenance import environment_parts, settings_parts, trainings_part
from dsd2.analysis.registered import TABLES


@pytest.fixture
def phases(study):
    return numbers("phases", study)


def test_each_curve_has_its_verdict_with_its_interval_and_its_turning_points(phases):
    vanilla, student = curves_found(phases, VIEW).splitlines()
    assert vanilla.startswith("* Vanilla **exhibits** sparse double descent: the SDD depth is 13.0")
    assert "points (90 % interval 11.0 to 15.0 over 3 seeds), all above 2 points." in vanilla
    assert "From 80.0 % dense it passes a valley of 65.0 % at ζ = 50.0 %;" in vanilla
    assert "the best mean is 80.0 % at ζ = 0.0 %, in the light phase." in vanilla
    assert "**dodges** sparse double descent: its depth less its twin's, that of Va" in student
    assert "is −14.0 points (90 % interval −" in student
    assert "its seeds' own valleys are 0.0 points deep, at most 2 points by a test" in student
    assert "its mean has no valley" in student


def test_one_seed_bears_no_verdict(study):
    alone = numbers("phases", study[study["seed"] == 0])
    assert "is **undecided**" in curves_found(alone, VIEW)
    assert "one seed has no interval" in curves_found(alone, VIEW)


def test_the_other_verdicts_say_what_decides_them(phases):
    half = {"SDD depth": 0.04, "less twin": -0.09, "less twin low": -0.1, "less twin high": -0.08}
    reduces = curves_found(phases.iloc[1:].assign(verdict="reduces", **half), VIEW)
    assert "**reduces** sparse double descent: the SDD depth is 4.0 points, less than" in reduces
    assert "half of its twin's, that of Vanilla; the difference is −9.0 points (90 %" in reduces
    none = curves_found(phases.iloc[1:].assign(verdict="no descent"), VIEW)
    assert "has **no descent**: its seeds' own valleys are 0.0 points deep, at most 2" in none


@pytest.mark.parametrize(
    ("depth", "words"),
    [
        (
            (0.05, 0.01, 0.09),
            "is 5.0 points (90 % interval 1.0 to 9.0 over 3 seeds), and its",
        ),
        ((0.13, None, None), "13.0 points, the same in all 3 seeds: it has no interval."),
    ],
)
def test_what_is_undecided_says_why(phases, depth, words):
    row = dict(zip(("SDD depth", "SDD depth low", "SDD depth high"), depth, strict=True))
    text = curves_found(phases.iloc[:1].assign(verdict="undecided", **row), VIEW)
    assert words in text


def test_signs_of_restructured_text_in_labels_are_text(phases):
    labels = {**LABELS, "vanilla": "a*b_c` |d|"}
    found = caption(curves_found(phases, view(labels)))
    assert found.startswith(FOUND)
    body = publish_parts(found, writer="html")["body"]
    assert "a*b_c` |d| <strong>exhibits</strong>" in body
    assert "system-message" not in body


def test_every_table_says_what_it_shows(study, phases):
    tables = {
        "stopping": numbers("stopping", study),
        "phases": phases,
        "models": pd.DataFrame(
            [
                {"panel": "all", "arm": "vanilla", "parameters": 1200},
                {"panel": "all", "arm": "student", "parameters": 900},
            ]
        ),
        "grid": numbers("grid", study.assign(validation_accuracy=study["test_accuracy"])),
        "levels": numbers("levels", study),
        "classes": numbers("classes", study),
        "baselines": pd.DataFrame(
            [
                {"panel": "all", "arm": "vanilla", SIZE: 1200, COST: 1.0, "accuracy": 0.7},
                {"panel": "all", "arm": "student", SIZE: 900, COST: 2.0, "accuracy": 0.8},
            ]
        ),
    }
    assert tables.keys() == TABLES.keys()
    found = {name: TABLES[name]().found(table, VIEW) for name, table in tables.items()}
    assert "* Vanilla returns 80.0 % ± 1.7 (90 % interval) at ζ = 0.0 %" in found["stopping"]
    assert found["phases"] == "* **exhibits**: Vanilla\n* **dodges**: Student\n"
    assert (
        "* Vanilla recognises 50.0 % of 1,000 test images of a, the class with" in found["classes"]
    )
    assert "smallest network is that of Student, of 900 parameters" in found["models"]
    assert "best: Student, 82.0 % validation accuracy" in found["grid"]
    assert "best: Student, 82.0 % test accuracy at ζ = 75.0 %" in found["levels"]
    assert "smaller is as accurate as Student (80.0 %)" in found["baselines"]
    assert "cheaper is as accurate as Vanilla (70.0 %), Student (80.0 %)" in found["baselines"]


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
    text = layers_found([vanilla, student], VIEW)
    assert "Vanilla: ``second`` loses the last weight first, at ζ = 75.00 %" in text
    assert "the entropy of ``relu 2`` is the first to fall below 50 %" in text
    living = layer_curves(layered(study, [[1.0, 0.5]] * 4, [[1.0, 1.0]] * 4))
    text = layers_found(living, VIEW)
    assert "every layer keeps weights to the end, where ``second`` has fewest, 50.00 %" in text
    assert "no layer's entropy falls below 50 %" in text


def test_a_page_holds_its_table_and_escapes_text(phases):
    text = table_page("A & B", TABLES["phases"]().formatted(phases.assign(verdict="<b>"), VIEW))
    assert "<title>A &amp; B</title>" in text
    assert "<b>" not in text
    assert "<em>exhibits</em>" in text
    assert "<td>1 &lt; 2</td>" in page("T", [("", pd.DataFrame({"a": ["1 < 2"]}))])


def test_settings_are_told_once_where_arms_share_them(study):
    arms = [
        {"panel": "all", "name": "vanilla", "settings": {"training.epochs": 3, "l1": 0.1}},
        {"panel": "all", "name": "student", "settings": {"training.epochs": 3, "l1": 0.2}},
    ]
    (_, shared), (_, differing) = settings_parts(view(settings=arms))
    assert shared.to_numpy().tolist() == [["training.epochs", "3"]]
    assert differing.to_numpy().tolist() == [["Vanilla", "0.1"], ["Student", "0.2"]]


@pytest.mark.process  # Python asks uname for the processor, once a process.
def test_trainings_that_arms_share_are_counted_once(study):
    _, cells = trainings_part(study.assign(seconds=60.0), VIEW)
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
