"""Regularisers other than distillation: Appendix D."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import depths
from dsd2.analysis.evidence import MeanTests, Part
from dsd2.analysis.measured import MeasuredArm, alike, whole
from dsd2.analysis.registered import CLAIMS, Claim

KEYS = ("training.l1", "training.weight_decay", "model.dropout", "training.augmentation")


@CLAIMS.register("regularisers")
class Regularisers(Claim):
    """ℓ1, ℓ2, dropout and augmentation do not relieve sparse double descent."""

    number = 8
    source = "Fig. 6, Appendix D"
    test = "With each of the regularisers, and with none, the SDD depth is above {tolerance}."

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        for group in alike(whole(arms), *KEYS):
            if all(len({repr(arm.settings.get(key)) for arm in group}) > 1 for key in KEYS):
                return [
                    tests.above(f"SDD depth, {arm.label}", depths(arm.curves()), tests.tolerance)
                    for arm in group
                ]
        return []
