"""The tables' numbers, what the paper prints beside them, and their text."""

from dataclasses import replace

import pandas as pd
import pytest
from recipes import run_recipe
from rows import LABELS, TWINS, row_of
from table import caveats

from dsd2.analysis.paper_comparison import compare
from dsd2.analysis.registered import TABLES
from dsd2.analysis.summary import MEAN
from dsd2.analysis.table_format import FormattedTable, latex, markdown
from dsd2.analysis.view import StudyView
from dsd2.files.records import STUDY
from dsd2.recipe import to_json


def view(labels=LABELS, panels=("all",), confidence=0.9, **more):
    analysis = {"tolerance": 0.02, "confidence": confidence}
    panels = panels if isinstance(panels, dict) else {panel: panel for panel in panels}
    drawn = [(arm, panel, ()) for panel in panels for arm in labels]
    arms = [{"panel": panel, "name": arm, "filters": None} for arm, panel, _ in drawn]
    known = {"panels": panels, "labels": labels, "drawn": drawn, "arms": arms, "twins": TWINS}
    return StudyView.part(**{**known, "analysis": analysis, **more})


VIEW = view()
PANELS = view({"a": "A", "b": "B"}, ("low", "high"))
"""Of the grid below."""


def numbers(name, study, seen=VIEW, paper=()):
    """A table's numbers, beside the paper's."""
    table = TABLES[name]()
    return compare(table.numbers(study, seen), table.printed, paper)


def shown(name, table, seen=VIEW):
    return markdown(TABLES[name]().formatted(table, seen))


def printed(arm, panel="all", **values):
    return {"panel": panel, "arm": arm, **values}


