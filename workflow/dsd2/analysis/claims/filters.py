"""Pruning of whole filters: Appendix G."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.evidence import MeanTests, Part, mean, own_rises, plain, rises
from dsd2.analysis.measured import MeasuredArm, twin, whole
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("filters")
class Filters(Claim):
    """Where filters are pruned, accuracy is not monotonic but with distillation is, and higher."""

    number = 10
    source = "Table 13, Appendix G"
    test = (
        "As filters go, the accuracy without a teacher rises somewhere. With the best teacher no"
        " seed's rises by more than {tolerance}, and it is higher on the mean over rounds."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        pruned = [a for a in arms if a.settings.get("pruning.structure") == "filters"]
        taught = whole(pruned, distilled=True)
        found = [(arm, twin(arm, taught, "distillation")) for arm in whole(pruned)]
        pairs = [(arm.curves(), other.curves()) for arm, other in found if other is not None]
        if not pairs:
            return []
        own, held, vanilla = (
            mean([f(curves[which]) for curves in pairs])
            for f, which in ((own_rises, 1), (rises, 1), (rises, 0))
        )
        gain = mean([plain(distilled.mean(1) - alone.mean(1)) for alone, distilled in pairs])
        return [
            tests.above("rise of the accuracy without a teacher", vanilla),
            tests.at_most("rise of the accuracy with one", held, own, tests.tolerance),
            tests.above("accuracy with a teacher less without", gain),
        ]
