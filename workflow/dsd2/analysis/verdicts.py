"""Whether an arm exhibits or dodges sparse double descent, judged over its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dsd2.analysis.phases import ROUNDING, Valley, check_curve, deepest_valley

Outcome = Literal["exhibits", "dodges", "undecided"]


@dataclass(frozen=True)
class Depth:
    """A depth over seeds.

    Attributes:
        mean: over seeds.
        low: lower end of its confidence interval; None where no spread supports one, as with one
            seed or with equal depths.
        high: upper end, likewise.
    """

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Verdict:
    """SDD of an arm over its seeds.

    Attributes:
        valley: the deepest valley of the mean curve.
        common: depth of the seeds at that valley's three indices.
        own: depth of each seed's own deepest valley, wherever it lies; never less than the other.
        same: whether all seeds have one and the same curve.
        outcome: ``exhibits`` where the interval of ``common`` lies above the tolerance; ``dodges``
            where the interval of ``own`` lies at or below it, or where no seed has any valley.
    """

    valley: Valley
    common: Depth
    own: Depth
    same: bool
    outcome: Outcome


def judge(curves: Sequence[Sequence[float]], tolerance: float, confidence: float) -> Verdict:
    """Whether an arm exhibits SDD.

    Two depths of each seed are looked at: at the three indices of the mean curve's deepest valley,
    and that of the seed's own deepest valley. Each has a Student interval over seeds.

    That an arm *exhibits* SDD needs a valley that its seeds have in common. That it *dodges* SDD
    needs seeds without a deep valley anywhere: valleys at different places cancel in the mean
    curve, and prove nothing of the seeds. Noise alone gives each seed some valley, so that its own
    depth errs on the high side, never on the side of *dodges*. The depth in common errs on the high
    side too, but less: its place is chosen on the same curves, as the mean's deepest.

    Without an interval there is no verdict, with one exception: the arm dodges where seeds with
    different curves have no valley at all.

    Args:
        curves: accuracy by iteration, one curve a seed; cut to the shortest.
        tolerance: depth that does not count.
        confidence: level of the interval, as 0.95.

    Raises:
        UserError: an accuracy is not a finite number.
    """
    length = min(len(curve) for curve in curves)
    cut = [list(curve[:length]) for curve in curves]
    for curve in cut:
        check_curve(curve)
    valley = deepest_valley([statistics.fmean(point) for point in zip(*cut, strict=True)])
    own_depths = [deepest_valley(curve).depth for curve in cut]
    common = _depth(
        [min(c[valley.before], c[valley.after]) - c[valley.bottom] for c in cut], confidence
    )
    own = _depth(own_depths, confidence)
    same = all(curve == cut[0] for curve in cut)
    outcome: Outcome = "undecided"
    if not same and common.low is not None and common.low > tolerance:
        outcome = "exhibits"
    elif not same and (max(own_depths) == 0 or (own.high is not None and own.high <= tolerance)):
        outcome = "dodges"
    return Verdict(valley, common, own, same, outcome)


def _depth(depths: Sequence[float], confidence: float) -> Depth:
    mean, half = statistics.fmean(depths), student_half_width(depths, confidence)
    return Depth(mean, None, None) if half is None else Depth(mean, mean - half, mean + half)


def student_half_width(values: Sequence[float], confidence: float) -> float | None:
    """Half the width of Student's confidence interval of a mean.

    None where no spread supports an interval: of one value, or of equal ones.
    """
    from scipy.stats import t

    if max(values) - min(values) <= ROUNDING:
        return None
    error = statistics.stdev(values) / len(values) ** 0.5
    return float(t.ppf((1 + confidence) / 2, len(values) - 1)) * error
