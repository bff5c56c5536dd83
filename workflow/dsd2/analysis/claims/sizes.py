"""How large the network is: §3.6."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, Part, mean
from dsd2.analysis.measured import MeasuredArm, varied, whole
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("size")
class Size(Claim):
    """Sparse double descent grows with depth and width and is absent in small networks."""

    number = 5
    source = "Fig. 4, §3.6"
    test = (
        "The SDD depth of the deepest network is above that of the shallowest, that of the widest"
        " above that of the narrowest. Of the smallest of all each seed's own deepest valley is at"
        " most {tolerance} deep."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        found = {key: varied(whole(arms), f"model.{key}") for key in ("depth", "width")}
        if not all(found.values()):
            return []
        grown = [
            tests.above(
                f"SDD depth at the largest {key} less that at the smallest",
                mean([depths(s[-1].curves()) - depths(s[0].curves()) for s in series]),
            )
            for key, series in found.items()
        ]
        each = [arm for series in found.values() for s in series for arm in s]
        size = {id(arm): int(arm.rows["parameters"].iloc[0]) for arm in each}
        smallest = min(size.values())
        small = whole([arm for arm in each if size[id(arm)] == smallest])
        curves = [arm.curves() for arm in small]
        return [*grown, tests.shallow("SDD depth of the smallest network", curves)]
