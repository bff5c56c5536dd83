"""Verdicts on curves drawn by hand; how often they err, test_sdd_statistics.py simulates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_phases import DODGED, SDD

from dsd2.analysis.phases import deepest_valley
from dsd2.analysis.verdicts import judge, mean_curve


def shifted(curve, *shifts):
    """Curves of one shape, and of depths that differ a little."""
    return [[value + s * (1 + (i == 3)) for i, value in enumerate(curve)] for s in shifts]


DEEP, FLAT = shifted(SDD, 0, 0.01, -0.01), shifted(DODGED, 0, 0.01, -0.01)
FALLING = [[0.8 - 0.05 * i - s * i for i in range(6)] for s in (0.0, 0.001, 0.002)]


def outcome(curves, twin=None, images=None):
    return judge(curves, 0.02, 0.9, images, twin and (curves, twin)).outcome


def test_a_deep_valley_of_all_seeds_exhibits():
    assert outcome(DEEP) == outcome(DEEP, twin=FLAT) == "exhibits"
    assert outcome(DEEP, images=10_000) == "exhibits"
    assert outcome(DEEP, images=10) == "undecided", "ten images show nothing"


@pytest.mark.parametrize("curves", [FLAT, FALLING])
def test_a_curve_without_a_valley_dodges_only_what_its_twin_exhibits(curves):
    assert outcome(curves) == outcome(curves, twin=FLAT) == "no descent"
    assert outcome(curves, twin=DEEP) == "dodges"


def test_shallow_valleys_are_judged_by_a_test():
    shallow = [[0.8, 0.8 - d, 0.8, 0.1] for d in (0.004, 0.006, 0.005)]
    deep = [[0.8, 0.6 + d, 0.8, 0.1] for d in (0.0, 0.02, 0.01)]
    found = judge(shallow, 0.02, 0.9, twin=(shallow, deep))
    assert found.outcome == "dodges"
    assert found.less_twin.high < 0 < found.depth.mean <= 0.02
    assert outcome(shallow) == "no descent"


def test_less_than_half_of_the_twins_depth_reduces():
    deep = [[0.8, 0.6 + d, 0.8, 0.1] for d in (0.0, 0.02, 0.01)]
    for depth, expected in ((0.05, "reduces"), (0.09, "reduces"), (0.12, "exhibits")):
        curves = [[0.8, 0.8 - depth + d, 0.8, 0.1] for d in (0.0, 0.004, 0.008)]
        assert outcome(curves) == "exhibits"
        assert outcome(curves, twin=deep) == expected
        assert outcome(curves, twin=FLAT) == outcome(curves), "that has no descent to reduce"


def test_deep_valleys_at_different_places_do_not_dodge():
    """In the mean they cancel: the seeds are judged by their own valleys too."""
    early, late = [0.8, 0.6, 0.8, 0.8, 0.1], [0.8, 0.8, 0.6, 0.8, 0.1]
    peaks = [[0.5, 0.7, 0.5, 0.7, 0.1], [0.5, 0.5, 0.7, 0.5, 0.7]]
    twin = [[0.9, 0.3 + d, 0.9, 0.9, 0.1] for d in (0.0, 0.01, 0.02)]
    for curves in ([early, late], [early, late, [0.8, 0.7, 0.7, 0.8, 0.1]], peaks):
        found = judge(curves, 0.02, 0.9, twin=(curves, twin[: len(curves)]))
        assert found.outcome not in ("dodges", "no descent")
        assert outcome(curves) == "undecided"
        assert found.own_mean.mean > 0.09
    # No valley of the mean at all: 0.6, 0.6, 0.6.
    flat = judge([[0.6, 0.5, 0.7], [0.6, 0.7, 0.5], [0.6, 0.6, 0.6]], 0.02, 0.9)
    assert flat.valley.depth == 0
    assert flat.outcome == "undecided", "one of them has a valley of 10 points"


def test_without_a_spread_there_is_no_verdict():
    for curves in (
        [SDD],
        [SDD] * 3,
        [SDD, [value - 0.01 for value in SDD]],
        [DODGED],
        [DODGED] * 3,
    ):
        found = judge(curves, 0.02, 0.9)
        assert (found.depth.low, found.own_mean.high) == (None, None)
        assert found.outcome == "undecided"
    assert outcome([DODGED, [*DODGED[:4], 0.85, 0.86, 0.4, 0.1]]) == "no descent"


def test_curves_are_cut_to_the_shortest():
    assert mean_curve([[0.5, 0.7, 0.9], [0.7, 0.7]]) == [0.6, 0.7]
    assert judge([SDD, SDD[:3]], 0.02, 0.9).own[1] == deepest_valley(SDD[:3]).depth


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_verdict_never_contradicts_the_seeds(curves):
    found = judge(curves, 0.02, 0.9)
    deepest = [deepest_valley(curve).depth for curve in curves]
    if found.outcome == "no descent":
        assert sum(deepest) / len(deepest) <= 0.02
    if found.outcome == "exhibits":
        assert sum(deepest) / len(deepest) > 0.02
