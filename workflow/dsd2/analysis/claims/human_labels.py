"""Wrong labels that people gave: Appendix I.1."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, Part, mean
from dsd2.analysis.measured import MeasuredArm, twin, whole
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("human-labels")
class HumanLabels(Claim):
    """People's errors behave like random ones: sparse double descent, less of it when distilled."""

    number = 11
    source = "Fig. 7, §I.1"
    test = (
        "With labels that people gave the SDD depth is above {tolerance}, and less with a teacher."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        human = [arm for arm in arms if arm.settings["noise.kind"] == "human"]
        alone, taught = whole(human), whole(human, distilled=True)
        found = [(other, twin(other, alone, "distillation")) for other in taught]
        less = [
            depths(arm.curves()) - depths(other.curves()) for other, arm in found if arm is not None
        ]
        if not less:
            return []
        own = mean([depths(arm.curves()) for arm in alone])
        return [
            tests.above("SDD depth with people's labels", own, tests.tolerance),
            tests.above("SDD depth without a teacher less that with one", mean(less)),
        ]
