"""The distillation's weight and temperature: Appendix C."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from dsd2.analysis.depths import Floats
from dsd2.analysis.evidence import MeanTests, Part, mean, plain
from dsd2.analysis.measured import MeasuredArm, alike, whole
from dsd2.analysis.registered import CLAIMS, Claim

KEYS = ("distillation.alpha", "distillation.temperature")
PAPERS = (0.8, 10.0)
"""α and τ that the paper takes."""


@CLAIMS.register("alpha-temperature")
class AlphaTemperature(Claim):
    """Of the distillation's weights and temperatures α = 0.8 and τ = 10 are best on average."""

    number = 9
    source = "Table 5, Appendix C"
    test = (
        "The best validation accuracy over a chain, as a mean over noise rates, is higher at"
        " α = 0.8 and τ = 10 than at each of the others."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        for group in alike(whole(arms, distilled=True), *KEYS, "noise"):
            found: dict[tuple[float, float], list[Floats]] = defaultdict(list)
            for arm in group:
                alpha, temperature = (float(arm.settings[key]) for key in KEYS)
                found[alpha, temperature].append(plain(arm.returned("validation_accuracy")))
            if PAPERS in found and len(found) > 1:
                best = mean(found.pop(PAPERS))
                return [
                    tests.above(f"gain over α = {alpha:g}, τ = {temperature:g}", best - mean(other))
                    for (alpha, temperature), other in found.items()
                ]
        return []
