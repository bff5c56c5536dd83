"""The probability that each label is wrong, from its score and the share of wrong labels."""

from __future__ import annotations

import math

import numpy as np

from dsd2.analysis.suspicion import Floats

HALF = 0.5
"""Fewer labels than this are none."""
BINS = 1000
"""Scores are counted in so many bins before two normal distributions are fitted to them."""
ROUNDS = 200
"""Of that fit."""


def wrong_probabilities(score: Floats, rate: float) -> Floats:
    """The probability that each label is wrong, float64 [N], whose mean is the rate.

    Scores of right and of wrong labels are taken as normally distributed with one deviation, so
    that the odds are exponential in the score. The rate is held while the two means are fitted.

    Args:
        score: of all labels, [N].
        rate: share of wrong labels.
    """
    wanted = rate * len(score)
    if wanted < HALF:
        return np.zeros(len(score))
    if wanted > len(score) - HALF:
        return np.ones(len(score))
    slope = _slope(score.astype(np.float64), rate)
    low, high = -slope * 2 - 50, 50.0
    for _ in range(80):
        middle = (low + high) / 2
        total = _sigmoid(slope * score + middle).sum()
        low, high = (middle, high) if total < wanted else (low, middle)
    return _sigmoid(slope * score + low)


def _slope(score: Floats, rate: float) -> float:
    """How fast the odds of a wrong label grow with the score: by expectation and maximisation."""
    counts, edges = np.histogram(score, BINS, (0.0, 1.0))
    middles = (edges[1:] + edges[:-1]) / 2
    above = counts[::-1].cumsum()[::-1] - counts / 2
    wrong = np.where(above <= rate * len(score), 0.98, 0.02)
    slope = 0.0
    for _ in range(ROUNDS):
        ones, zeros = counts * wrong, counts * (1 - wrong)
        mean1, mean0 = (ones @ middles) / ones.sum(), (zeros @ middles) / zeros.sum()
        spread = ones @ (middles - mean1) ** 2 + zeros @ (middles - mean0) ** 2
        variance = max(spread / len(score), BINS**-2.0)
        slope = max((mean1 - mean0) / variance, 0.0)
        middle = (mean1 + mean0) / 2
        wrong = _sigmoid(slope * (middles - middle) + math.log(rate / (1 - rate)))
        # A component of which nothing is left would have no mean.
        wrong = np.clip(wrong, 1e-9, 1 - 1e-9)
    return float(slope)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x.astype(np.float64), -500, 500))))
