"""A study as frozen values: the configuration, validated and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsd2.analysis.registered import TABLES
from dsd2.config.arms import Arm, resolve_arms
from dsd2.config.autoconfig import own_study_name
from dsd2.config.base import laid_over_base
from dsd2.config.export_options import resolve_export, resolve_label_issues
from dsd2.config.missing import lacks
from dsd2.config.options import Analysis, Export, LabelIssues, Plot
from dsd2.config.paper import Printed, printed_values
from dsd2.config.sanitize import shown
from dsd2.config.validation import check, top_level
from dsd2.errors import UserError
from dsd2.paths import study_folder

__all__ = ["Analysis", "Plot", "Study", "load_study"]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that a configuration says.

    Attributes:
        folder: name of its folder under ``results/studies``.
        budget: name of the budget laid over it, if any.
        panels: label of each panel, in order.
        arms: by panel and arm name, in order.
        figure: whether it has any.
        figures: names of its figures, where it has any.
        tables: names of its tables.
        claims: names of the claims of the paper that it decides.
        lacks: what data is missing for it to run, where it is then left out; else None.
        paper: what the paper prints of its arms.
        export: which networks are exported, and how.
        label_issues: whose networks judge the labels.
        trackers: what its metrics are written for, by name.
    """

    folder: str
    budget: str | None
    title: str
    seeds: tuple[int, ...]
    data_roots: tuple[str, ...]
    download: bool
    lookahead: int
    decoders: int
    panels: dict[str, str]
    arms: dict[tuple[str, str], Arm]
    analysis: Analysis
    plot: Plot
    figure: bool
    figures: tuple[str, ...]
    tables: tuple[str, ...]
    claims: tuple[str, ...]
    lacks: str | None
    paper: tuple[Printed, ...]
    export: Export
    label_issues: LabelIssues
    trackers: tuple[str, ...]

    @property
    def trains(self) -> bool:
        """Whether the study takes training: unless it shows tables alone that take none."""
        return self.figure or not self.tables or any(TABLES[name].trains for name in self.tables)


def load_study(config: Any, home: Path | None = None) -> Study:
    """Validate a raw configuration and resolve it.

    Args:
        config: of one study.
        home: where a file that it is like is looked for that is not in the working directory.

    Raises:
        UserError: one sentence that names the key, its value and what is allowed.
    """
    config = laid_over_base(check(config), home)
    if "data" in config and "path" in config.get("dataset", {}):
        raise UserError(
            f"config key dataset.path is {shown(config['dataset']['path'])} beside data, which is"
            f" {shown(config['data'])}: only one of them may name the folder of images"
        )
    if "weights" in config and "data" not in config:
        raise UserError(
            f"config key weights is {shown(config['weights'])} without data: give it in the section"
            " model, as model: {weights: …}"
        )
    panels, arms = resolve_arms(config)
    name = config["study"] if "study" in config else own_study_name(config["data"])
    return Study(
        folder=study_folder(name, config.get("budget")),
        budget=config.get("budget"),
        title=config.get("title", name),
        seeds=tuple(top_level(config, "seeds")),
        data_roots=tuple(top_level(config, "data_roots")),
        download=top_level(config, "download"),
        lookahead=top_level(config, "lookahead"),
        decoders=top_level(config, "decoders"),
        panels=panels,
        arms=arms,
        analysis=Analysis(**config.get("analysis", {})),
        plot=Plot(**config.get("plot", {})),
        figure=top_level(config, "figure"),
        figures=tuple(top_level(config, "figures")),
        tables=tuple(top_level(config, "tables")),
        claims=tuple(top_level(config, "claims")),
        lacks=lacks(config, arms) if top_level(config, "missing_data") == "skip" else None,
        paper=printed_values(top_level(config, "paper"), arms),
        export=resolve_export(config.get("export", {}), arms),
        label_issues=resolve_label_issues(config.get("label_issues", {}), arms),
        trackers=tuple(top_level(config, "trackers")),
    )
