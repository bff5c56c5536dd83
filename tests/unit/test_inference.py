"""Estimates, paired differences, tests and many claims at once, against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dsd2.analysis.depths import held_out_depths, signed_depth
from dsd2.analysis.inference import (
    beyond_share,
    depth,
    equivalent,
    holm,
    mean_of,
    paired,
    paired_depth,
)
from dsd2.analysis.phases import deepest_valley
from dsd2.errors import UserError

DEEP = [[0.8, 0.8 - d, 0.8, 0.1] for d in (0.1, 0.2, 0.3)]
SHALLOW = [[0.8, 0.8 - d, 0.8, 0.1] for d in (0.01, 0.03, 0.02)]
accuracies = st.lists(st.floats(0, 1), min_size=3, max_size=12)


@given(accuracies)
def test_the_signed_depth_is_that_of_the_deepest_valley_where_there_is_one(curve):
    assert max(signed_depth(np.array(curve)), 0) == pytest.approx(deepest_valley(curve).depth)


def test_a_curve_that_only_falls_has_a_depth_below_zero():
    assert signed_depth(np.array([0.9, 0.8, 0.75, 0.4])) == pytest.approx(-0.05)
    assert depth([[0.9, 0.8, 0.7], [0.9, 0.8, 0.6]], 0.9).mean == pytest.approx(-0.15)


def test_the_valley_of_a_seed_is_chosen_by_the_others():
    early, late = [0.8, 0.6, 0.8, 0.8], [0.8, 0.8, 0.7, 0.8]
    assert held_out_depths(np.array([early, late])) == pytest.approx([0.0, 0.0])
    # The mean of two: 0.8, 0.7, 0.75, 0.8.
    assert held_out_depths(np.array([early, late, late])) == pytest.approx([0.0, 0.0, 0.0])
    assert held_out_depths(np.array([early, early, late])) == pytest.approx([0.2, 0.2, 0.0])


def test_where_seeds_agree_on_the_valley_the_interval_is_students():
    found = depth(DEEP, 0.95)
    assert found.mean == pytest.approx(0.2)
    # t(0.975, 2) = 4.3027; standard error 0.1 / √3.
    assert found.high - found.mean == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert found.mean - found.low == pytest.approx(found.high - found.mean)
    assert found.p == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3], 0).pvalue / 2)


def test_where_they_do_not_agree_it_is_wider():
    early, late = [0.8, 0.6, 0.8, 0.8], [0.8, 0.8, 0.7, 0.8]
    found = depth([early, late, [0.8, 0.7, 0.7, 0.8]], 0.9)
    held = held_out_depths(np.array([early, late, [0.8, 0.7, 0.7, 0.8]]))
    half = stats.t.ppf(0.95, 2) * stats.sem(held)
    assert found.high - found.mean > half


def test_test_images_widen_an_interval():
    alone, all_images = depth(DEEP, 0.9), depth(DEEP, 0.9, images=100)
    assert all_images.mean == alone.mean
    variance, shared = 0.01 / 3, 0.2 * 0.8 / 100
    freedom = (variance + shared) ** 2 / (variance**2 / 2)
    half = stats.t.ppf(0.95, freedom) * (variance + shared) ** 0.5
    assert all_images.high - all_images.mean == pytest.approx(half)
    values, others = [0.5, 0.6, 0.7], [0.4, 0.55, 0.5]
    assert paired(values, others, 0.9, images=50).p != paired(values, others, 0.9).p


def test_without_a_spread_there_is_no_interval():
    for curves in (DEEP[:1], DEEP[:1] * 3, [[0.8, 0.5], [0.7, 0.5]]):
        found = depth(curves, 0.9, images=100)
        assert (found.low, found.high, found.p) == (None, None, None)
    assert paired([0.5, 0.6], [0.4, 0.5], 0.9).low is None
    assert mean_of([0.5], 0.9).high is None
    assert equivalent([0.0, 0.0], 0.02) == equivalent([0.0], 0.02) == 1


def test_paired_depths_are_those_of_seeds():
    found = paired_depth(SHALLOW, DEEP, 0.9)
    expected = stats.ttest_rel([0.01, 0.03, 0.02], [0.1, 0.2, 0.3])
    interval = expected.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue)
    turned = paired_depth(DEEP, SHALLOW, 0.9)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_a_share_of_the_twins_depth_is_compared_with_seeds_own_valleys():
    found = beyond_share(SHALLOW, DEEP, 0.5, 0.9)
    expected = stats.ttest_rel([0.01, 0.03, 0.02], [0.05, 0.1, 0.15])
    interval = expected.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    falls = [[0.8, 0.7, 0.6, 0.1], [0.8, 0.7, 0.5, 0.1], [0.8, 0.75, 0.6, 0.1]]
    assert beyond_share(falls, DEEP, 0.5, 0.9).mean == pytest.approx(-0.1), "0, not below"
    assert beyond_share(SHALLOW[:1], DEEP[:1], 0.5, 0.9).high is None


def test_paired_differences_and_means_are_scipys():
    values, others = [0.5, 0.6, 0.8], [0.45, 0.4, 0.7]
    found, expected = paired(values, others, 0.95), stats.ttest_rel(values, others)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(expected.pvalue)
    assert mean_of(values, 0.9).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_equivalence_is_a_one_sided_test():
    values = [0.004, 0.006, 0.005]
    expected = stats.ttest_1samp(values, 0.02, alternative="less").pvalue
    assert equivalent(values, 0.02) == pytest.approx(expected)
    assert equivalent(values, 0.001) > 0.5


def test_holm_by_hand():
    # 4 · 0.01; 3 · 0.01 is less than that; 2 · 0.03; 0.5.
    assert holm([0.03, 0.01, 0.5, 0.01]) == pytest.approx([0.06, 0.04, 0.5, 0.04])
    assert holm([]) == []
    assert holm([0.4, 0.9]) == [0.8, 0.9]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers(ps):
    adjusted = holm(ps)
    assert all(p <= a <= 1 for p, a in zip(ps, adjusted, strict=True))
    by_p = [adjusted[i] for i in sorted(range(len(ps)), key=ps.__getitem__)]
    assert by_p == sorted(by_p)


def test_what_is_no_number_or_not_as_many_is_refused():
    with pytest.raises(UserError, match="3 on one side and 2"):
        paired_depth(DEEP, DEEP[:2], 0.9)
    with pytest.raises(UserError, match="common seeds"):
        paired([0.1], [0.1, 0.2], 0.9)
    with pytest.raises(UserError, match="nan"):
        equivalent([0.1, float("nan")], 0.02)
    with pytest.raises(UserError, match="finite"):
        depth([[0.1, float("inf"), 0.2]], 0.9)
    with pytest.raises(UserError, match="at least one"):
        depth([], 0.9)
    with pytest.raises(UserError, match=r"1\.5"):
        holm([0.2, 1.5])
