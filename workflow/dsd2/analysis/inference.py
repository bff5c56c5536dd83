"""What seeds support: estimates with intervals, paired differences, tests, many claims at once.

**What is estimated.** The SDD depth of an arm is that of its *expected* curve: of the mean over all
seeds that might have been trained. It is estimated by the mean of :func:`held_out_depths
<dsd2.analysis.depths.held_out_depths>`, to which the choice of the deepest valley adds nothing.

**Its interval.** Student's, with S − 1 degrees of freedom. Where all seeds choose the same valley
it is exact for normal errors. Where they do not, the depths of seeds depend on each other by their
choices, and Student's variance is too small; the jackknife of the whole procedure has one that
errs on the high side (Efron and Stein, The Annals of Statistics 9, 1981). The variance is a
weighted mean of both (:mod:`dsd2.analysis.standard_errors`), which are equal where all seeds agree.
How often intervals of simulated curves hold the true depth is measured by ``make coverage``.

**Test images.** Seeds share them. Without their number, an estimate is about these images. With it,
about all images of their kind: to the variance of a difference δ of accuracies δ(1 − δ)/n is added
(McNemar, Psychometrika 12, 1947), as if all seeds lost the same images and won none back. Where
seeds lose different ones their spread has it already, and the interval errs on the wide side. Of
the depths of two arms both are counted, as if they lost images independently of each other.
Degrees of freedom are Satterthwaite's.

**Many claims at once.** :func:`holm` keeps the chance that any true null hypothesis is rejected
below the level, however the claims depend on each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsd2.analysis.depths import Floats, depths, means_without
from dsd2.analysis.phases import ROUNDING, check_curve, deepest_valley
from dsd2.analysis.standard_errors import depth_variance, error_of, image_variance
from dsd2.errors import UserError

Curves = Sequence[Sequence[float]]
"""Accuracies by iteration, a curve a seed."""


@dataclass(frozen=True)
class Estimate:
    """An estimate over seeds.

    Attributes:
        mean: the estimate.
        low: lower end of its interval; None where no spread supports one, as of one seed.
        high: upper end, likewise.
        p: of the test that belongs to the interval; None where there is no interval.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None where there is none."""
        return None if self.high is None else self.high - self.mean


def depth(curves: Curves, confidence: float, images: int | None = None) -> Estimate:
    """The SDD depth of an arm; below zero where its curve has no valley.

    ``p`` is one-sided: of a depth that is at most zero.

    Args:
        curves: of each seed; cut to the shortest.
        confidence: level of the interval, as 0.9.
        images: how many the test images are, to speak of more than them.

    Raises:
        UserError: there is no curve, or an accuracy is not a finite number.
    """
    held, without = _depths(curves)
    shared = image_variance(images, held.mean())
    return _estimate(held, _variance(held, without), confidence, shared, two_sided=False)


def paired_depth(
    curves: Curves, twin_curves: Curves, confidence: float, images: int | None = None
) -> Estimate:
    """How much deeper an arm descends than its twin, over common seeds.

    ``p`` is two-sided: of no difference.

    Args:
        curves: of each seed; cut to the shortest.
        twin_curves: of the same seeds in the same order, likewise.
        confidence: level of the interval, as 0.9.
        images: how many the test images are, to speak of more than them.

    Raises:
        UserError: the seeds are not as many, or an accuracy is not a finite number.
    """
    _check_as_many(curves, twin_curves)
    (own, without_own), (twin, without_twin) = _depths(curves), _depths(twin_curves)
    variance = _variance(own - twin, without_own - without_twin)
    shared = image_variance(images, own.mean(), twin.mean())
    return _estimate(own - twin, variance, confidence, shared, two_sided=True)


def beyond_share(
    curves: Curves,
    twin_curves: Curves,
    share: float,
    confidence: float,
    images: int | None = None,
) -> Estimate:
    """How much deeper an arm descends than a share of its twin's depth, over common seeds.

    Of the arm each seed's own deepest valley counts, which errs on the high side; of the twin its
    held-out depth. So an interval below zero shows that the arm keeps less than the share.

    Args and errors are those of :func:`paired_depth`; ``share`` is of the twin's depth.
    """
    _check_as_many(curves, twin_curves)
    own = np.array([deepest_valley(curve).depth for curve in cut(curves)])
    twin, without_twin = _depths(twin_curves)
    variance = _variance(own - share * twin, means_without(own) - share * without_twin)
    shared = image_variance(images, own.mean())
    shared = shared + share**2 * image_variance(images, twin.mean())
    return _estimate(own - share * twin, variance, confidence, shared, two_sided=True)


def paired(
    values: Sequence[float],
    others: Sequence[float],
    confidence: float,
    images: int | None = None,
) -> Estimate:
    """The mean of ``values`` − ``others``, by Student's paired test.

    ``p`` is two-sided: of no difference.

    Args:
        values: one a seed.
        others: of the same seeds in the same order.
        confidence: level of the interval, as 0.9.
        images: how many the test images are, where values are accuracies on them, to speak of more
            than them.

    Raises:
        UserError: the seeds are not as many, or a value is not a finite number.
    """
    _check_as_many(values, others)
    differences = np.subtract(_finite(values), _finite(others))
    shared = image_variance(images, differences.mean())
    return _estimate(differences, _student(differences), confidence, shared, two_sided=True)


def mean_of(values: Sequence[float], confidence: float) -> Estimate:
    """The mean of values over seeds with Student's interval; ``p`` is of a mean of zero.

    Raises:
        UserError: there is no value, or one is not a finite number.
    """
    own = _finite(values)
    return _estimate(own, _student(own), confidence, 0.0, two_sided=True)


def equivalent(values: Sequence[float], margin: float, images: int | None = None) -> float:
    """One-sided p that the mean of values is above a margin: below α it is at or below the margin.

    Of Schuirmann's two one-sided tests it is the one that a quantity needs that cannot be too
    small, as a depth. It is 1 where no spread supports a test: of one value, or of equal ones.

    Args:
        values: one a seed.
        margin: largest mean that counts as none.
        images: how many the test images are, where values are differences of accuracies on them, to
            speak of more than them.

    Raises:
        UserError: there is no value, or one is not a finite number.
    """
    from scipy.stats import t

    own = _finite(values)
    variance = _student(own)
    if variance is None:
        return 1.0
    error, freedom = error_of(variance, len(own), image_variance(images, own.mean()))
    return float(t.cdf((own.mean() - margin) / error, freedom))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order of the given ones.

    Rejecting where they are at most α, all claims together err with a chance of at most α,
    however they depend on each other (Scandinavian Journal of Statistics 6, 1979).

    Raises:
        UserError: a p-value is not between 0 and 1.
    """
    if wrong := [p for p in ps if not 0 <= p <= 1]:
        raise UserError(f"a p-value must be between 0 and 1, but one is {wrong[0]}")
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = highest
    return adjusted


