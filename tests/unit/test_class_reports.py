"""500 good parts and 5 bad ones: what tables, card and terminal say of a network's accuracy."""

from pathlib import Path

import pandas as pd
import pytest
from figures.sdd import SddFigure
from rows import row_of
from table import caveats
from test_classwise import BAD, GOOD, columns_of
from test_config import BASE
from test_exports import card_data
from test_tables import lines, numbers, shown, view

from dsd2.analysis.classes import SHOWN, WORST, arms_by_class, majority_said, shown_classes
from dsd2.analysis.registered import TABLES
from dsd2.config.study import load_study
from dsd2.export.model_card import card
from dsd2.files.records import LATER, STUDY, write_table
from dsd2.paths import STUDY_METRICS
from dsd2.planning.view import outcome
from dsd2.recipe import to_json

NAMES = {"vanilla": "Vanilla", "student": "Student"}
SEEN = view(NAMES, confidence=0.95)
MEASURED = {"vanilla": columns_of(GOOD), "student": columns_of(GOOD)}
BETTER = {"test_accuracy": 504 / 505, "test_balanced_accuracy": 0.9, "class_recall": [1.0, 0.8]}


def rows_with(**student):
    """A network that always says good, and one that does better where that is said."""
    return [
        row_of(
            STUDY,
            **{
                **{"panel": "all", "arm": arm, "seed": seed, "iteration": 0, "returned": True},
                **{"stopping": "none", "sparsity": 0.0, "teacher_run": None},
                **MEASURED[arm],
                **(student if arm == "student" else {}),
            },
        )
        for arm in NAMES
        for seed in range(2)
    ]


@pytest.fixture
def parts():
    return pd.DataFrame(rows_with(**BETTER))


@pytest.fixture
def earlier():
    """The same, measured by an earlier version."""
    return pd.DataFrame([{**row, **dict.fromkeys(LATER)} for row in rows_with()])


def test_what_arms_return_is_compared_with_the_baseline(parts):
    vanilla, student = arms_by_class(parts.to_dict("records"))
    assert vanilla["accuracy"] == vanilla["majority accuracy"] == pytest.approx(500 / 505)
    assert vanilla["balanced accuracy"] == 0.5
    assert vanilla["class imbalance"] == pytest.approx(1000 / 505)
    assert (vanilla["seeds not above majority"], student["seeds not above majority"]) == (2, 0)
    assert majority_said(vanilla) == (
        "is not above the baseline, in 2 of 2 seeds: it has 99.01 % test accuracy, 50.00 %"
        " balanced; always answering the most frequent class of the training labels has 99.01 %"
    )
    assert majority_said(student).startswith("has 99.80 % test accuracy, 90.00 % balanced; always")


@pytest.mark.parametrize(
    ("images", "accuracy", "said"),
    [([6, 4], 0.9, False), ([6, 4], 0.6, True), ([8, 2], 0.9, True), ([8, 2], 0.8, True)],
)
def test_nothing_is_said_where_classes_are_of_equal_size_and_the_baseline_is_beaten(
    images, accuracy, said
):
    majority = {"test_majority_accuracy": images[0] / 10, "test_accuracy": accuracy}
    row = {**rows_with()[0], **majority, "class_images": images}
    assert bool(majority_said(arms_by_class([row])[0])) == said


def test_table_1_shows_the_baseline_where_it_matters(parts):
    table = numbers("stopping", parts, SEEN)
    text = shown("stopping", table, SEEN)
    header, *_ = lines(text, "early stop")
    (vanilla,) = lines(text, "Vanilla")
    cells = dict(zip(header, vanilla, strict=True))
    assert cells["balanced accuracy [%] ↑"] == "50.00"
    assert cells["baseline [%]"] == "99.01"
    assert "the baseline is always answering" in text
    found = TABLES["stopping"]().found(table, SEEN)
    assert "* Vanilla is not above the baseline, in 2 of 2 seeds" in found
    assert "* Student has 99.80 % test accuracy, 90.00 % balanced" in found


def test_table_1_is_as_before_where_classes_are_of_equal_size(study):
    assert "baseline" not in shown("stopping", numbers("stopping", study))
    assert "baseline" not in TABLES["stopping"]().found(numbers("stopping", study), view())


def test_the_table_of_classes_has_their_recall_with_its_interval(parts):
    table = numbers("classes", parts, SEEN).set_index(["arm", "class"])
    bad = table.loc["student", "bad"]
    assert (bad["test images"], bad["recall"], bad["seeds"]) == (5, 0.8, 2)
    # Wilson's of 4 of 5.
    assert (bad["recall low"], bad["recall high"]) == pytest.approx((0.3755, 0.9638), abs=1e-4)
    text = shown("classes", table.reset_index(), SEEN)
    assert lines(text, "Student")[1] == ["Student", "bad", "5", "80.00", "37.6 to 96.4"]
    found = TABLES["classes"]().found(table.reset_index(), SEEN)
    assert "Vanilla recognises 0.0 % of 5 test images of bad, the class" in found


