"""Curves and findings, from a study made by hand."""

import pandas as pd
import pytest
from rows import DIP

from dsd2.analysis.summary import curves, findings
from dsd2.analysis.tables.phases import phase_numbers


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
    vanilla, student = findings(study, tolerance=0.02, confidence=0.9)
    assert vanilla.verdict.outcome == "exhibits"
    assert vanilla.verdict.common.mean == pytest.approx(0.13)
    assert vanilla.phases == ["light", "critical", "sweet", "collapsed"]
    assert student.verdict.outcome == "dodges"
    table = phase_numbers([vanilla, student]).set_index("arm")
    assert table.loc["vanilla", "valley sparsity"] == 0.5
    assert table.loc["vanilla", "critical until"] == 0.5
    assert table.loc["student", "best phase"] == "light"
    assert pd.isna(table.loc["student", "sweet until"])
