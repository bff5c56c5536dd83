"""The measured arms of a study with their settings, by which claims find what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsd2.analysis.depths import Floats

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MeasuredArm:
    """An arm of a study.

    Attributes:
        panel: that it is in.
        label: of its curve.
        settings: by key, as ``noise.rate``; what it does not make use of is left out.
        rows: of the study's metrics.
    """

    panel: str
    label: str
    settings: Mapping[str, Any]
    rows: pd.DataFrame

    @property
    def gated(self) -> bool:
        """Whether a stopping policy may end it before its target sparsity."""
        return bool(self.settings["stopping.policy"] != "none")

    @property
    def distilled(self) -> bool:
        """Whether it has a teacher."""
        return "distillation.teacher" in self.settings

    @property
    def rate(self) -> float:
        """The configured share of wrong labels; 0 where labels are as they came."""
        return float(self.settings.get("noise.rate", 0.0))

    def curves(self, column: str = "test_accuracy") -> Floats:
        """A column by iteration, as far as every seed got, [S, K]; seeds in ascending order."""
        table = self.rows.pivot(index="seed", columns="iteration", values=column)
        return table.sort_index().dropna(axis="columns").to_numpy(float)

    def returned(self, column: str = "test_accuracy") -> Floats:
        """A column of the iteration that each seed returns, [S]."""
        rows = self.rows[self.rows["returned"]]
        return rows.sort_values("seed")[column].to_numpy(float)

    def at_end(self, column: str) -> Floats:
        """A column of each seed's last iteration, [S]."""
        last = self.rows.loc[self.rows.groupby("seed")["iteration"].idxmax()]
        return last.sort_values("seed")[column].to_numpy(float)


def measured_arms(
    study: pd.DataFrame, entries: Iterable[Mapping[str, Any]], labels: Mapping[str, str]
) -> list[MeasuredArm]:
    """The arms of a study.

    Args:
        study: its metrics.
        entries: panel, name and settings of the arms that are wanted.
        labels: of arms, by name.
    """
    rows = dict(iter(study.groupby(["panel", "arm"], sort=False)))
    return [
        MeasuredArm(
            panel=entry["panel"],
            label=labels[entry["name"]],
            settings=entry["settings"],
            rows=rows[entry["panel"], entry["name"]],
        )
        for entry in entries
    ]


def whole(arms: Sequence[MeasuredArm], *, distilled: bool | None = False) -> list[MeasuredArm]:
    """The arms that run to their target sparsity, each once; distilled ones, others, or both.

    Args:
        arms: of a study.
        distilled: None for both.
    """
    found: dict[str, MeasuredArm] = {}
    for arm in arms:
        if not arm.gated and distilled in (None, arm.distilled):
            found.setdefault(repr(_fixed(arm, ())), arm)
    return list(found.values())


def alike(arms: Sequence[MeasuredArm], *free: str) -> list[list[MeasuredArm]]:
    """The arms, in groups whose members differ in some settings alone.

    Args:
        arms: of a study.
        free: keys, as ``model.depth``, or whole sections, as ``noise``.
    """
    groups: dict[str, list[MeasuredArm]] = {}
    for arm in arms:
        groups.setdefault(repr(_fixed(arm, free)), []).append(arm)
    return list(groups.values())


def twin(arm: MeasuredArm, arms: Sequence[MeasuredArm], *free: str) -> MeasuredArm | None:
    """The first of some arms that differs from an arm in some settings alone; None without one."""
    fixed = _fixed(arm, free)
    return next((other for other in arms if _fixed(other, free) == fixed), None)


def varied(
    arms: Sequence[MeasuredArm], key: str, absent: Any = None, *free: str
) -> list[list[MeasuredArm]]:
    """Series of arms that differ in a setting, in ascending order of it; at least two arms each.

    Args:
        arms: of a study.
        key: of the setting, a number.
        absent: what it is where an arm lacks it; None leaves such arms out.
        free: further settings that the arms of a series may differ in.
    """

    def value(arm: MeasuredArm) -> float:
        return float(arm.settings.get(key, absent))

    having = [arm for arm in arms if arm.settings.get(key, absent) is not None]
    series = [sorted(group, key=value) for group in alike(having, key, *free)]
    return [group for group in series if value(group[0]) < value(group[-1])]


def by_rate(arms: Sequence[MeasuredArm]) -> list[list[MeasuredArm]]:
    """Series of whole arms without a teacher that differ in their label noise, by its rate."""
    return varied(whole(arms), "noise.rate", 0.0, "noise")


def _fixed(arm: MeasuredArm, free: Sequence[str]) -> list[tuple[str, Any]]:
    sections = tuple(f"{name}." for name in free)
    return sorted(
        (key, value)
        for key, value in arm.settings.items()
        if key not in free and not key.startswith(sections)
    )
