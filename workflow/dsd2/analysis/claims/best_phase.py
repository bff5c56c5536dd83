"""Which phase the best network lies in: §3.3."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import Floats
from dsd2.analysis.evidence import MeanTests, Part, highest, mean
from dsd2.analysis.measured import MeasuredArm, by_rate
from dsd2.analysis.phases import deepest_valley
from dsd2.analysis.registered import CLAIMS, Claim


@CLAIMS.register("best-phase")
class BestPhase(Claim):
    """With more noise the best network moves from the light to the sweet phase."""

    number = 2
    source = "§3.3, Table 12"
    test = (
        "Chains are parted at the valley of the highest noise rate, or before the last iteration"
        " where none is deeper than {tolerance}. The best accuracy behind it is below the best"
        " before it at the lowest rate, and above it at the highest."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        if not (series := by_rate(arms)):
            return []

        def start(curve: list[float]) -> int:
            valley = deepest_valley(curve)
            return valley.bottom if valley.depth > tests.tolerance else len(curve) - 1

        valleys = [start(s[-1].curves().mean(0).tolist()) for s in series]

        def gain(end: int) -> Floats:
            parted = [(s[end].curves(), v) for s, v in zip(series, valleys, strict=True)]
            return mean([highest(c[:, v:]) - highest(c[:, :v]) for c, v in parted])

        return [
            tests.above("best before the valley less best behind it, lowest rate", -gain(0)),
            tests.above("best behind the valley less best before it, highest rate", gain(-1)),
        ]
