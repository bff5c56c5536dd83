"""What there is without noise: Appendix I.2."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.evidence import MeanTests, Part
from dsd2.analysis.measured import MeasuredArm, whole
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("clean-data")
class CleanData(Claim):
    """On small data with right labels there is no sparse double descent."""

    number = 13
    source = "Fig. 8, §I.2"
    test = "Without label noise each seed's own deepest valley is at most {tolerance} deep."

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        clean = [arm for arm in whole(arms) if arm.settings["noise.kind"] == "none"]
        if not clean:
            return []
        return [tests.shallow("SDD depth without noise", [arm.curves() for arm in clean])]
