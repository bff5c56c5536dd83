"""What figures, tables and pages need to know of a study, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """A study for those who draw it and write of it.

    A script gets a part of it: the fields that its rule names. Other fields raise AttributeError.

    Attributes:
        title: heading of the study.
        panels: label of each panel, by name.
        labels: label of each arm, by name.
        drawn: name, panel and place in a grid of the arms that figures draw.
        arms: panel, name, whether it is drawn, network, dataset and filters of each arm.
        settings: panel, name and settings by key of each arm.
        twins: panel, name and twin of the arms that have one: the arm without distillation that
            is otherwise alike, or the teacher's.
        analysis: ``tolerance``, the accuracy difference that does not count, and ``confidence``,
            the level of intervals.
        plot: how figures look.
        paper: what the paper prints of the arms.
        budget: name of the budget laid over the study, if any.
        export: how networks are exported.
        exports: panel, arm and choice of each exported network, by name.
        datasets: panel, name and dataset file of the arms whose networks are compared.
        seed: whose networks are compared.
    """

    title: str
    panels: dict[str, str]
    labels: dict[str, str]
    drawn: Sequence[tuple[str, str, Any]]
    arms: Sequence[dict[str, Any]]
    settings: Sequence[dict[str, Any]]
    twins: Sequence[tuple[str, str, str]]
    analysis: dict[str, float]
    plot: dict[str, Any]
    paper: Sequence[dict[str, Any]]
    budget: str | None
    export: dict[str, Any]
    exports: dict[str, dict[str, Any]]
    datasets: Sequence[tuple[str, str, str]]
    seed: int

    @classmethod
    def part(cls, **values: Any) -> Self:
        """A view with some fields alone."""
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise TypeError(f"a view of a study has no {', '.join(sorted(unknown))}")
        view = object.__new__(cls)
        view.__dict__.update(values)
        return view

    def only(self, *names: str) -> dict[str, Any]:
        """Some fields by name."""
        return {name: getattr(self, name) for name in names}

    @property
    def tolerance(self) -> float:
        """Accuracy difference that does not count."""
        return self.analysis["tolerance"]

    @property
    def confidence(self) -> float:
        """Level of intervals, as 0.95."""
        return self.analysis["confidence"]

    def arm_labels(self, names: Sequence[str]) -> list[str]:
        """Labels of arms."""
        return [self.labels[name] for name in names]
