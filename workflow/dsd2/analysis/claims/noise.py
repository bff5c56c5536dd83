"""What more label noise does: §3.2."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, Part, mean
from dsd2.analysis.measured import MeasuredArm, by_rate
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("noise")
class Noise(Claim):
    """Sparse double descent appears under label noise, and is deeper with more noise."""

    number = 1
    source = "Fig. 2, §3.2"
    test = (
        "At the highest noise rate the SDD depth is above {tolerance}, and above that at the lowest"
        " rate."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        if not (series := by_rate(arms)):
            return []
        low, high = (mean([depths(s[end].curves()) for s in series]) for end in (0, -1))
        return [
            tests.above("SDD depth at the highest noise rate", high, tests.tolerance),
            tests.above("SDD depth there less that at the lowest rate", high - low),
        ]
