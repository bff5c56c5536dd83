"""Studies of many seeds drawn from a known expected curve, and how often inference errs on them."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from dsd2.analysis.depths import held_out_depths, mean_depths_without, signed_depth
from dsd2.analysis.inference import depth_variance, error_of

CONFIDENCE, TOLERANCE = 0.9, 0.02
ALPHA = (1 - CONFIDENCE) / 2

HALF_AS_DEEP = [0.80, 0.79, 0.74, 0.70, 0.73, 0.765, 0.775, 0.60, 0.30]
"""A curve half as deep as ``deep``."""
CURVES = {
    "deep": [0.80, 0.78, 0.70, 0.62, 0.66, 0.74, 0.77, 0.60, 0.30],
    "even sides": [0.80, 0.80, 0.72, 0.66, 0.72, 0.80, 0.80, 0.60, 0.30],
    "shallow": [0.80, 0.79, 0.78, 0.77, 0.78, 0.795, 0.80, 0.60, 0.30],
    "wide": [0.80, 0.72, 0.70, 0.70, 0.70, 0.70, 0.70, 0.78, 0.60],
    "two valleys": [0.80, 0.70, 0.78, 0.70, 0.78, 0.79, 0.79, 0.60, 0.30],
    "only falls": [0.80, 0.79, 0.77, 0.74, 0.70, 0.65, 0.58, 0.45, 0.30],
    "flat": [0.80, 0.80, 0.80, 0.80, 0.80, 0.80, 0.80, 0.60, 0.30],
    "rising": [0.74, 0.75, 0.76, 0.77, 0.78, 0.79, 0.80, 0.70, 0.50],
}
"""Expected accuracies by iteration."""
AT_TOLERANCE = {
    "even sides": [0.80, 0.80, 0.79, 0.78, 0.79, 0.80, 0.80, 0.60, 0.30],
    "one bottom": [0.80, 0.79, 0.785, 0.78, 0.79, 0.795, 0.82, 0.60, 0.30],
    "lower after": [0.80, 0.78, 0.76, 0.74, 0.75, 0.755, 0.76, 0.60, 0.30],
    "wide": [0.80, 0.78, 0.78, 0.78, 0.78, 0.78, 0.81, 0.70, 0.30],
    "three valleys": [0.80, 0.78, 0.80, 0.78, 0.80, 0.78, 0.80, 0.60, 0.30],
    "rising": [0.76, 0.75, 0.78, 0.76, 0.80, 0.78, 0.82, 0.70, 0.30],
}
"""Curves that are exactly as deep as the tolerance: words err most often there."""

GROUPS = 20
"""Groups of test images of one difficulty."""


@dataclass(frozen=True)
class Noise:
    """What makes a seed's curve differ from the expected one.

    Attributes:
        level: deviation of a whole curve.
        point: deviation of each of its points.
        images: how many the test images are, which seeds share; None for no end of them.
        spread: over how much of a network's accuracy an image goes from never right to always.
    """

    level: float
    point: float
    images: int | None = None
    spread: float = 0.05


def drawn(curve, studies: int, seeds: int, noise: Noise, random) -> np.ndarray:
    """Curves of the seeds of many studies, [studies, seeds, iterations].

    Each study draws its test images. An image is of a group, and a network is right on it by a
    chance that rises with the network's own accuracy, for easy groups before hard ones.
    """
    shape = (studies, seeds, len(curve))
    true = np.array(curve) + random.normal(0, noise.level, (studies, seeds, 1))
    true = true + random.normal(0, noise.point, shape)
    if noise.images is None:
        return true
    shares = np.full(GROUPS, 1 / GROUPS)
    counts = random.multinomial(noise.images, shares, studies)
    right, variance = np.zeros(shape), np.zeros(shape)
    for group in range(GROUPS):
        chance = np.clip(0.5 + (true - (group + 0.5) / GROUPS) / noise.spread, 0, 1)
        right += counts[:, group, None, None] * chance
        variance += counts[:, group, None, None] * chance * (1 - chance)
    return (right + np.sqrt(variance) * random.normal(0, 1, shape)) / noise.images


@dataclass(frozen=True)
class Intervals:
    """Estimates of many studies, [studies] each."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def holding(self, truth: float) -> float:
        """The share of intervals that hold a number."""
        return float(((self.low <= truth) & (truth <= self.high)).mean())


def intervals(held: np.ndarray, without: np.ndarray, images: int | None) -> Intervals:
    """The intervals of :func:`dsd2.analysis.inference.depth`, of many studies in one call."""
    mean, seeds = held.mean(-1), held.shape[-1]
    error, freedom = error_of(mean, depth_variance(held, without), seeds, images)
    half = t.ppf((1 + CONFIDENCE) / 2, freedom) * error
    return Intervals(mean, mean - half, mean + half)


def depths(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Held-out depths, and their means without each seed, [studies, seeds] each."""
    return held_out_depths(curves), mean_depths_without(curves)


def verdicts(
    curves: np.ndarray, twin: np.ndarray | None = None, images: int | None = None
) -> np.ndarray:
    """The words of :func:`dsd2.analysis.verdicts.judge` for many studies, [studies]."""
    own = np.maximum(signed_depth(curves), 0)
    depth = intervals(*depths(curves), images)
    shallow = _at_most(own, TOLERANCE) | (own.max(-1) == 0)
    exhibits = (depth.low > TOLERANCE) & (own.mean(-1) > TOLERANCE)
    words = np.where(shallow, "no descent", np.where(exhibits, "exhibits", "undecided"))
    if twin is None:
        return words
    pairs = list(zip(depths(curves), depths(twin), strict=True))
    less = intervals(*(a - b for a, b in pairs), images).high < 0
    without = (own.sum(-1, keepdims=True) - own) / (own.shape[-1] - 1)
    halves = (a - b / 2 for a, b in zip((own, without), depths(twin), strict=True))
    halved = intervals(*halves, images).high < 0
    twin_exhibits = intervals(*depths(twin), images).low > TOLERANCE
    beside = np.where(exhibits, "exhibits", "undecided")
    beside = np.where(halved, "reduces", beside)
    beside = np.where(shallow & less, "dodges", beside)
    return np.where(twin_exhibits, beside, words)


def _at_most(values: np.ndarray, margin: float) -> np.ndarray:
    seeds = values.shape[-1]
    error = values.std(-1, ddof=1) / seeds**0.5
    return values.mean(-1) + t.ppf(1 - ALPHA, seeds - 1) * error <= margin