def cut(curves: Curves) -> list[Sequence[float]]:
    """Curves as far as the shortest reaches.

    Raises:
        UserError: there is no curve, or an accuracy is not a finite number.
    """
    if not curves:
        raise UserError("a depth must be of at least one seed's curve, but there is none")
    for curve in curves:
        check_curve(curve)
    length = min(len(curve) for curve in curves)
    return [curve[:length] for curve in curves]


def _depths(curves: Curves) -> tuple[Floats, Floats]:
    """Each seed's held-out depth, and the means without each seed, [S] each."""
    held, without = depths(np.array([[*curve] for curve in cut(curves)], float))
    return held, without


def _variance(held: Floats, without: Floats) -> float | None:
    """The variance of a mean of held-out depths; None where no spread supports one."""
    variance = float(depth_variance(held, without)) if len(held) > 1 else 0.0
    return variance if math.sqrt(variance) > ROUNDING else None


def _student(values: Floats) -> float | None:
    """The variance of a mean; None where no spread supports one."""
    if values.max() - values.min() <= ROUNDING:
        return None
    return float(values.var(ddof=1)) / len(values)


def _estimate(
    values: Floats,
    variance: float | None,
    confidence: float,
    shared: Floats | float,
    *,
    two_sided: bool,
) -> Estimate:
    from scipy.stats import t

    mean = float(values.mean())
    if variance is None:
        return Estimate(mean, None, None, None)
    error, freedom = error_of(variance, len(values), shared)
    half = float(t.ppf((1 + confidence) / 2, freedom) * error)
    p = float(2 * t.sf(abs(mean) / error, freedom) if two_sided else t.sf(mean / error, freedom))
    return Estimate(mean, mean - half, mean + half, p)


def _finite(values: Sequence[float]) -> Floats:
    if not len(values) or not all(map(math.isfinite, values)):
        raise UserError(f"values must be finite numbers, at least one, but are {[*values]}")
    return np.array([*values], float)


def _check_as_many(values: Sequence[object], others: Sequence[object]) -> None:
    if len(values) != len(others):
        raise UserError(
            f"a paired difference must be over common seeds, but there are {len(values)} on one"
            f" side and {len(others)} on the other"
        )
