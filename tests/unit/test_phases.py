"""Phases of curves drawn by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsd2.analysis.phases import deepest_valley, phases
from dsd2.errors import UserError

SDD = [0.80, 0.80, 0.70, 0.65, 0.75, 0.85, 0.40, 0.10]
DODGED = [0.80, 0.81, 0.82, 0.84, 0.85, 0.85, 0.50, 0.10]
HUMAN = [0.450, 0.387, 0.364, 0.359, 0.361, 0.375, 0.373, 0.341, 0.282]
"""The right panel of docs/cifar10-cpu.png."""
accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=15)
ORDER = ["light", "critical", "sweet", "collapsed"]


def test_the_deepest_valley_is_measured_against_the_lower_side():
    valley = deepest_valley(SDD)
    assert (valley.before, valley.bottom, valley.after) == (0, 3, 5)
    assert valley.depth == pytest.approx(0.15)


def test_a_collapse_is_no_valley():
    assert deepest_valley([0.9, 0.8, 0.5, 0.1]).depth == 0


@given(accuracies)
def test_depth_equals_brute_force(curve):
    n = len(curve)
    triples = [(i, j, k) for j in range(n) for i in range(j) for k in range(j + 1, n)]
    depths = [min(curve[i], curve[k]) - curve[j] for i, j, k in triples]
    assert deepest_valley(curve).depth == pytest.approx(max([0.0, *depths]))


CANNED = {
    "descent": (SDD, "LLCCSSXX"),
    "recovers above the first maximum": ([0.80, 0.60, 0.90, 0.10], "LCSX"),
    "recovers below the first maximum": ([0.80, 0.60, 0.75, 0.10], "LCSX"),
    "descent, cut before the collapse": (SDD[:6], "LLCCSS"),
    "two valleys, the second deeper": ([0.80, 0.70, 0.80, 0.65, 0.78, 0.10], "LLLCSX"),
    "two valleys, the first deeper": ([0.80, 0.60, 0.78, 0.70, 0.78, 0.10], "LCSSSX"),
    "the sweet phase ends in a plateau": ([0.8, 0.6, 0.75, 0.7, 0.7, 0.7, 0.1], "LCSSSSX"),
    "dodged": (DODGED, "LLLLLLXX"),
    "falls ever faster": ([0.83, 0.82, 0.79, 0.74, 0.65, 0.50, 0.30, 0.12, 0.10], "LLXXXXXXX"),
    "falls ever slower": ([0.80, 0.50, 0.30, 0.20, 0.14, 0.12, 0.11, 0.10], "LXXXXXXX"),
    "falls slowly all the time": ([0.9 - 0.01 * i for i in range(30)], "LLL" + "X" * 27),
    "plateau, then a fall": (HUMAN, "LCCCCCCXX"),
    "plateau, cut before the collapse": (HUMAN[:7], "LCCCCCC"),
    "even plateau, then a fall": ([0.80, 0.40, 0.40, 0.40, 0.10, 0.10], "LCCCXX"),
    "plateau of two": ([0.80, 0.60, 0.60, 0.10], "LCCX"),
    "plateau that sinks within the tolerance": ([0.45, 0.37, 0.365, 0.36, 0.355, 0.1], "LCCCCX"),
    "plateau to the end": ([0.45, 0.36, 0.36, 0.36], "LCCC"),
    "two plateaus": ([0.80, 0.70, 0.70, 0.60, 0.60, 0.10], "LCCCCX"),
    "rises within the tolerance after a fall": ([0.80, 0.60, 0.61, 0.10], "LCCX"),
    "foot at the accuracy of a guess": ([0.80, 0.40, 0.10, 0.10, 0.10], "LXXXX"),
    "foot of two classes": ([0.90, 0.90, 0.85, 0.60, 0.50, 0.50, 0.50], "LLXXXXX"),
    "foot with noise and a step": ([0.76, 0.50, 0.20, 0.14, 0.145, 0.142, 0.10], "LXXXXXX"),
    "noise within the tolerance": (
        [0.80, 0.79, 0.81, 0.79, 0.80, 0.30, 0.11, 0.10, 0.12, 0.10],
        "LLLLLXXXXX",
    ),
    "just at the tolerance": ([0.90, 0.88, 0.90, 0.88], "LLLL"),
    "falls at the first step": ([0.80, 0.10, 0.10], "LXX"),
    "never falls": ([0.80, 0.81, 0.80], "LLL"),
    "flat": ([0.5] * 4, "LLLL"),
    "nothing is ever right": ([0.0] * 4, "LLLL"),
    "rising": ([0.1, 0.2, 0.4], "LLL"),
    "one point": ([0.5], "L"),
    "two points that fall": ([0.8, 0.1], "LX"),
    "two points that rise": ([0.1, 0.8], "LL"),
}
LETTERS = dict(zip("LCSX", ORDER, strict=True))


@pytest.mark.parametrize("name", CANNED)
def test_the_phases_of_every_kind_of_curve(name):
    curve, expected = CANNED[name]
    assert phases(curve, 0.02) == [LETTERS[letter] for letter in expected]


@pytest.mark.parametrize("curve", [[], [math.nan], [0.5, math.nan, 0.4], [0.5, math.inf]])
def test_what_is_no_curve_is_refused(curve):
    with pytest.raises(UserError, match="a curve must have finite accuracies"):
        phases(curve, 0.02)


@given(accuracies, st.floats(0, 0.2))
def test_every_curve_has_its_phases_in_order(curve, tolerance):
    found = phases(curve, tolerance)
    assert len(found) == len(curve)
    assert [ORDER.index(phase) for phase in found] == sorted(ORDER.index(p) for p in found)
    assert found[0] == "light"


@given(accuracies, st.floats(0, 0.2))
def test_nothing_that_collapsed_comes_near_what_was_held_before(curve, tolerance):
    found = phases(curve, tolerance)
    for i in range(1, len(curve)):
        if found[i] == "collapsed" != found[i - 1]:
            assert max(curve[i:]) < curve[i - 1], "a collapse begins with a fall, never recovered"


@given(st.floats(0.1, 0.9), st.integers(1, 20), st.floats(0, 0.02))
def test_a_long_plateau_is_no_collapse_whatever_its_height(height, length, noise):
    plateau = [height + noise * (i % 2) for i in range(length + 1)]
    found = phases([height + 0.1, *plateau, height / 4], 0.02)
    assert found == ["light", *["critical"] * (length + 1), "collapsed"]


@pytest.mark.slow
def test_a_very_long_curve_has_phases():
    stairs = [1 - 0.04 * (i // 2) / 1000 - 0.03 * (i // 400) for i in range(10_000)]
    assert len(phases(stairs, 0.02)) == 10_000
