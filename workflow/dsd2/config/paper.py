"""What the paper prints of a study's arms, for tables that show it beside our own values."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from dsd2.config.sanitize import shown
from dsd2.errors import UserError
from dsd2.keys import Default, Doc, Ge, Le
from dsd2.typed import Typed

PERCENT = 0.01
PFLOP = 1e15
UNITS = {
    "accuracy": PERCENT,
    "spread": PERCENT,
    "validation_accuracy": PERCENT,
    "sparsity": PERCENT,
    "training": PFLOP,
    "teacher": PFLOP,
    "parameters": 1,
}
"""What a number of the configuration is multiplied by to be in the unit of our tables."""


@dataclass(frozen=True, kw_only=True)
class Printed(Typed):
    """Values that the paper prints of one arm.

    The configuration has them as the paper does: percent and PFLOP. An object of this class has
    them in our units: fractions and operations.

    Attributes:
        panel: None for the mean over all panels.
        iteration: None for what the arm returns.
    """

    panel: Annotated[
        str | None,
        Default(None),
        Doc("Panel that the values are of; left out, the only one, or the mean over all panels."),
    ]
    arm: Annotated[
        str, Doc("Arm that the values are of; it may be left out where there is one alone.")
    ]
    iteration: Annotated[
        int | None,
        Ge(0),
        Doc("Iteration that the values are of; left out, the one that the arm returns."),
    ] = None
    accuracy: Annotated[float | None, Ge(0), Le(100), Doc("Test accuracy in percent.")] = None
    spread: Annotated[float | None, Ge(0), Le(100), Doc("Its deviation, in points.")] = None
    validation_accuracy: Annotated[
        float | None, Ge(0), Le(100), Doc("Validation accuracy in percent.")
    ] = None
    sparsity: Annotated[float | None, Ge(0), Le(100), Doc("Sparsity in percent.")] = None
    training: Annotated[float | None, Ge(0), Doc("Cost of the arm's own trainings in PFLOP.")] = (
        None
    )
    teacher: Annotated[float | None, Ge(0), Doc("Cost of its teacher's trainings in PFLOP.")] = None
    parameters: Annotated[float | None, Ge(0), Doc("Parameters of the network.")] = None
    phase: Annotated[
        Literal["light", "critical", "sweet", "collapsed"] | None,
        Doc("Phase that the best point is in."),
    ] = None


def printed_values(
    entries: list[dict[str, Any]], arms: Collection[tuple[str, str]]
) -> tuple[Printed, ...]:
    """Resolve the entries of the configuration key ``paper``.

    Args:
        entries: as the schema has checked them.
        arms: the panel and name of every arm of the study.

    Raises:
        UserError: an entry is of no arm, or does not say of which.
    """
    return tuple(_printed(i, entry, arms) for i, entry in enumerate(entries))


def _printed(number: int, entry: dict[str, Any], arms: Collection[tuple[str, str]]) -> Printed:
    key = f"config key paper.{number}"
    panels = list(dict.fromkeys(panel for panel, _ in arms))
    panel = entry.get("panel") or (panels[0] if len(panels) == 1 else None)
    if panel is not None and panel not in panels:
        raise UserError(f"{key}.panel is {shown(panel)} but must be one of {', '.join(panels)}")
    names = list(dict.fromkeys(arm for place, arm in arms if panel in (None, place)))
    arm = entry.get("arm", names[0] if len(names) == 1 else None)
    if arm is None:
        raise UserError(f"{key}.arm is missing: it must be one of {', '.join(names)}")
    if arm not in names:
        raise UserError(f"{key}.arm is {shown(arm)} but must be one of {', '.join(names)}")
    values = {
        name: value
        for name, value in entry.items()
        if name not in ("panel", "arm") and value is not None
    }
    if panel is None and values.keys() != {"validation_accuracy"}:
        raise UserError(
            f"{key}.panel is missing: of the values that the paper prints only a"
            " validation_accuracy may be a mean over panels"
        )
    scaled = {
        name: value * UNITS[name] if name in UNITS else value for name, value in values.items()
    }
    return Printed(panel=panel, arm=arm, **scaled)
