"""What an arm does about sparse double descent, judged over its seeds and beside its twin.

The *twin* of a distilled arm is the arm without distillation that is otherwise alike, or its
teacher's (:mod:`dsd2.planning.twins`). Both have the same seeds, so that their depths are compared
seed by seed. Every word asks on one side of an interval or by the one-sided test that belongs to
it: at a confidence of 0.9 each errs at most once in twenty times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsd2.analysis.inference import (
    Curves,
    Estimate,
    beyond_share,
    cut,
    depth,
    equivalent,
    mean_of,
    paired_depth,
)
from dsd2.analysis.phases import Valley, deepest_valley

Outcome = Literal["exhibits", "reduces", "dodges", "no descent", "undecided"]

DESCENDS: tuple[Outcome, ...] = ("exhibits", "reduces")
"""Verdicts that support the phases of a descent, critical and sweet."""
HALF = 0.5
"""A descent of less than this share of the twin's is *reduced*."""


@dataclass(frozen=True)
class Verdict:
    """SDD of an arm over its seeds.

    Attributes:
        valley: the deepest valley of the mean curve.
        depth: the SDD depth; below zero where there is no valley.
        own: depth of each seed's own deepest valley, wherever it lies.
        own_mean: their mean, which errs on the high side: noise gives each seed some valley.
        less_twin: the depth less the twin's; None without a twin.
        outcome: see :func:`judge`.
    """

    valley: Valley
    depth: Estimate
    own: list[float]
    own_mean: Estimate
    less_twin: Estimate | None
    outcome: Outcome


def judge(
    curves: Curves,
    tolerance: float,
    confidence: float,
    images: int | None = None,
    twin: tuple[Curves, Curves] | None = None,
) -> Verdict:
    """The verdict on an arm.

    - **exhibits**: the interval of its depth lies above the tolerance.
    - **dodges**: its twin exhibits; it is less deep than its twin by the paired interval; and its
      seeds' own valleys are at or below the tolerance by the test of equivalence.
    - **reduces**: its twin exhibits, and by the paired interval its depth is less than half of the
      twin's. An arm that also exhibits is said to reduce.
    - **no descent**: its seeds' own valleys are at or below the tolerance likewise, and it has no
      twin that exhibits.
    - **undecided**: none of these.

    Of valleys at different places the mean curve shows none. So what is said of a curve without a
    valley is tested on each seed's own.

    Args:
        curves: accuracy by iteration, one curve a seed; cut to the shortest.
        tolerance: depth that does not count.
        confidence: level of the intervals, as 0.9.
        images: how many the test images are, where that is known.
        twin: the curves of the seeds that both have, the arm's own and its twin's.

    Raises:
        UserError: an accuracy is not a finite number.
    """
    own_depth = depth(curves, confidence, images)
    own = [deepest_valley(curve).depth for curve in cut(curves)]
    shallow = _shallow(curves, own, tolerance, confidence)
    less_twin, twin_exhibits, halved = None, False, False
    if twin is not None and len(twin[0]):
        less_twin = paired_depth(*twin, confidence, images)
        twin_exhibits = _above(depth(twin[1], confidence, images), tolerance)
        halved = _below_zero(beyond_share(*twin, HALF, confidence, images))
    outcome: Outcome = "undecided"
    if twin_exhibits and shallow and less_twin is not None and _below_zero(less_twin):
        outcome = "dodges"
    elif twin_exhibits and halved:
        outcome = "reduces"
    elif not twin_exhibits and shallow:
        outcome = "no descent"
    elif _above(own_depth, tolerance) and sum(own) > tolerance * len(own):
        outcome = "exhibits"
    valley = deepest_valley(mean_curve(curves))
    return Verdict(valley, own_depth, own, mean_of(own, confidence), less_twin, outcome)


def mean_curve(curves: Curves) -> list[float]:
    """The mean over seeds, as far as the shortest reaches."""
    return [sum(point) / len(curves) for point in zip(*cut(curves), strict=True)]


def _shallow(curves: Curves, own: list[float], tolerance: float, confidence: float) -> bool:
    """Whether seeds have no valley that counts; one curve, however often, shows nothing."""
    different = any([*curve] != [*curves[0]] for curve in curves)
    if different and max(own) == 0:
        return True
    return different and equivalent(own, tolerance) <= (1 - confidence) / 2


def _above(estimate: Estimate, tolerance: float) -> bool:
    return estimate.low is not None and estimate.low > tolerance


def _below_zero(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0
