"""Evidence for a claim and against it: a number of each seed, and one-sided tests of its mean.

Numbers are arrays [2, S]: first each seed's number, then the mean that is left without that seed,
which the jackknife needs (:mod:`dsd2.analysis.inference`). Sums, differences and means of such
arrays are those of the numbers.

Intervals and tests are Student's over training seeds. They speak of the given images and labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dsd2.analysis.depths import Floats, depths, means_without
from dsd2.analysis.inference import Estimate
from dsd2.analysis.phases import deepest_valley
from dsd2.analysis.standard_errors import depth_variance


@dataclass(frozen=True)
class Part:
    """One thing that a claim says, and how it was tested.

    Attributes:
        says: what is measured, in words.
        wanted: what the claim says of it, in words.
        estimate: mean over seeds, its interval, and the two-sided p that belongs to the test.
        deviation: over seeds; None of one seed.
        seeds: how many.
        supports: one-sided p: small where the claim's word holds.
        contradicts: one-sided p: small where it does not.
    """

    says: str
    wanted: str
    estimate: Estimate
    deviation: float | None
    seeds: int
    supports: float
    contradicts: float


def plain(each: Sequence[float] | Floats) -> Floats:
    """Numbers of seeds that do not depend on each other, [S] to [2, S]."""
    own = np.asarray(each, float)
    return np.stack([own, means_without(own)])


def own_depths(curves: Floats) -> Floats:
    """The depth of each seed's own deepest valley, wherever it lies, [S, K] to [2, S]."""
    return plain([deepest_valley(curve.tolist()).depth for curve in curves])


def held_out(curves: Floats, read: Callable[[Floats, Floats], float]) -> Floats:
    """What is read off each seed's curve where the mean of the other seeds says, to [2, S].

    So the choice of the place adds nothing to what is read. A seed that is alone chooses itself.

    Args:
        curves: of each seed, [S, K].
        read: gives a number, given a seed's own curve and the others' mean, [K] each.
    """

    def each(some: Floats) -> Floats:
        pairs = zip(some, means_without(some), strict=True)
        return np.array([read(own, others) for own, others in pairs])

    held = each(curves)
    if len(curves) == 1:
        return np.stack([held, held])
    without = [each(np.delete(curves, s, 0)).mean() for s in range(len(curves))]
    return np.stack([held, np.array(without)])


def highest(curves: Floats) -> Floats:
    """The highest value of each curve, at the place of the others' highest, to [2, S]."""
    return held_out(curves, lambda own, others: float(own[others.argmax()]))


def rises(curves: Floats) -> Floats:
    """The largest rise from a point to a later one, at the others' places, to [2, S].

    Below zero where curves fall from point to point. Of at least two points.
    """

    def rise(own: Floats, others: Floats) -> float:
        steps = np.where(_later(len(others)), others - others[:, None], -np.inf)
        start, end = np.unravel_index(steps.argmax(), steps.shape)
        return float(own[end] - own[start])

    return held_out(curves, rise)


def own_rises(curves: Floats) -> Floats:
    """The largest rise of each seed's own curve, to [2, S]."""
    later = _later(curves.shape[1])
    return plain([np.where(later, c - c[:, None], -np.inf).max() for c in curves])


def mean(numbers: Sequence[Floats]) -> Floats:
    """The mean of the numbers of several series, as of several datasets."""
    return np.mean(numbers, axis=0)


def _later(points: int) -> Floats:
    return np.triu(np.ones((points, points), bool), 1)


@dataclass(frozen=True)
class MeanTests:
    """One-sided tests of means over seeds.

    Numbers are accuracies and other fractions, [2, S].

    Attributes:
        tolerance: accuracy difference that does not count.
        confidence: level of intervals.
        step: the least that accuracies can differ by, that of one test image. Seeds are taken to
            deviate by that much where they are more alike: that they agree is no proof that there
            is nothing to be seen.
    """

    tolerance: float
    confidence: float
    step: float

    def above(
        self, says: str, numbers: Floats, bound: float = 0.0, step: float | None = None
    ) -> Part:
        """That the mean is above a bound.

        Args:
            says: what is measured.
            numbers: of each seed.
            bound: smallest mean that counts.
            step: the least that the numbers can differ by; that of accuracies by default.
        """
        step = self.step if step is None else step
        above, below = _sides(numbers, bound, step)
        return self._part(says, f"above {_percent(bound)}", numbers, above, below, step)

    def at_most(self, says: str, numbers: Floats, own: Floats, bound: float) -> Part:
        """That the mean is at most a bound, where choosing places could hide that it is not.

        Args:
            says: what is measured.
            numbers: held-out ones, which contradict it.
            own: of each seed's own places, which support it; they err on the high side.
            bound: largest mean that counts as none.
        """
        above, _ = _sides(numbers, bound, self.step)
        _, below = _sides(own, bound, self.step)
        return self._part(says, f"at most {_percent(bound)}", numbers, below, above, self.step)

    def shallow(self, says: str, series: Sequence[Floats]) -> Part:
        """That curves, [S, K] each, have no valley deeper than the tolerance."""
        held, own = (mean([f(curves) for curves in series]) for f in (depths, own_depths))
        return self.at_most(says, held, own, self.tolerance)

    def near_zero(self, says: str, numbers: Floats, bound: float) -> Part:
        """That the mean is within a bound of zero, by two one-sided tests."""
        above, not_above = _sides(numbers, bound, self.step)
        not_below, below = _sides(numbers, -bound, self.step)
        supports, contradicts = max(not_above, not_below), min(1.0, 2 * min(above, below))
        wanted = f"within ±{_percent(bound)}"
        return self._part(says, wanted, numbers, supports, contradicts, self.step)

    def _part(
        self,
        says: str,
        wanted: str,
        numbers: Floats,
        supports: float,
        contradicts: float,
        step: float,
    ) -> Part:
        from scipy.stats import t

        seeds, deviation = numbers.shape[1], _deviation(numbers, step)
        centre, low, high = float(numbers[0].mean()), None, None
        if deviation is not None:
            quantile = float(t.ppf((1 + self.confidence) / 2, seeds - 1))
            half = quantile * deviation / math.sqrt(seeds)
            low, high = centre - half, centre + half
        estimate = Estimate(centre, low, high, min(1.0, 2 * min(supports, contradicts)))
        return Part(says, wanted, estimate, deviation, seeds, supports, contradicts)


def _sides(numbers: Floats, bound: float, step: float) -> tuple[float, float]:
    """One-sided p that support a mean above a bound, and one below it; 1 of one seed."""
    from scipy.stats import t

    deviation, seeds = _deviation(numbers, step), numbers.shape[1]
    if deviation is None:
        return 1.0, 1.0
    statistic = (float(numbers[0].mean()) - bound) / (deviation / math.sqrt(seeds))
    return float(t.sf(statistic, seeds - 1)), float(t.cdf(statistic, seeds - 1))


def _deviation(numbers: Floats, step: float) -> float | None:
    """What seeds deviate by, at least a step; None of one seed."""
    if numbers.shape[1] == 1:
        return None
    return max(math.sqrt(float(depth_variance(*numbers)) * numbers.shape[1]), step)


def _percent(bound: float) -> str:
    return f"{100 * bound:g} %" if bound else "0"
