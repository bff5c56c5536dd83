"""Sentences of the report's captions: reStructuredText lists of what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dsd2.analysis.classes import arms_by_class, majority_said
from dsd2.analysis.summary import MEAN
from dsd2.analysis.table_format import percent
from dsd2.analysis.view import StudyView
from dsd2.escaping import escape_rst

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
"""A row of a table's numbers."""

BANDS = {"deviation": "sample deviation", "range": "whole range", "none": "(not shown) spread"}
"""What the bands around lines are, by the setting ``plot.band``."""
FOUND = "**What was found:**"
"""What stands before the list; the report's first page includes what follows it."""


def caption(found: str, *paragraphs: str) -> str:
    """A whole caption: how to read a figure or table, then the list of what was found."""
    parts = [*map(str.strip, paragraphs), *([FOUND, found] if found else [])]
    return "\n\n".join(filter(None, parts))


def filled_in(text: str, view: StudyView) -> str:
    """A figure's caption with the study's settings in its fields."""
    return text.format(
        tolerance=f"{100 * view.tolerance:g}",
        confidence=f"{100 * view.confidence:g}",
        band=BANDS[view.plot["band"]],
    )


def name_of(row: Row, view: StudyView) -> str:
    """The label of a row's arm, with its panel where there are several."""
    arm, panel = view.labels[row["arm"]], row["panel"]
    where = f" ({view.panels[panel]})" if len(view.panels) > 1 and panel != MEAN else ""
    return escape_rst(f"{arm}{where}")


def rows_of(table: pd.DataFrame) -> list[Row]:
    """The rows of a table by column."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def interval(view: StudyView) -> str:
    """What intervals are called."""
    return f"{100 * view.confidence:g} % interval"


def rst_list(sentences: Iterable[str]) -> str:
    """A list, an entry a sentence."""
    return "".join(f"* {sentence}\n" for sentence in sentences)


def baseline_found(study: pd.DataFrame, view: StudyView) -> str:
    """Whether what arms return is above the baseline, where that is not so or classes differ."""
    arms = arms_by_class(rows_of(study[study["returned"]]))
    said = [(row, majority_said(row)) for row in arms]
    return rst_list(f"{name_of(row, view)} {text}." for row, text in said if text)


def best_of_panels(table: pd.DataFrame, view: StudyView, column: str, split: str) -> str:
    """The best row of each panel.

    Args:
        table: a table's numbers.
        view: of the study.
        column: the accuracy that decides.
        split: images that it is of.
    """

    def sentence(row: Row) -> str:
        at = f" at ζ = {percent(row['sparsity'], 1)} %" if "sparsity" in row else ""
        where = {MEAN: " on the mean over panels"}.get(row["panel"], "")
        accuracy = f"{percent(row[column], 1)} % {split} accuracy"
        return f"best{where}: {name_of(row, view)}, {accuracy}{at}"

    best: dict[str, Row] = {}
    for row in rows_of(table):
        if row["panel"] not in best or row[column] > best[row["panel"]][column]:
            best[row["panel"]] = row
    return rst_list(map(sentence, best.values()))
