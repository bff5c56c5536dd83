"""Which labels an arm corrects: those of a file, or those that look wrong to another arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.config.sanitize import shown
from dsd2.data_recipe import ArmCorrections, CorrectionsRecipe
from dsd2.errors import UserError
from dsd2.recipe import NoiseRecipe, to_json

if TYPE_CHECKING:
    from dsd2.config.arms import Arm


def corrected(
    given: Any, noise: NoiseRecipe, where: str
) -> tuple[NoiseRecipe, ArmCorrections | None]:
    """The noise with the corrections of a file, and those that an arm is to make.

    Args:
        given: the configuration's value of ``dataset.corrections``.
        noise: of the labels that are corrected.
        where: names the arm in messages.

    Raises:
        UserError: it is not said whose networks judge, or what is done.
    """
    if isinstance(given, str):
        file = str(Path(given).expanduser())
        return replace(noise, corrections=CorrectionsRecipe(file=file)), None
    if given is None:
        return noise, None
    for key in ("arm", "action"):
        if key not in given:
            raise UserError(f"config key dataset.corrections.{key} of {where} is missing")
    return noise, ArmCorrections(**given)


def check_corrections(arms: Mapping[str, Arm], arm: Arm) -> None:
    """See that the arm whose networks correct another's labels can do so.

    Args:
        arms: of its panel.
        arm: whose labels are corrected.

    Raises:
        UserError: there is no such arm, or it does not see the labels that are corrected.
    """
    if arm.corrections is None:
        return
    key, judge = f"config key arms.{arm.name}.dataset.corrections.arm", arm.corrections.arm
    if judge not in arms:
        raise UserError(f"{key} is {shown(judge)} but must be one of the arms {', '.join(arms)}")
    other = arms[judge]
    if other.corrections is not None or other.noise.corrections is not None:
        raise UserError(f"{key} is {judge!r}, whose own labels are corrected; name one that is not")
    if _seen(other) != _seen(arm):
        raise UserError(
            f"{key} is {judge!r}, whose dataset or noise differs: it must have seen the same images"
            " and labels"
        )


def _seen(arm: Arm) -> tuple[str, str]:
    return to_json(arm.dataset), to_json(arm.noise)
