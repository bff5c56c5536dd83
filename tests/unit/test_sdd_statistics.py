"""How often intervals of simulated studies hold the true depth, and how often words are wrong.

A reduced form of ``make coverage``: fewer studies, numbers of seeds and kinds of noise.
"""

import numpy as np
import pytest
from simulated_curves import (
    ALPHA,
    AT_TOLERANCE,
    CONFIDENCE,
    CURVES,
    HALF_AS_DEEP,
    TOLERANCE,
    Noise,
    depth_intervals,
    drawn,
    drawn_pair,
    paired_intervals,
    verdicts,
)

from dsd2.analysis.depths import signed_depth
from dsd2.analysis.inference import beyond_share, depth, paired_depth
from dsd2.analysis.verdicts import judge

STUDIES = 500
NOISES = [Noise(0.01, 0.004), Noise(0.01, 0.012), Noise(0.01, 0.012, images=400)]
CHANCE = 2.5 * (CONFIDENCE * (1 - CONFIDENCE) / (STUDIES * len(NOISES))) ** 0.5
"""How far a share of all studies strays by chance."""


@pytest.fixture
def random():
    return np.random.default_rng(0)


def truth(curve):
    return float(signed_depth(np.array(curve)))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 8])
@pytest.mark.parametrize("name", CURVES)
def test_intervals_hold_the_true_depth_as_often_as_they_say(name, seeds, random):
    shares = []
    for noise in NOISES:
        curves = drawn(CURVES[name], STUDIES, seeds, noise, random)
        shares.append(depth_intervals(curves, noise.images).holding(truth(CURVES[name])))
    # Where several valleys are equally deep, or none is, they err on the wide side.
    assert CONFIDENCE - 0.03 - CHANCE <= np.mean(shares) <= CONFIDENCE + 0.03 + CHANCE


def test_intervals_of_paired_differences_likewise(random):
    shares = []
    for curve in CURVES.values():
        pair = drawn_pair(curve, CURVES["deep"], STUDIES, 5, NOISES[1], random)
        difference = truth(curve) - truth(CURVES["deep"])
        shares.append(paired_intervals(*pair).holding(difference))
    assert np.mean(shares) == pytest.approx(CONFIDENCE, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_words_are_wrong_no_more_often_than_stated(seeds, random):
    wrong = {word: [] for word in ("exhibits", "dodges", "no descent", "reduces")}
    for noise in NOISES:
        for curve in AT_TOLERANCE.values():
            assert truth(curve) == pytest.approx(TOLERANCE)
            curves, twin = drawn_pair(curve, CURVES["deep"], STUDIES, seeds, noise, random)
            alone = verdicts(curves, images=noise.images)
            wrong["exhibits"].append((alone == "exhibits").mean())
            wrong["no descent"].append((alone == "no descent").mean())
            wrong["dodges"].append((verdicts(curves, twin, noise.images) == "dodges").mean())
        pair = drawn_pair(HALF_AS_DEEP, CURVES["deep"], STUDIES, seeds, noise, random)
        wrong["reduces"].append((verdicts(*pair, noise.images) == "reduces").mean())
    assert truth(HALF_AS_DEEP) == pytest.approx(truth(CURVES["deep"]) / 2)
    assert all(np.mean(rates) <= ALPHA + 0.01 for rates in wrong.values()), wrong


def test_words_are_found_where_they_are_true(random):
    """Rates of errors say nothing of words that are never used."""
    noise = Noise(0.01, 0.004, images=5000)
    deep, none, slight = (CURVES["deep"], CURVES["only falls"], [0.8, 0.79, 0.76, 0.8, 0.3])
    assert (verdicts(drawn(deep, 200, 5, noise, random)) == "exhibits").mean() > 0.99
    assert (verdicts(drawn(none, 200, 5, noise, random)) == "no descent").mean() > 0.99
    pair = drawn_pair(none, deep, 200, 5, noise, random)
    assert (verdicts(*pair, noise.images) == "dodges").mean() > 0.99
    pair = drawn_pair(slight, deep, 200, 5, noise, random)
    assert (verdicts(*pair, noise.images) == "reduces").mean() > 0.95


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("images", [None, 400])
def test_one_study_is_judged_as_many_are(seeds, images, random):
    """What is simulated is what the tables use."""
    noise = Noise(0.01, 0.012, images)
    for curve in (*AT_TOLERANCE.values(), HALF_AS_DEEP, CURVES["only falls"]):
        several, twins = drawn_pair(curve, CURVES["deep"], 5, seeds, noise, random)
        words, alone = verdicts(several, twins, images), verdicts(several, images=images)
        many = depth_intervals(several, images)
        less = paired_intervals(several, twins, images)
        for i, (curves, twin) in enumerate(zip(several.tolist(), twins.tolist(), strict=True)):
            one = depth(curves, CONFIDENCE, images)
            assert (one.low, one.high) == pytest.approx((many.low[i], many.high[i]))
            paired = paired_depth(curves, twin, CONFIDENCE, images)
            assert (paired.low, paired.high) == pytest.approx((less.low[i], less.high[i]))
            assert judge(curves, TOLERANCE, CONFIDENCE, images).outcome == alone[i]
            found = judge(curves, TOLERANCE, CONFIDENCE, images, (curves, twin))
            assert found.outcome == words[i]
            below = beyond_share(curves, twin, 0.5, CONFIDENCE, images).high < 0
            assert below or found.outcome != "reduces"