def test_of_many_classes_the_worst_are_shown(parts):
    count = SHOWN + 1
    names, recall = [f"c{i}" for i in range(count)], [1 - i / 100 for i in range(count)]
    many = {"classes": [names] * 4, "class_images": [[10] * count] * 4}
    table = numbers("classes", parts.assign(**many, class_recall=[recall] * 4), SEEN)
    assert len(table) == 2 * count
    text = shown("classes", table, SEEN)
    assert [row[1] for row in lines(text, "Vanilla")] == names[: -WORST - 1 : -1]
    assert "Of more than 30 classes the 10 with the lowest recall are shown" in text
    assert shown_classes([None, *recall])[:2] == [count, count - 1]


def test_a_class_without_test_images_has_a_dash(parts):
    one = {"classes": [["a", "b"]] * 4, "class_images": [[5, 0]] * 4}
    table = numbers("classes", parts.assign(**one, class_recall=[[0.5, None]] * 4), SEEN)
    assert lines(shown("classes", table, SEEN), "Vanilla")[1][2:] == ["0", "–", "–"]
    assert "of a, the class" in TABLES["classes"]().found(table, SEEN)


def test_tables_caution_where_what_is_returned_is_not_above_the_baseline(parts, earlier):
    seen = view(NAMES, arms=[{"dataset": to_json(load_study(BASE).arms["all", "vanilla"].dataset)}])
    seen = view(NAMES, arms=seen.arms, budget=None)
    words = "what 1 arm returns has no higher test accuracy than always answering"
    assert words in caveats(parts, seen, compared=False)
    assert "Caution" not in caveats(parts[parts["arm"] == "student"], seen, compared=False)
    assert "Caution" not in caveats(earlier, seen, compared=False)


def test_the_first_page_of_the_report_says_so(parts):
    seen = view(NAMES, confidence=0.95)
    assert "* Vanilla is not above the baseline" in SddFigure().found(parts, seen)


@pytest.mark.parametrize("name", ["stopping", "phases", "classes", "grid", "levels"])
def test_tables_are_made_of_what_an_earlier_version_measured(earlier, name):
    table = numbers(name, earlier, SEEN)
    text = shown(name, table, SEEN)
    assert ("docs/metrics.md says how" in text) == (name == "classes")
    assert "baseline" not in TABLES[name]().found(table, SEEN)


def the_card(row, **changes):
    return card(row, [row], card_data(test_images=505, confidence=0.95, **changes))


def test_the_card_of_a_network_that_always_says_good():
    text = the_card(rows_with()[0])
    for part in (
        "| test accuracy | 99.01 % | 99.01 % | 99.01 % |",
        "| balanced test accuracy | 50.00 % | 50.00 % | 50.00 % |",
        "| majority baseline on the test images | 99.01 % | 99.01 % | 99.01 % |",
        "- **Not above the majority baseline**: the accuracy of this network is no higher than",
        "| good part | 500 | 100.00 % | 99.24 to 100.00 % |",
        "| bad | 5 | 0.00 % | 0.00 to 43.45 % |",
    ):
        assert part in text, part
    better = the_card({**rows_with()[0], **BETTER})
    assert "- **Majority baseline**: always answering" in better
    assert "Not above" not in better
    assert "Not above" in the_card(row_of(STUDY, **{**rows_with()[0], **columns_of(BAD)}))


def test_the_card_lists_the_worst_of_many_classes_and_escapes_their_names():
    count = SHOWN + 1
    names = [f"<c{i}>|" for i in range(count)]
    recall = [None, *(1 - i / 100 for i in range(1, count))]
    many = {"classes": names, "class_images": [0, *[10] * (count - 1)], "class_recall": recall}
    text = the_card({**rows_with()[0], **many})
    listed = [line for line in text.splitlines() if line.startswith("| &lt;c")]
    assert len(listed) == WORST
    assert listed[0].startswith("| &lt;c30&gt;\\| | 10 | 70.00 % |")
    assert "Of 31 classes the 10 with the lowest recall are listed." in text


def test_the_card_of_what_an_earlier_version_measured():
    text = the_card({**rows_with()[0], **dict.fromkeys(LATER)})
    assert "- **Majority baseline**: not known for this network; an earlier version" in text
    assert "## Classes" not in text
    assert "balanced" not in text


@pytest.mark.parametrize("measured", [True, False])
def test_the_terminal_warns_at_the_end(tmp_path, monkeypatch, measured):
    monkeypatch.chdir(tmp_path)
    study = load_study({**BASE, "arms": {**BASE["arms"], "vanilla": {"label": "a\n\u202eb"}}})
    assert outcome(study) == []
    rows = rows_with(**BETTER)
    if not measured:
        rows = [{**row, **dict.fromkeys(LATER)} for row in rows]
    path = Path(STUDY_METRICS.format(study=study.folder))
    write_table(path, STUDY, rows, {"study": study.folder})
    if not measured:
        assert outcome(study) == []
        return
    vanilla, student = outcome(study)
    assert vanilla.startswith("WARNING: a \ufffdb is not above the baseline, in 2 of 2 seeds: it")
    assert student.startswith("student has 99.80 % test accuracy, 90.00 % balanced; always")
    path.write_bytes(path.read_bytes()[:-1])
    (line,) = outcome(study)
    assert "is damaged" in line
