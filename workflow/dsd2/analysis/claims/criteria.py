"""What is pruned first: He et al. 2022."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dsd2.analysis.depths import Floats, depths
from dsd2.analysis.evidence import MeanTests, Part, mean
from dsd2.analysis.measured import MeasuredArm, whole
from dsd2.analysis.registered import CLAIMS, Claim

CRITERIA = ("magnitude", "gradient", "random")


@CLAIMS.register("criteria")
class Criteria(Claim):
    """Pruning by magnitude, by gradient and at random are alike: all show sparse double descent."""

    number = 12
    source = "He et al. 2022, on which the paper builds"
    test = "With each of the three criteria the SDD depth is above {tolerance}."

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        found: dict[str, list[Floats]] = defaultdict(list)
        for arm in whole(arms):
            found[str(arm.settings["pruning.criterion"])].append(depths(arm.curves()))
        if not found.keys() >= set(CRITERIA):
            return []
        return [
            tests.above(f"SDD depth by {criterion}", mean(found[criterion]), tests.tolerance)
            for criterion in CRITERIA
        ]
