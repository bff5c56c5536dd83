"""How far a network can be pruned before its accuracy falls below that of the dense one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from dsd2.analysis.inference import Curves, Estimate, mean_of
from dsd2.analysis.phases import ROUNDING
from dsd2.errors import UserError

POINT = 0.01
"""Accuracy that may be lost: one point."""
LEAST_LEFT = 1e-9
"""Smallest share of weights left whose logarithm is taken."""


def kept_sparsity(curves: Curves, sparsities: Curves, confidence: float) -> Estimate:
    """The largest sparsity whose accuracy is at most a point below the dense network's.

    It is looked for in each seed, whatever lies before it. Mean and interval are of the logarithm
    of the share of weights that is left, as the figures' axis is, and turned back: neither reaches
    1. The interval ends at 0, the dense network. There is no test, so no ``p``.

    Args:
        curves: accuracy by iteration, one curve a seed; the first point is the dense network.
        sparsities: likewise.
        confidence: level of the interval, as 0.9.

    Raises:
        UserError: an accuracy or a sparsity is missing, or no finite number.
    """
    left = [_log_left(*seed) for seed in zip(curves, sparsities, strict=True)]
    found = mean_of(left, confidence)
    ends = (found.high, found.low)
    low, high = (None if end is None else 1 - math.exp(min(end, 0.0)) for end in ends)
    return Estimate(1 - math.exp(found.mean), low, high, None)


def _log_left(curve: Sequence[float], sparsities: Sequence[float]) -> float:
    if not curve or len(curve) != len(sparsities):
        raise UserError(
            f"a curve must have a sparsity for each of its accuracies, at least one, but has"
            f" {len(sparsities)} for {len(curve)}"
        )
    least = curve[0] - POINT - ROUNDING
    kept = max(s for a, s in zip(curve, sparsities, strict=True) if a >= least)
    return math.log(max(1 - kept, LEAST_LEFT))
