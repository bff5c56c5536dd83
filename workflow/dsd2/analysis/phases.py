"""Phases of a curve, its SDD depth, and whether it exhibits or dodges sparse double descent.

A valley's depth is how far the accuracy lies below both an earlier and a later maximum:
min(highest before, highest after) − valley. A curve's *SDD depth* is that of its deepest valley:
the largest drop below an earlier maximum that is later recovered from.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Phase = Literal["light", "critical", "sweet", "collapsed"]
Verdict = Literal["exhibits", "dodges", "undecided"]


@dataclass(frozen=True)
class Descent:
    """The deepest valley of a curve.

    Attributes:
        before: index of the highest point before it.
        valley: index of its lowest point.
        after: index of the highest point after it.
        depth: min(before, after) − valley, at least 0; 0 where nothing is recovered.
    """

    before: int
    valley: int
    after: int
    depth: float


@dataclass(frozen=True)
class Judgement:
    """SDD of an arm over its seeds.

    Attributes:
        descent: the deepest valley of the mean curve.
        depth: mean over seeds of the depth at that valley's three indices.
        low: lower end of its confidence interval; None with one seed.
        high: upper end.
        verdict: ``exhibits`` where the interval lies above the tolerance, ``dodges`` where below.
    """

    descent: Descent
    depth: float
    low: float | None
    high: float | None
    verdict: Verdict


def deepest_valley(curve: Sequence[float]) -> Descent:
    """The deepest valley of a curve of at least one point."""
    best = Descent(0, 0, 0, 0.0)
    for valley in range(1, len(curve) - 1):
        before = max(range(valley), key=curve.__getitem__)
        after = max(range(valley + 1, len(curve)), key=curve.__getitem__)
        depth = min(curve[before], curve[after]) - curve[valley]
        if depth > best.depth:
            best = Descent(before, valley, after, depth)
    return best


def phases(curve: Sequence[float], tolerance: float) -> list[Phase]:
    """The phase of each point of a mean curve.

    Where the SDD depth exceeds the tolerance: *light* until the last point before the valley that
    is within the tolerance of the maximum before it, *critical* until the valley, *sweet* until
    the last point within the tolerance of the maximum after it, *collapsed* from then on.
    Elsewhere: *light* until the last point within the tolerance of the maximum, then *collapsed*.

    Args:
        curve: mean accuracy by iteration.
        tolerance: accuracy difference that does not count.
    """
    descent = deepest_valley(curve)
    if descent.depth <= tolerance:
        light = _last_near(curve, 0, len(curve), max(curve), tolerance)
        return ["light" if i <= light else "collapsed" for i in range(len(curve))]
    light = _last_near(curve, 0, descent.valley, curve[descent.before], tolerance)
    sweet = _last_near(curve, descent.valley + 1, len(curve), curve[descent.after], tolerance)

    def phase(i: int) -> Phase:
        if i <= light:
            return "light"
        if i <= descent.valley:
            return "critical"
        return "sweet" if i <= sweet else "collapsed"

    return [phase(i) for i in range(len(curve))]


def _last_near(
    curve: Sequence[float], start: int, stop: int, level: float, tolerance: float
) -> int:
    return max(i for i in range(start, stop) if curve[i] >= level - tolerance)


def judge(curves: Sequence[Sequence[float]], tolerance: float, confidence: float) -> Judgement:
    """Whether an arm exhibits SDD.

    The three indices of the deepest valley are those of the mean curve; the depth there of each
    seed gives a mean and a Student interval over seeds. Choosing the valley on the same curves
    makes the depth err on the high side, never on the side of ``dodges``. Where the mean curve has
    no valley at all the depth of every seed is 0 and the verdict ``dodges``, given two seeds.

    Args:
        curves: accuracy by iteration, one curve a seed; cut to the shortest.
        tolerance: depth that does not count.
        confidence: level of the interval, as 0.95.
    """
    length = min(len(curve) for curve in curves)
    means = [statistics.fmean(curve[i] for curve in curves) for i in range(length)]
    descent = deepest_valley(means)
    depths = [
        min(curve[descent.before], curve[descent.after]) - curve[descent.valley] for curve in curves
    ]
    depth = statistics.fmean(depths)
    if len(depths) < 2:
        return Judgement(descent, depth, None, None, "undecided")
    half = student_half_width(depths, confidence)
    low, high = depth - half, depth + half
    verdict: Verdict = "undecided"
    if low > tolerance:
        verdict = "exhibits"
    elif high <= tolerance:
        verdict = "dodges"
    return Judgement(descent, depth, low, high, verdict)


def student_half_width(values: Sequence[float], confidence: float) -> float:
    """Half the width of Student's confidence interval of the mean of at least two values."""
    from scipy.stats import t

    error = statistics.stdev(values) / len(values) ** 0.5
    return float(t.ppf((1 + confidence) / 2, len(values) - 1)) * error
