"""Which networks of a study are exported, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.config.options import Export
from dsd2.config.sanitize import shown
from dsd2.config.sections import ONLY_PANEL
from dsd2.errors import UserError

if TYPE_CHECKING:
    from dsd2.config.arms import Arm

__all__ = ["Export", "Exported", "exported_networks", "resolve_export"]


@dataclass(frozen=True)
class Exported:
    """One network to export: the arm whose it is, and how it is chosen."""

    panel: str
    arm: str
    choice: str


def resolve_export(options: Mapping[str, Any], arms: Mapping[tuple[str, str], Arm]) -> Export:
    """The settings of the section ``export``, its defaults filled in.

    Raises:
        UserError: an arm to export is none of the study's.
    """
    names = dict.fromkeys(arm.name for arm in arms.values())
    drawn = dict.fromkeys(arm.name for arm in arms.values() if arm.show)
    wanted = tuple(drawn) if options.get("arms") is None else options["arms"]
    for name in wanted:
        if name not in names:
            raise UserError(
                f"config key export.arms has {shown(name)} but may have the arms {', '.join(names)}"
            )
    return Export(**{**options, "arms": wanted})


def exported_networks(export: Export, arms: Mapping[tuple[str, str], Arm]) -> dict[str, Exported]:
    """Every network to export, by the name of its folder."""
    # No name holds a dot, so that these are not alike by chance.
    return {
        f"{'' if panel == ONLY_PANEL else f'{panel}.'}{arm}-{choice}": Exported(panel, arm, choice)
        for panel, arm in arms
        if arm in (export.arms or ())
        for choice in export.choices
    }
