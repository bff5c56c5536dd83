"""The traditional early stop and the entropy gate: Table 1."""

from __future__ import annotations

from collections.abc import Sequence

from dsd2.analysis.depths import Floats
from dsd2.analysis.evidence import MeanTests, Part, mean, plain
from dsd2.analysis.measured import MeasuredArm, twin, whole
from dsd2.analysis.registered import CLAIMS, Claim

SAVED = 0.25
"""Share of the training that the paper's gate saves at least in half of its tables."""

Pairs = list[tuple[MeasuredArm, MeasuredArm]]
"""An arm that a policy ends, and the same without that."""


@CLAIMS.register("stopping")
class Stopping(Claim):
    """The traditional stop ends early with low accuracy; the entropy gate keeps it and saves.

    It saves at least a quarter of the training.
    """

    number = 7
    source = "Table 1, Appendix E"
    test = (
        "What the traditional stop returns is less accurate than what the whole chain does. What"
        " the gate returns is at most {tolerance} less accurate, and it saves at least 25 % by the"
        " paper's count, and by the one with the teacher's trainings and forward passes on both"
        " sides."
    )

    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """See :meth:`Claim.parts`."""
        stopped, gated = (
            _pairs(arms, policy, distilled)
            for policy, distilled in (("accuracy", False), ("entropy", True))
        )
        if not stopped or not gated:
            return []
        step = max(1 / other.curves().shape[1] for _, other in gated)
        lost, kept = (
            mean([plain(other.returned() - arm.returned()) for arm, other in pairs])
            for pairs in (stopped, gated)
        )
        return [
            tests.above("accuracy that the traditional stop loses", lost),
            tests.at_most("accuracy that the gate loses", kept, kept, tests.tolerance),
            tests.above("saved by the gate, paper's count", _saved(gated, "paper"), SAVED, step),
            tests.above(
                "saved by the gate, all counted", _saved(gated, "dense", "teacher"), SAVED, step
            ),
        ]


def _pairs(arms: Sequence[MeasuredArm], policy: str, distilled: bool) -> Pairs:
    every = whole(arms, distilled=distilled)
    ended = [arm for arm in arms if arm.settings["stopping.policy"] == policy]
    found = [(arm, twin(arm, every, "stopping")) for arm in ended if arm.distilled == distilled]
    return [(arm, other) for arm, other in found if other is not None]


def _saved(pairs: Pairs, count: str, *before: str) -> Floats:
    def cost(arm: MeasuredArm) -> Floats:
        return sum(arm.at_end(f"{whose}_flops_{count}") for whose in ("total", *before))  # type: ignore[return-value]

    return mean([plain(1 - cost(arm) / cost(other)) for arm, other in pairs])
