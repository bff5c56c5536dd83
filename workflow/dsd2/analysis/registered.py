"""The figures and tables that a study may have, and the claims that it may decide, by name.

A figure is one module in ``workflow/scripts/figures/``, a table one in ``dsd2/analysis/tables/``, a
claim one in ``dsd2/analysis/claims/``.
Snakemake reads all of them whenever it starts: they import large libraries inside functions.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.view import StudyView
from dsd2.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    from dsd2.analysis.evidence import MeanTests, Part
    from dsd2.analysis.measured import MeasuredArm
    from dsd2.analysis.table_format import FormattedTable

_SCRIPTS = str(Path(__file__).parents[2] / "scripts")
if _SCRIPTS not in sys.path:
    sys.path.append(_SCRIPTS)


class Figure(ABC):
    """A figure of a study's arms that matplotlib draws.

    Attributes:
        heading: what the report's menu calls it.
        caption: how to read it, in reStructuredText. ``{tolerance}``, ``{confidence}`` (percent)
            and ``{band}`` are filled in.
        file: name of its files before the dot; by default the name that it is registered by.
        every_arm: whether it gets the rows of all arms, as for verdicts, which look at arms that
            are not drawn too; else it gets those of the drawn arms.
    """

    heading: ClassVar[str]
    caption: ClassVar[str]
    formats: ClassVar[tuple[str, ...]] = ("png", "svg")
    file: ClassVar[str] = ""
    every_arm: ClassVar[bool] = False

    @abstractmethod
    def draw(self, study: pd.DataFrame, view: StudyView) -> Drawing | str:
        """The figure: one of matplotlib's, or the text of a page of HTML.

        Args:
            study: rows of the study's metrics, of the arms that ``every_arm`` says.
            view: title, panels, labels, drawn arms, twins, analysis and plot of the study.
        """

    def found(self, study: pd.DataFrame, view: StudyView) -> str:
        """What the figure shows, as a list in reStructuredText; nothing by default."""
        return ""


class Page(Figure):
    """A figure that is a page of HTML for a browser."""

    formats = ("html",)


class Table(ABC):
    """A table of a study's arms; its own docstring opens its caption in the report.

    Attributes:
        heading: what the report's menu calls it.
        trains: whether its numbers come from trainings.
        printed: the column that stands for each quantity that the paper prints.
        texts: the columns beside ``arm`` that hold text of the user's.
    """

    heading: ClassVar[str]
    trains: ClassVar[bool] = True
    printed: ClassVar[Mapping[str, str]] = {}
    texts: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """The numbers: fractions, operations, bits. ``panel`` and ``arm`` hold names.

        Args:
            study: the study's metrics; empty where the table takes no training.
            view: title, panels, labels, arms, twins and analysis of the study.
        """

    @abstractmethod
    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """The numbers as text for people, beside what the paper prints of them, and a note."""

    @abstractmethod
    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """What the numbers show, as a list in reStructuredText."""


class Claim(ABC):
    """A claim of the paper; its own docstring is the claim.

    Attributes:
        number: its place in the scorecard.
        source: where the paper has it.
        test: what decides it, in words. All of it must hold. ``{tolerance}`` is filled in.
    """

    number: ClassVar[int]
    source: ClassVar[str]
    test: ClassVar[str]

    @abstractmethod
    def parts(self, arms: Sequence[MeasuredArm], tests: MeanTests) -> list[Part]:
        """What the claim says of a study's arms, tested part by part.

        Which arms it is about is seen by their settings. Where it has several series of them, as
        one a dataset, a part is of their mean.

        Args:
            arms: those that figures draw.
            tests: of means over seeds.

        Returns:
            The parts; none where the study lacks arms that the claim is about.
        """


FIGURES: Registry[type[Figure]] = Registry("figure", "figures", optional=True)
"""Figures belong to the workflow: the library alone, as pip installs it, has none."""
DEFAULT_FIGURES = ("sdd", "layers", "explorer")
"""Figures of a study that does not say which it has."""

TABLES: Registry[type[Table]] = Registry("table", "dsd2.analysis.tables")
CLAIMS: Registry[type[Claim]] = Registry("claim", "dsd2.analysis.claims")
