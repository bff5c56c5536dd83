"""What is done to the weights between pruning and retraining: §3.4."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import Floats, depths
from dsd2.analysis.evidence import MeanTests, Part, plain
from dsd2.analysis.measured import MeasuredArm, alike, whole
from dsd2.analysis.phases import deepest_valley
from dsd2.analysis.registered import CLAIMS, Claim

WORDS = {"none": "weights kept", "rewind": "weights rewound", "reinit": "weights drawn anew"}


@CLAIMS.register("perturbations")
class Perturbations(Claim):
    """Keeping, rewinding and re-initialising the weights all show sparse double descent.

    Re-initialising is worst, rewinding falls earlier than keeping, and keeping the weights at a
    lower learning rate is worse throughout.
    """

    number = 3
    source = "Fig. 3, §3.4"
    test = (
        "Each of the three has an SDD depth above {tolerance}. The mean accuracy over rounds is"
        " lower with weights drawn anew than kept and than rewound, and lower at the lower rate"
        " than kept. Behind the best point after the valley it is lower with weights rewound than"
        " kept."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        for group in alike(whole(arms), "perturbation"):
            found = {str(arm.settings["perturbation.kind"]): arm.curves() for arm in group}
            if found.keys() >= {*WORDS, "finetune"}:
                return [*_exhibit(found, tests), *_compared(found, tests)]
        return []


def _exhibit(found: dict[str, Floats], tests: MeanTests) -> list[Part]:
    return [
        tests.above(f"SDD depth, {words}", depths(found[kind]), tests.tolerance)
        for kind, words in WORDS.items()
    ]


def _compared(found: dict[str, Floats], tests: MeanTests) -> list[Part]:
    none, rewind, reinit = (found[kind] for kind in WORDS)
    rounds, curve = slice(1, None), none.mean(0).tolist()
    best = deepest_valley(curve).after or max(range(len(curve)), key=curve.__getitem__)
    fall = slice(min(best + 1, len(curve) - 1), None)

    def less(says: str, better: Floats, worse: Floats, over: slice) -> Part:
        return tests.above(says, plain(better[:, over].mean(1) - worse[:, over].mean(1)))

    return [
        less("accuracy kept less drawn anew", none, reinit, rounds),
        less("accuracy rewound less drawn anew", rewind, reinit, rounds),
        less("accuracy kept less rewound, in the fall", none, rewind, fall),
        less("accuracy kept less kept at a lower rate", none, found["finetune"], rounds),
    ]
