"""Table 12 and more: sparse double descent of each curve, and where its phases end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.captions import name_of, rows_of, rst_list
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import Finding, findings
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    beside_paper,
    cells,
    percent,
)
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("panel", "arm", "seeds", "verdict", "SDD depth", "depth low", "depth high"),
    *("own depth", "own depth low", "own depth high"),
    *("dense accuracy", "valley accuracy", "valley sparsity"),
    *("best accuracy", "best sparsity", "best phase"),
    *("light until", "critical until", "sweet until"),
)
"""Columns of the numbers; a study whose arms all have a gate has no rows of them."""


@TABLES.register("phases")
class PhasesTable(Table):
    """Each curve's verdict, phases and best point (Table 12)."""

    heading = "Table: sparse double descent and its phases"
    printed: ClassVar = {
        "accuracy": "best accuracy",
        "sparsity": "best sparsity",
        "phase": "best phase",
    }

    def numbers(self, study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
        """See :func:`phase_numbers`."""
        return phase_numbers(findings(study, view.tolerance, view.confidence))

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """The verdicts, and where each curve is best."""

        def depths(name: str, ends: str) -> list[str]:
            of_arms = zip(table[name], table[f"{ends} low"], table[f"{ends} high"], strict=True)
            return [
                percent(d) if absent(low) else f"{percent(d)} ({percent(low)} to {percent(high)})"
                for d, low, high in of_arms
            ]

        panels = [("panel", [view.panels[panel] for panel in table["panel"]])]
        columns: Columns = [
            *(panels if len(view.panels) > 1 else []),
            ("arm", view.arm_labels(list(table["arm"]))),
            ("verdict", list(table["verdict"])),
            ("SDD depth [points]", depths("SDD depth", "depth")),
            ("of each seed's own valley [points]", depths("own depth", "own depth")),
            ("dense [%]", [percent(value) for value in table["dense accuracy"]]),
            ("valley [%]", [percent(value) for value in table["valley accuracy"]]),
        ]
        for name, quantity in (("best [%]", "accuracy"), ("best at ζ [%]", "sparsity")):
            ours = [percent(value) for value in table[f"best {quantity}"]]
            columns += beside_paper(name, table, ours, quantity)
        columns += [("best in phase", list(table["best phase"]))]
        if "paper phase" in table:
            columns += [("paper", ["" if absent(p) else p for p in table["paper phase"]])]
        note = (
            "The SDD depth is the largest drop of the test accuracy below an earlier maximum that"
            " is later recovered from, with its confidence interval over seeds. It is measured at"
            " the valley of the mean curve, and of each seed at its own deepest valley. A curve"
            " *exhibits* sparse double descent when the first interval lies above"
            f" {100 * view.tolerance:g} points. It *dodges* it when the second interval lies at or"
            " below that, or no seed has any valley. Else it is *undecided*. One seed has no"
            " interval, nor have equal depths."
        )
        return FormattedTable([("", cells(columns))], note)

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """Which curves have which verdict."""
        return rst_list(
            f"**{verdict}**: {', '.join(name_of(row, view) for row in rows_of(rows))}"
            for verdict, rows in table.groupby("verdict", sort=False)
        )


def phase_numbers(found: Sequence[Finding]) -> pd.DataFrame:
    """A row a curve that runs to its target sparsity.

    Verdict, SDD depth at the valley that the seeds have in common and depth of each seed's own
    valley, both with intervals, best point with its phase, ends of the phases. Where the mean curve
    has no valley, nothing stands for it.
    """
    import pandas as pd

    table = []
    for finding in found:
        curve, verdict = finding.curve, finding.verdict
        mean = curve.accuracy.mean(axis=1)
        sparsity, best = curve.sparsity, int(mean.to_numpy().argmax())
        common, own, valley = verdict.common, verdict.own, verdict.valley
        last = {phase: float(sparsity.iloc[i]) for i, phase in enumerate(finding.phases)}
        table.append(
            {
                "panel": curve.panel,
                "arm": curve.arm,
                "seeds": len(curve.runs),
                "verdict": verdict.outcome,
                "SDD depth": common.mean,
                "depth low": common.low,
                "depth high": common.high,
                "own depth": own.mean,
                "own depth low": own.low,
                "own depth high": own.high,
                "dense accuracy": float(mean.iloc[0]),
                "valley accuracy": float(mean.iloc[valley.bottom]) if valley.depth else None,
                "valley sparsity": float(sparsity.iloc[valley.bottom]) if valley.depth else None,
                "best accuracy": float(mean.iloc[best]),
                "best sparsity": float(sparsity.iloc[best]),
                "best phase": finding.phases[best],
                **{f"{p} until": last.get(p) for p in ("light", "critical", "sweet")},
            }
        )
    return pd.DataFrame(table, columns=list(COLUMNS))
