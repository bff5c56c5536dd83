"""Which networks of a study are exported, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dsd2.config.arms import ONLY_PANEL, Arm
from dsd2.config.sanitize import shown
from dsd2.errors import UserError
from dsd2.typed import Number, Typed

Choice = Literal["best", "smallest"]


@dataclass(frozen=True, kw_only=True)
class Export(Typed):
    """What is exported of a study.

    Attributes:
        arms: names of the arms.
        choices: which networks of each.
        tolerance: validation accuracy that may be given up for a smaller network.
        precision: that weights are stored with.
        licence: of the weights, as their card says.
        seconds: that each network is timed.
        always: whether the study is done only with its exports.
    """

    arms: tuple[str, ...]
    choices: tuple[Choice, ...]
    tolerance: Number
    precision: Literal["fp32", "fp16"]
    licence: str | None
    seconds: Number
    always: bool


@dataclass(frozen=True)
class Exported:
    """One network to export: the arm whose it is, and how it is chosen."""

    panel: str
    arm: str
    choice: Choice


def resolve_export(options: Mapping[str, Any], arms: Mapping[tuple[str, str], Arm]) -> Export:
    """The settings of the section ``export``, its defaults filled in.

    Raises:
        UserError: an arm to export is none of the study's.
    """
    names = dict.fromkeys(arm.name for arm in arms.values())
    drawn = dict.fromkeys(arm.name for arm in arms.values() if arm.show)
    wanted = drawn if options["arms"] is None else options["arms"]
    for name in wanted:
        if name not in names:
            raise UserError(
                f"config key export.arms has {shown(name)} but may have the arms {', '.join(names)}"
            )
    return Export(**{**options, "arms": tuple(wanted), "choices": tuple(options["choices"])})


def exported_networks(export: Export, arms: Mapping[tuple[str, str], Arm]) -> dict[str, Exported]:
    """Every network to export, by the name of its folder."""
    # No name holds a dot, so that these are not alike by chance.
    return {
        f"{'' if panel == ONLY_PANEL else f'{panel}.'}{arm}-{choice}": Exported(panel, arm, choice)
        for panel, arm in arms
        if arm in export.arms
        for choice in export.choices
    }
