"""Curves, findings and Table 1, from a study made by hand."""

import pandas as pd
import pytest
from rows import row_of

from dsd2.analysis.summary import curves, findings, phases_table, stopping_table
from dsd2.files.records import STUDY

DIP = [0.80, 0.65, 0.78, 0.20]
FLAT = [0.80, 0.81, 0.82, 0.30]
LABELS = {"vanilla": "Vanilla", "student": "Student", "gated": "Gated"}


@pytest.fixture
def study():
    rows = []
    for arm, curve, stops in (
        ("vanilla", DIP, (4, 4, 4)),
        ("student", FLAT, (4, 4, 4)),
        ("gated", FLAT, (3, 3, 2)),
    ):
        for seed, shift in enumerate((-0.01, 0.0, 0.01)):
            taught = arm != "vanilla"
            for i in range(stops[seed]):
                rows.append(
                    row_of(
                        STUDY,
                        panel="all",
                        arm=arm,
                        seed=seed,
                        iteration=i,
                        run=f"{'vanilla' if arm == 'vanilla' else 'student'}-{seed}",
                        stopping="entropy-te0.8-ta0.9" if arm == "gated" else "none",
                        sparsity=1 - 0.5**i,
                        test_accuracy=curve[i] + shift,
                        returned=i == (0 if arm == "vanilla" else stops[seed] - 1),
                        teacher_run="vanilla" if taught else None,
                        teacher_iteration=seed if taught else None,
                        total_flops_paper=1e9 * (i + 1),
                        teacher_flops_paper=4e9 if taught else 0.0,
                    )
                )
    return pd.DataFrame(rows)


def test_curves_are_means_up_to_the_shortest_seed(study):
    vanilla, student, gated = curves(study)
    assert vanilla.accuracy.mean(axis=1).tolist() == pytest.approx(DIP)
    assert student.sparsity.tolist() == [0, 0.5, 0.75, 0.875]
    assert len(gated.accuracy) == 2
    assert gated.stops == [2, 2, 1]
    assert gated.gated
    assert not student.gated
    assert gated.runs == student.runs, "it is a part of the same runs"


def test_arms_that_run_to_the_wall_are_judged(study):
    vanilla, student = findings(study, tolerance=0.02, confidence=0.9)
    assert vanilla.judgement.verdict == "exhibits"
    assert vanilla.judgement.depth == pytest.approx(0.13)
    assert vanilla.phases == ["light", "critical", "sweet", "collapsed"]
    assert student.judgement.verdict == "dodges"
    table = phases_table([vanilla, student], LABELS).set_index("arm")
    assert table.loc["Vanilla", "valley sparsity"] == 0.5
    assert table.loc["Vanilla", "critical until"] == 0.5
    assert table.loc["Student", "best phase"] == "light"
    assert pd.isna(table.loc["Student", "sweet until"])


def test_table_1(study):
    table = stopping_table(study, 0.9, LABELS).set_index("arm")
    assert table["early stop"].tolist() == ["none", "none", "entropy"]
    assert table["distilled"].tolist() == [False, True, True]
    assert table["pruned teacher"].tolist() == [False, True, True]
    assert table["trainings"].tolist() == pytest.approx([4, 4, 8 / 3])
    assert table["training paper"].tolist() == pytest.approx([4e9, 4e9, 8e9 / 3])
    assert table["teacher paper"].tolist() == [0, 4e9, 4e9]
    assert table.loc["Vanilla", "accuracy"] == pytest.approx(0.8)
    assert table.loc["Vanilla", "accuracy spread"] == pytest.approx(0.01)
    assert table.loc["Gated", "sparsity"] == pytest.approx((0.75 + 0.75 + 0.5) / 3)


def test_one_seed_has_no_spread(study):
    table = stopping_table(study[study["seed"] == 0], 0.9, LABELS)
    assert table["accuracy spread"].isna().all()
    assert (table["seeds"] == 1).all()
