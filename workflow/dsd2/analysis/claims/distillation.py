"""Distillation from a dense and from a sparse teacher: Observation 2."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, Part, mean, plain
from dsd2.analysis.measured import MeasuredArm, twin, whole
from dsd2.analysis.registered import CLAIMS, Claim

TEACHERS = {"dense": "dense", "best": "best sparse"}


@CLAIMS.register("distillation")
class Distillation(Claim):
    """Distilling from a dense or a sparse teacher avoids sparse double descent.

    At high noise the sparse teacher is the better one.
    """

    number = 6
    source = "Fig. 5, Observation 2"
    test = (
        "The arm without a teacher has an SDD depth above {tolerance}. With a dense and with the"
        " best teacher the depth is less, and each seed's own deepest valley is at most {tolerance}"
        " deep. At the highest noise rate what the best teacher's student returns is more accurate."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        trios = _trios(arms)
        if not trios:
            return []
        vanilla = mean([depths(arm.curves()) for arm, *_ in trios])
        found = [tests.above("SDD depth without a teacher", vanilla, tests.tolerance)]
        for which, teacher in enumerate(TEACHERS.values(), 1):
            curves = [trio[which].curves() for trio in trios]
            less = vanilla - mean([depths(c) for c in curves])
            found += [
                tests.above(f"SDD depth without a teacher less that with a {teacher} one", less),
                tests.shallow(f"SDD depth with a {teacher} teacher", curves),
            ]
        highest = max(arm.rate for arm, *_ in trios)
        pairs = [(best, dense) for arm, dense, best in trios if arm.rate == highest]
        gain = mean([plain(best.returned() - dense.returned()) for best, dense in pairs])
        return [*found, tests.above("accuracy by the best sparse teacher less the dense", gain)]


def _trios(arms: Sequence[MeasuredArm]) -> list[list[MeasuredArm]]:
    """Arms without a teacher, each with the same that a dense and that the best one teaches."""
    taught = whole(arms, distilled=True)

    def students(arm: MeasuredArm) -> list[MeasuredArm | None]:
        by = [[a for a in taught if a.settings["distillation.select"] == t] for t in TEACHERS]
        return [twin(arm, some, "distillation") for some in by]

    found = [[arm, *(s for s in students(arm) if s is not None)] for arm in whole(arms)]
    return [trio for trio in found if len(trio) == 1 + len(TEACHERS)]
