"""The entropy of the neurons' states: Observation 1."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.evidence import MeanTests, Part, mean, plain
from dsd2.analysis.measured import MeasuredArm, by_rate, whole
from dsd2.analysis.phases import deepest_valley
from dsd2.analysis.registered import CLAIMS, Claim

FLAT = 0.1
"""Share of the dense network's entropy that does not count as a change."""


@CLAIMS.register("entropy")
class Entropy(Claim):
    """The entropy is flat through the light and critical phases and falls from the sweet one on."""

    number = 4
    source = "Fig. 2, Observation 1"
    test = (
        "At the highest noise rate the mean entropy up to the valley is within 10 % of the dense"
        " network's, and at the best point behind the valley it is below that at the valley."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        noisy = [arm for arm in whole(arms) if arm.rate > 0]
        ends = [series[-1] for series in by_rate(arms)] or noisy
        changes, falls = [], []
        for arm in ends:
            valley = deepest_valley(arm.curves().mean(0).tolist())
            entropy = arm.curves("entropy")
            if valley.depth and (entropy[:, 0] > 0).all():
                relative = entropy / entropy[:, :1]
                changes.append(plain(relative[:, 1 : valley.bottom + 1].mean(1) - 1))
                falls.append(plain(relative[:, valley.bottom] - relative[:, valley.after]))
        if not changes:
            return []
        return [
            tests.near_zero("change of the entropy up to the valley", mean(changes), FLAT),
            tests.above("fall of the entropy from the valley to the best behind it", mean(falls)),
        ]
