"""The phases of a curve, and its SDD depth.

A valley's depth is how far the accuracy lies below both an earlier and a later maximum:
min(highest before, highest after) − valley. A curve's *SDD depth* is that of its deepest valley:
the largest drop below an earlier maximum that is later recovered from.

The phases follow one rule (:func:`phases`). A curve has a *descent* where its deepest valley is
deeper than the tolerance.

- **Light**: to the last point within the tolerance of the maximum. With a descent, of the maximum
  before the valley.
- **Critical**: from there to the valley. Without a descent, to the final fall.
- **Sweet**: from the valley to the final fall. There is none without a descent.
- **Collapsed**: from the final fall on.

The *final fall* (:func:`final_fall`) is the last one, which the curve never recovers from. It
begins after the last point that is near the maximum, or after the last *ledge* below it: a place
where the accuracy falls no further from one iteration to the next. So a plateau is no collapse.
Even ground where the collapse has ended, as at the accuracy of a guess, is no ledge but the *foot*.

A curve that is cut short has no phases: a network that looks collapsed may lie in a valley.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dsd2.errors import UserError

Phase = Literal["light", "critical", "sweet", "collapsed"]

ROUNDING = 1e-9
"""Differences of accuracies below this are rounding: they are ratios of counts of images."""
EVEN = 0.25
"""Ground is even where it falls at most this many times as fast as the whole rest of the curve."""
DEEP, SLIGHT = 1 / 3, 1 / 5
"""Even ground is a foot where the curve has lost more than a third of its maximum by then, and what
is still to be lost is at most a fifth of that loss."""


@dataclass(frozen=True)
class Valley:
    """The deepest valley of a curve.

    Attributes:
        before: index of the highest point before it.
        bottom: index of its lowest point.
        after: index of the highest point after it.
        depth: min(before, after) − bottom, at least 0; 0 where nothing is recovered.
    """

    before: int
    bottom: int
    after: int
    depth: float


def deepest_valley(curve: Sequence[float]) -> Valley:
    """The deepest valley of a curve of at least one point."""
    best = Valley(0, 0, 0, 0.0)
    for bottom in range(1, len(curve) - 1):
        before = max(range(bottom), key=curve.__getitem__)
        after = max(range(bottom + 1, len(curve)), key=curve.__getitem__)
        depth = min(curve[before], curve[after]) - curve[bottom]
        if depth > best.depth:
            best = Valley(before, bottom, after, depth)
    return best


def phases(curve: Sequence[float], tolerance: float) -> list[Phase]:
    """The phase of each point of a whole curve, by the rule of this module.

    Args:
        curve: mean accuracy by iteration, to the target sparsity; at least one point.
        tolerance: accuracy difference that does not count.

    Raises:
        UserError: an accuracy is not a finite number.
    """
    check_curve(curve)
    valley = deepest_valley(curve)
    if valley.depth <= tolerance + ROUNDING:
        light = _last_near(curve, 0, len(curve), tolerance)
        critical = sweet = final_fall(curve, 0, tolerance)
    else:
        light = _last_near(curve, 0, valley.bottom, tolerance)
        critical, sweet = valley.bottom, final_fall(curve, valley.bottom + 1, tolerance)

    def phase(i: int) -> Phase:
        if i <= light:
            return "light"
        if i <= critical:
            return "critical"
        return "sweet" if i <= sweet else "collapsed"

    return [phase(i) for i in range(len(curve))]


def final_fall(curve: Sequence[float], start: int, tolerance: float) -> int:
    """The last point before the final fall of a curve, from a start on.

    It is the last point within the tolerance of the maximum from the start on. Where the curve has
    a ledge after that, the same holds from the ledge on. A ledge is a pair of points in a row
    that fall by at most the tolerance, and at most :data:`EVEN` times as fast as the curve does on
    the mean from the point found to its end. A foot is no ledge (:data:`DEEP`, :data:`SLIGHT`).
    """
    held = _last_near(curve, start, len(curve), tolerance)
    while (ledge := _next_ledge(curve, held, tolerance)) is not None:
        held = _last_near(curve, ledge, len(curve), tolerance)
    return held


def _next_ledge(curve: Sequence[float], held: int, tolerance: float) -> int | None:
    """The first point of the first ledge after a point; None where there is none."""
    mean_fall = (curve[held] - curve[-1]) / max(len(curve) - 1 - held, 1)
    allowed = min(tolerance, EVEN * mean_fall) + ROUNDING
    for i in range(held + 1, len(curve) - 1):
        if curve[i] - curve[i + 1] <= allowed and not _is_foot(curve, i + 1):
            return i
    return None


def _is_foot(curve: Sequence[float], i: int) -> bool:
    lost, rest = max(curve) - curve[i], curve[i] - min(curve[i:])
    return lost > DEEP * max(curve) and rest <= SLIGHT * lost


def _last_near(curve: Sequence[float], start: int, stop: int, tolerance: float) -> int:
    """The last point of a part of a curve that is within the tolerance of the part's maximum."""
    level = max(curve[start:stop]) - tolerance - ROUNDING
    return max(i for i in range(start, stop) if curve[i] >= level)


def check_curve(curve: Sequence[float]) -> None:
    """Raise a UserError where a curve has no point, or one that is not finite."""
    if not curve or not all(map(math.isfinite, curve)):
        raise UserError(f"a curve must have finite accuracies, at least one, but is {[*curve]}")
