"""Phases and verdicts on curves drawn by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsd2.analysis.phases import deepest_valley, judge, phases

SDD = [0.80, 0.80, 0.70, 0.65, 0.75, 0.85, 0.40, 0.10]
DODGED = [0.80, 0.81, 0.82, 0.84, 0.85, 0.85, 0.50, 0.10]
accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=15)


def test_the_deepest_valley_is_measured_against_the_lower_side():
    descent = deepest_valley(SDD)
    assert (descent.before, descent.valley, descent.after) == (0, 3, 5)
    assert descent.depth == pytest.approx(0.15)


def test_a_collapse_is_no_valley():
    assert deepest_valley([0.9, 0.8, 0.5, 0.1]).depth == 0


@given(accuracies)
def test_depth_equals_brute_force(curve):
    n = len(curve)
    triples = [(i, j, k) for j in range(n) for i in range(j) for k in range(j + 1, n)]
    depths = [min(curve[i], curve[k]) - curve[j] for i, j, k in triples]
    assert deepest_valley(curve).depth == pytest.approx(max([0.0, *depths]))


def test_four_phases_in_order():
    found = phases(SDD, 0.02)
    assert found == [
        "light",
        "light",
        "critical",
        "critical",
        "sweet",
        "sweet",
        "collapsed",
        "collapsed",
    ]


def test_a_dodged_curve_is_light_until_it_collapses():
    assert phases(DODGED, 0.02) == ["light"] * 6 + ["collapsed"] * 2


@given(accuracies, st.floats(0, 0.2))
def test_every_curve_has_its_phases_in_order(curve, tolerance):
    order = ["light", "critical", "sweet", "collapsed"]
    found = phases(curve, tolerance)
    assert len(found) == len(curve)
    assert [order.index(phase) for phase in found] == sorted(order.index(p) for p in found)
    assert found[0] == "light"


def test_verdicts():
    def shifted(curve, *shifts):
        return [[value + shift for value in curve] for shift in shifts]

    assert judge(shifted(SDD, 0, 0.01, -0.01), 0.02, 0.95).verdict == "exhibits"
    assert judge(shifted(DODGED, 0, 0.01, -0.01), 0.02, 0.95).verdict == "dodges"
    assert judge([SDD], 0.02, 0.95).verdict == "undecided", "one seed has no interval"
    opposed = [SDD, DODGED, [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.1]]
    assert judge(opposed, 0.02, 0.95).verdict == "undecided"


def test_the_interval_is_students():
    found = judge([[0.8, 0.8 - d, 0.8, 0.1] for d in (0.1, 0.2, 0.3)], 0.02, 0.95)
    assert found.depth == pytest.approx(0.2)
    # t(0.975, 2) = 4.3027; standard error 0.1 / √3.
    assert found.high - found.depth == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
