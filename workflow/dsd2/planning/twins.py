"""The twin of a distilled arm: what it would be without distillation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dsd2.config.arms import Arm

ALIKE = ("dataset", "noise", "model", "training", "pruning", "perturbation", "corrections")
"""What an arm and its twin have in common."""


def twins(arms: Sequence[Arm]) -> list[tuple[str, str, str]]:
    """Panel, name and twin of the arms that have one, in their order.

    A twin is in the same panel, is not distilled, and runs to its target sparsity. It is the first
    such arm that is otherwise alike; where there is none, one that is like the teacher.
    """
    pairs = ((arm, _twin_of(arm, arms)) for arm in arms)
    return [(arm.panel, arm.name, twin.name) for arm, twin in pairs if twin is not None]


def _twin_of(arm: Arm, arms: Iterable[Arm]) -> Arm | None:
    if arm.distillation is None:
        return None
    inside = [other for other in arms if other.panel == arm.panel]
    plain = [o for o in inside if o.distillation is None and not o.stopping.gated]
    taught_by = [o for o in inside if o.name == arm.distillation.teacher]
    for model in (arm, *taught_by):
        for other in plain:
            if all(getattr(other, part) == getattr(model, part) for part in ALIKE):
                return other
    return None
