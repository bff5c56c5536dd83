"""What so many seeds could have seen: the power of a test of a mean."""

from __future__ import annotations

import math

import numpy as np

POWER = 0.8
"""How often an effect of the stated size would be seen."""
_QUANTILES = 4000


def detectable(deviation: float, seeds: int, level: float, power: float = POWER) -> float:
    """The smallest mean, as a distance from the bound, that Student's test sees so often.

    Args:
        deviation: of one seed from another.
        seeds: how many; at least 2.
        level: two-sided, of this test alone. Of m claims under Holm's correction the first to be
            decided has the level of all divided by m.
        power: how often it is seen.

    Returns:
        The mean, in the unit of the deviation.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm, t

    freedom = seeds - 1
    critical = float(t.ppf(1 - level / 2, freedom))
    # The non-central t distribution's own function fails far out, where few seeds lie.
    middles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    spread = np.sqrt(chi2.ppf(middles, freedom) / freedom)

    def lacks(shift: float) -> float:
        return float(norm.cdf(shift - critical * spread).mean()) - power

    return deviation * float(brentq(lacks, 0.0, 10 * critical + 10)) / math.sqrt(seeds)