def lines(text, word):
    """The cells of the lines of a Markdown table that hold a word."""
    found = [line for line in text.splitlines() if word in line and line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def test_table_1(study):
    table = numbers("stopping", study).set_index("arm")
    assert table["early stop"].tolist() == ["none", "none", "entropy"]
    assert table["distilled"].tolist() == [False, True, True]
    assert table["pruned teacher"].tolist() == [False, True, True]
    assert table["trainings"].tolist() == pytest.approx([4, 4, 8 / 3])
    assert table["training paper"].tolist() == pytest.approx([4e9, 4e9, 8e9 / 3])
    assert table["teacher paper"].tolist() == [0, 4e9, 4e9]
    assert table.loc["vanilla", "accuracy"] == pytest.approx(0.8)
    assert table.loc["vanilla", "accuracy spread"] == pytest.approx(0.01)
    assert table.loc["gated", "sparsity"] == pytest.approx((0.75 + 0.75 + 0.5) / 3)


def test_one_seed_has_no_spread(study):
    table = numbers("stopping", study[study["seed"] == 0])
    assert table["accuracy spread"].isna().all()
    assert (table["seeds"] == 1).all()


@pytest.fixture
def grid():
    """Two arms in two panels, two seeds: validation accuracies of three iterations."""
    rows = [
        row_of(
            STUDY,
            panel=panel,
            arm=arm,
            seed=seed,
            iteration=i,
            run=f"{panel}-{arm}-{seed}",
            stopping="none",
            validation_accuracy=base + (0.02, 0.04, 0.0)[i] - 0.01 * seed,
            test_accuracy=base + 0.1 * i,
            sparsity=1 - 0.5**i,
            layer_density=[0.5**i, 0.0],
            layers=["0.weight", "3.weight"],
        )
        for panel, shift in (("low", 0.0), ("high", 0.2))
        for arm, base in (("a", 0.5 + shift), ("b", 0.6 + shift))
        for seed in range(2)
        for i in range(3 - seed)
    ]
    return pd.DataFrame(rows)


def test_table_5_has_the_best_of_each_seed_and_means_over_panels(grid):
    table = numbers("grid", grid, PANELS).set_index(["panel", "arm"])["validation accuracy"]
    assert table["low", "a"] == pytest.approx((0.54 + 0.53) / 2)
    assert table["high", "b"] == pytest.approx(0.835)
    assert table[MEAN, "a"] == pytest.approx((0.535 + 0.735) / 2)
    assert MEAN not in numbers("grid", grid[grid["panel"] == "low"], PANELS)["panel"].tolist()
    part = grid[(grid["panel"] == "low") | (grid["arm"] == "a")]
    assert (MEAN, "b") not in numbers("grid", part, PANELS).set_index(["panel", "arm"]).index


def test_tables_13_and_14_have_a_row_an_iteration_that_every_seed_reached(grid):
    arms = [{**arm, "filters": 512 if arm["name"] == "a" else None} for arm in PANELS.arms]
    arms = [{**arm, "filters": None} if arm["panel"] == "high" else arm for arm in arms]
    table = numbers("levels", grid, view(PANELS.labels, PANELS.panels, arms=arms))
    table = table.set_index(["panel", "arm", "iteration"]).sort_index()
    assert len(table) == 4 * 2
    assert table.loc[("low", "a", 1), "accuracy"] == pytest.approx(0.6)
    assert table.loc[("low", "a", 1), "sparsity"] == 0.5
    assert table.loc[("low", "a"), "filters"].tolist() == [512, 256]
    assert table.loc[("high", "a"), "filters"].isna().all()


def test_the_papers_values_stand_beside_ours_where_it_prints_them(study):
    paper = [
        printed("vanilla", accuracy=0.75, spread=0.012, training=5e9),
        printed("gated", accuracy=0.9, training=1e9, teacher=1e9, sparsity=0.7),
        printed("gated", iteration=1, accuracy=0.1),
    ]
    table = numbers("stopping", study, paper=paper).set_index("arm")
    assert table["paper accuracy"].tolist() == pytest.approx([0.75, float("nan"), 0.9], nan_ok=True)
    assert table.loc["vanilla", "difference accuracy"] == pytest.approx(0.05)
    assert table.loc["gated", "difference training"] == pytest.approx(5e9 / 3)
    assert table.loc["gated", "difference teacher"] == pytest.approx(3e9)
    assert "paper phase" not in table
    assert not [c for c in numbers("stopping", study) if "paper " in c]


def test_phases_compare_the_best_point(study):
    paper = [printed("vanilla", accuracy=0.7, sparsity=0.1, phase="sweet")]
    table = numbers("phases", study, paper=paper).set_index("arm")
    assert table.loc["vanilla", "difference accuracy"] == pytest.approx(0.1)
    assert table.loc["vanilla", "paper phase"] == "sweet"
    text = shown("phases", table.reset_index())
    (vanilla,) = lines(text, "Vanilla")
    assert vanilla[7:10] == ["80.00", "70.00", "+10.00"]
    assert vanilla[10:13] == ["0.00", "10.00", "−10.00"]
    assert vanilla[13:] == ["light", "sweet"]


def test_levels_compare_each_iteration(grid):
    paper = [printed("a", "low", iteration=1, accuracy=0.5)]
    table = numbers("levels", grid, PANELS, paper)
    compared = table[table["paper accuracy"].notna()]
    assert compared[["panel", "arm", "iteration"]].values.tolist() == [["low", "a", 1]]
    assert compared["difference accuracy"].tolist() == pytest.approx([0.1])


def test_table_1_for_people(study):
    text = shown("stopping", numbers("stopping", study))
    (row,) = lines(text, "Gated")
    assert row[1:5] == ["entropy", "✓", "✓", "2.7"]
    assert row[5] == "2.67 (+4.00)"
    assert "by the paper's count [GFLOP] ↓" in text
    assert row[8].startswith("81.67 ± ")
    assert "3 seeds" in text


def test_table_1_for_people_beside_the_papers(study):
    paper = [printed("gated", accuracy=0.8, spread=0.01, training=2e9, teacher=5e9, sparsity=0.9)]
    table = numbers("stopping", study, paper=paper)
    text = shown("stopping", table)
    header, *_ = lines(text, "early stop")
    (row,) = lines(text, "Gated")
    cells = list(zip(header, row, strict=True))
    assert cells[5:8] == [
        ("by the paper's count [GFLOP] ↓, ours", "2.67 (+4.00)"),
        ("paper", "2.00 (+5.00)"),
        ("difference", "+0.67 (−1.00)"),
    ]
    assert cells[11:13] == [("paper", "80.00 ± 1.00"), ("difference", "+1.67")]
    (vanilla,) = lines(text, "Vanilla")
    assert vanilla[6:8] == ["", ""], "nothing is printed of it"


def test_verdicts_for_people(study):
    text = shown("phases", numbers("phases", study))
    (vanilla,) = lines(text, "Vanilla")
    # Variance of seeds 0.01² / 3, of images 0.13 · 0.87 / 1000, with 38.6 degrees of freedom.
    assert vanilla[1:5] == ["exhibits", "13.00 (10.96 to 15.04)", "–", "0.00"]
    (student,) = lines(text, "Student")
    assert student[1] == "dodges"
    assert student[2] == "−1.00", "all seeds alike have no interval"
    assert student[3].startswith("−14.00 (−1")
    assert student[6] == "–", "nothing stands for a valley that is not there"
    alone = shown("phases", numbers("phases", study[study["arm"] == "vanilla"]))
    assert "less its twin's" not in alone.split("\n\n")[0]


def test_a_study_whose_arms_all_have_a_gate_has_no_phases(study):
    gated = study[study["arm"] == "gated"]
    table = numbers("phases", gated)
    assert table.empty
    text = shown("phases", table)
    assert "verdict" in text
    assert "Gated" not in text


def test_a_grid_for_people_is_as_wide_as_its_panels(grid):
    seen = view({"a": "α = 0.5", "b": "α = 0.8"}, {"low": "ε = 10 %", "high": "ε = 20 %"})
    paper = [printed("b", None, validation_accuracy=0.7)]
    (row,) = lines(shown("grid", numbers("grid", grid, seen, paper), seen), "α = 0.8")
    assert row == ["α = 0.8", "63.50", "83.50", "73.50", "70.00", "+3.50"]


def test_levels_for_people_are_named_by_sparsity_or_filters(grid):
    arms = [{**a, "filters": 512 if a["panel"] == "low" else None} for a in PANELS.arms]
    seen = view({"a": "A", "b": "B"}, {"low": "Low", "high": "High"}, arms=arms)
    text = shown("levels", numbers("levels", grid, seen), seen)
    low, high = text.split("**High**")
    assert lines(low, "filters")[0] == ["filters", "A [%]", "B [%]"]
    assert [row[0] for row in lines(low, "±")] == ["512", "256"]
    assert [row[0] for row in lines(high, "±")] == ["0.00", "50.00"]


def test_models_for_people_have_separators():
    paper = [printed("vanilla", parameters=70_300)]
    ours = pd.DataFrame([{"panel": "all", "arm": "vanilla", "parameters": 70_346}])
    table = compare(ours, TABLES["models"].printed, paper)
    (row,) = lines(shown("models", table), "Vanilla")
    assert row == ["Vanilla", "70,346", "70,300", "+46"]


def test_latex_is_plain_latex(study):
    paper = [printed("gated", accuracy=0.8)]
    seen = view({**LABELS, "gated": "Gated (α_1 & 5 %)"})
    text = latex(TABLES["stopping"]().formatted(numbers("stopping", study, paper=paper), seen))
    assert text.isascii(), {sign for sign in text if not sign.isascii()}
    assert r"Gated ($\alpha$\_1 \& 5 \%)" in text
    assert "\\toprule" in text
    assert r"accuracy [\%] $\uparrow$, ours & paper & difference" in " ".join(text.split())
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 1
    (row,) = (line for line in text.splitlines() if "Gated" in line)
    assert r"81.67 $\pm$ " in row
    assert row.endswith("\\\\")


def test_labels_are_neither_latex_commands_nor_html_nor_cells():
    label = "a\nb | <script> \\input{x} $ & % # _ ~ ^ {y}"
    table = FormattedTable([(label, pd.DataFrame({"arm": [label]}))], "note \\input{x}")
    heading, _, _, _, cell, *_ = markdown(table).splitlines()
    escaped = "a b \\| &lt;script&gt; \\\\input\\{x\\} &#36; &amp; % \\# &#95; &#126; &#94; \\{y\\}"
    assert heading == f"**{escaped}**"
    assert cell == f"| {escaped} |"
    text = latex(table)
    assert "\\input" not in text
    assert text.count("\\textbackslash") == 3


def test_a_table_says_where_test_images_choose(study):
    for validation in (20, "test"):
        dataset = replace(run_recipe().dataset, validation=validation)
        arms = [{"dataset": to_json(dataset)}]
        text = caveats(study, view(arms=arms, budget=None), compared=True)
        assert ("errs on the high side" in text) == (validation == "test")
        assert "means nothing" not in text
        text = caveats(study, view(arms=arms, budget="short"), compared=True)
        assert "A comparison with the paper means nothing here." in text
    assert caveats(pd.DataFrame(), VIEW, compared=True) == ""
