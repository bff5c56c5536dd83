"""Curves and findings, from a study made by hand."""

import pandas as pd
import pytest
from rows import DIP, TWINS, row_of

from dsd2.analysis.kept import kept_sparsity
from dsd2.analysis.summary import curves, findings
from dsd2.analysis.tables.phases import phase_numbers
from dsd2.analysis.view import StudyView
from dsd2.errors import UserError
from dsd2.files.records import STUDY

VIEW = StudyView.part(twins=TWINS, analysis={"tolerance": 0.02, "confidence": 0.9})


def test_curves_are_means_up_to_the_shortest_seed(study):
    vanilla, student, gated = curves(study)
    assert vanilla.accuracy.mean(axis=1).tolist() == pytest.approx(DIP)
    assert student.sparsity.tolist() == [0, 0.5, 0.75, 0.875]
    assert len(gated.accuracy) == 2
    assert gated.stops == [2, 2, 1]
    assert gated.gated
    assert not student.gated
    assert gated.runs == student.runs, "it is a part of the same runs"


def test_arms_that_run_to_the_target_sparsity_are_judged(study):
    vanilla, student = findings(study, VIEW)
    assert vanilla.verdict.outcome == "exhibits"
    assert vanilla.verdict.depth.mean == pytest.approx(0.13)
    assert vanilla.phases == ["light", "critical", "sweet", "collapsed"]
    assert (vanilla.twin, student.twin) == (None, "vanilla")
    assert student.verdict.outcome == "dodges"
    assert student.verdict.less_twin.mean == pytest.approx(-0.14), "it has −1 points, no valley"
    assert student.supported_phases == ["light", "light", "light", "collapsed"]
    table = phase_numbers([vanilla, student], 0.9).set_index("arm")
    assert table.loc["vanilla", "valley sparsity"] == 0.5
    assert table.loc["vanilla", "critical until"] == 0.5
    assert table.loc["vanilla", "test images"] == 1000
    assert table.loc["vanilla", "depth by seed"] == "0.14 0.13 0.12"
    assert table.loc["student", "best phase"] == "light"
    assert pd.isna(table.loc["student", "sweet until"])


def test_a_twin_is_compared_over_common_seeds(study):
    few = study[(study["arm"] != "vanilla") | (study["seed"] < 2)]
    vanilla, student = findings(few, VIEW)
    assert len(vanilla.curve.runs) == 2
    assert student.verdict.less_twin.mean == pytest.approx(-0.145)
    alone = study[study["arm"] == "student"]
    (student,) = findings(alone, VIEW)
    assert (student.twin, student.verdict.less_twin) == (None, None)
    assert student.verdict.outcome == "no descent"


def test_test_images_are_counted_where_that_was_written_down(study):
    rows = [row_of(STUDY, arm="a", seed=s, class_images=None, stopping="none") for s in (0, 1)]
    (curve,) = curves(pd.DataFrame(rows))
    assert curve.images is None
    assert curves(study)[0].images == 1000


def test_accuracy_is_kept_to_the_last_point_within_one_of_the_dense():
    first, second = [0.80, 0.70, 0.795, 0.60], [0.80, 0.795, 0.70, 0.60]
    zeta = [0.0, 0.5, 0.75, 0.875]
    found = kept_sparsity([first, second], [zeta, zeta], 0.9)
    assert found.mean == pytest.approx(1 - (0.25 * 0.5) ** 0.5)
    assert found.low < found.mean < found.high < 1
    never, always = [0.8, 0.1, 0.1, 0.1], [0.8] * 4
    assert kept_sparsity([never, always], [zeta, zeta], 0.9).low == 0, "no sparsity is below"
    for curves_of in ([first], [first, first]):
        alike = kept_sparsity(curves_of, [zeta] * len(curves_of), 0.9)
        assert (alike.mean, alike.low, alike.high) == (0.75, None, None)
    assert kept_sparsity([[0.5, 0.5]], [[0.0, 1.0]], 0.9).mean < 1
    with pytest.raises(UserError, match="3 for 4"):
        kept_sparsity([first], [zeta[:3]], 0.9)
