"""The scorecard for people: tables, the terminal's lines and the report's list, from its rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from dsd2.analysis.captions import rst_list
from dsd2.analysis.power import POWER
from dsd2.analysis.table_format import FormattedTable, absent, cells, markdown, with_interval
from dsd2.escaping import escape_markdown, escape_rst

HEADING = "Which claims of the paper hold"
VERDICTS = ("supported", "contradicted", "undecided", "not tried")

Rows = Sequence[Mapping[str, Any]]
"""Rows of the scorecard's table."""


def scorecard_table(rows: Rows, level: float) -> FormattedTable:
    """A table of the claims, and one of their parts.

    Args:
        rows: of the scorecard.
        level: the chance of an error that is taken.
    """
    whole = _decisive(rows)
    tested = [row for row in rows if row["part"] is not None]
    claims = cells(
        [
            ("claim", [f"{row['number']}. {row['says']}" for row in whole]),
            ("in the paper", [row["source"] for row in whole]),
            ("test", [row["test"] for row in whole]),
            ("effect [%]", list(map(_effect, whole))),
            ("adjusted p", [_p(row["adjusted_p"]) for row in whole]),
            ("verdict", list(map(_verdict, whole))),
            ("data and scale", [row["scale"] or "–" for row in whole]),
            ("figure of", [row["study"] or "–" for row in whole]),
        ]
    )
    parts = cells(
        [
            ("claim", [f"{row['number']} ({row['study']})" for row in tested]),
            ("what is measured", [row["part"] for row in tested]),
            ("must be", [row["wanted"] for row in tested]),
            ("mean over seeds [%]", [_interval(row) for row in tested]),
            ("p for", [_p(row["supports"]) for row in tested]),
            ("p against", [_p(row["contradicts"]) for row in tested]),
            ("could be seen [%]", [_percent(row["could_see"]) for row in tested]),
        ]
    )
    return FormattedTable([("", claims), ("What each claim says", parts)], _note(whole, level))


def scorecard_markdown(table: FormattedTable, rows: Rows, folder: str) -> str:
    """The tables as Markdown, with links to the figures.

    Args:
        table: for people.
        rows: of the scorecard.
        folder: that the Markdown file lies in.
    """
    figures = {row["study"]: row["figure"] for row in rows if row["figure"] is not None}
    links = [
        f"[{escape_markdown(study)}]({os.path.relpath(file, folder)})"
        for study, file in figures.items()
    ]
    return markdown(table) + (f"\nFigures: {', '.join(links)}.\n" if links else "")


def scorecard_lines(rows: Rows) -> list[str]:
    """The claims for the terminal: a line each, and one of what the verdict hangs on."""
    lines = []
    for row in _decisive(rows):
        lines.append(f"{row['number']:>2}. {row['verdict']:<12} {row['says']}")
        tried = not absent(row["effect"])
        said = [f"{_effect(row)}; p = {_p(row['adjusted_p'])}"] if tried else []
        lines += [f"{'':17}{text}" for text in (*said, row["why"]) if text]
    return lines


def scorecard_found(rows: Rows) -> str:
    """How many claims have which verdict, and which, as a list in reStructuredText."""
    whole = _decisive(rows)
    sentences = []
    for verdict in VERDICTS:
        own = [f"{row['number']}. {escape_rst(row['says'])}" for row in whole]
        own = [text for text, row in zip(own, whole, strict=True) if row["verdict"] == verdict]
        if own:
            sentences.append(f"**{verdict}** ({len(own)}): {' '.join(own)}")
    return rst_list(sentences)


def _decisive(rows: Rows) -> Rows:
    return [row for row in rows if row["decides"]]


def _verdict(row: Mapping[str, Any]) -> str:
    return row["verdict"] if row["why"] is None else f"{row['verdict']}: {row['why']}"


def _effect(row: Mapping[str, Any]) -> str:
    if absent(row["effect"]):
        return "–"
    return f"{row['part']}: {_interval(row)}, must be {row['wanted']}"


def _interval(row: Mapping[str, Any]) -> str:
    return with_interval(row["effect"], row["low"], row["high"], digits=1)


def _percent(value: float | None) -> str:
    return "–" if absent(value) else f"{100 * float(value or 0):.1f}"


def _p(value: float | None) -> str:
    if value is None or absent(value):
        return "–"
    return f"{value:.2g}" if value >= 1e-4 else "< 0.0001"


def _note(whole: Rows, level: float) -> str:
    tried = sum(row["adjusted_p"] is not None for row in whole)
    budgets = sorted({row["study"].partition("+")[2] for row in whole if row["study"]} - {""})
    note = (
        "A claim is *supported* where all that it says holds, *contradicted* where some of it does"
        " not, and *undecided* where these seeds do not tell. The effect is that of the part that"
        f" this hangs on, as a mean over training seeds with its {1 - level:.0%} interval: points"
        " of accuracy, or percent of what is named. Seeds share images, split and wrong labels, so"
        " that nothing is said of others. Tests are Student's; parts join to one p a claim (the"
        f" largest p for it, or the smallest against it times their number), and the {tried} claims"
        f" that were tried are adjusted by Holm's method: with a chance of at most {level:.0%} any"
        " of them is decided though nothing is there. *Could be seen* is the power calculation: how"
        " far beyond its bound a mean must lie for so many seeds, deviating as these do, to decide"
        f" it in {POWER:.0%} of repeats, if the claim is the first of all that are tried."
    )
    if budgets:
        note += f" **Caution:** the budget {', '.join(budgets)} makes studies smaller."
    return note
