"""Which networks of a study are exported, and how; and whose judge the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.config.options import Export, LabelIssues
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
    drawn = dict.fromkeys(arm.name for arm in arms.values() if arm.show)
    wanted = tuple(drawn) if options.get("arms") is None else options["arms"]
    _check_arms("export", wanted, arms)
    return Export(**{**options, "arms": wanted})


def resolve_label_issues(
    options: Mapping[str, Any], arms: Mapping[tuple[str, str], Arm]
) -> LabelIssues:
    """The settings of the section ``label_issues``.

    Raises:
        UserError: an arm is none of the study's.
    """
    wanted = options.get("arms")
    _check_arms("label_issues", wanted or (), arms)
    return LabelIssues(**{**options, "arms": wanted})


def _check_arms(section: str, wanted: Iterable[str], arms: Mapping[tuple[str, str], Arm]) -> None:
    names = dict.fromkeys(arm.name for arm in arms.values())
    for name in wanted:
        if name not in names:
            raise UserError(
                f"config key {section}.arms has {shown(name)} but may have the arms"
                f" {', '.join(names)}"
            )


def exported_networks(export: Export, arms: Mapping[tuple[str, str], Arm]) -> dict[str, Exported]:
    """Every network to export, by the name of its folder."""
    # No name holds a dot, so that these are not alike by chance.
    return {
        f"{'' if panel == ONLY_PANEL else f'{panel}.'}{arm}-{choice}": Exported(panel, arm, choice)
        for panel, arm in arms
        if arm in (export.arms or ())
        for choice in export.choices
    }
