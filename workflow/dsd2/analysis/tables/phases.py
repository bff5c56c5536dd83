"""Table 12 and more: sparse double descent of each curve, and where its phases end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from dsd2.analysis.captions import name_of, rows_of, rst_list
from dsd2.analysis.inference import Estimate
from dsd2.analysis.kept import kept_sparsity
from dsd2.analysis.registered import TABLES, Table
from dsd2.analysis.summary import Finding, findings
from dsd2.analysis.table_format import (
    Columns,
    FormattedTable,
    absent,
    beside_paper,
    cells,
    percent,
    with_interval,
)
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("panel", "arm", "seeds", "test images", "verdict"),
    *("SDD depth", "SDD depth low", "SDD depth high", "SDD depth p"),
    *("own depth", "own depth low", "own depth high", "depth by seed"),
    *("twin", "less twin", "less twin low", "less twin high", "less twin p"),
    *("kept sparsity", "kept sparsity low", "kept sparsity high"),
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
        return phase_numbers(findings(study, view), view.confidence)

    def formatted(self, table: pd.DataFrame, view: StudyView) -> FormattedTable:
        """The verdicts, and where each curve is best."""

        def estimates(name: str) -> list[str]:
            ends = (table[f"{name}{end}"] for end in ("", " low", " high"))
            return [with_interval(*of_arm) for of_arm in zip(*ends, strict=True)]

        panels = [("panel", [view.panels[panel] for panel in table["panel"]])]
        columns: Columns = [
            *(panels if len(view.panels) > 1 else []),
            ("arm", view.arm_labels(list(table["arm"]))),
            ("verdict", list(table["verdict"])),
            ("SDD depth [points]", estimates("SDD depth")),
            *([("less its twin's", estimates("less twin"))] if table["twin"].notna().any() else []),
            ("kept to ζ [%]", estimates("kept sparsity")),
            ("dense [%]", [percent(value) for value in table["dense accuracy"]]),
            ("valley [%]", [percent(value) for value in table["valley accuracy"]]),
        ]
        for name, quantity in (("best [%]", "accuracy"), ("best at ζ [%]", "sparsity")):
            ours = [percent(value) for value in table[f"best {quantity}"]]
            columns += beside_paper(name, table, ours, quantity)
        columns += [("best in phase", list(table["best phase"]))]
        if "paper phase" in table:
            columns += [("paper", ["" if absent(p) else p for p in table["paper phase"]])]
        return FormattedTable([("", cells(columns))], _note(view))

    def found(self, table: pd.DataFrame, view: StudyView) -> str:
        """Which curves have which verdict."""
        return rst_list(
            f"**{verdict}**: {', '.join(name_of(row, view) for row in rows_of(rows))}"
            for verdict, rows in table.groupby("verdict", sort=False)
        )


def phase_numbers(found: Sequence[Finding], confidence: float) -> pd.DataFrame:
    """A row a curve that runs to its target sparsity.

    Verdict, SDD depth and how it differs from the twin's, with intervals and p-values; the mean
    depth of each seed's own valley, and these; the sparsity to which the accuracy is kept; best
    point with its phase, ends of the phases. Where the mean curve has no valley, nothing stands for
    it.
    """
    import pandas as pd

    table = []
    for finding in found:
        curve, verdict = finding.curve, finding.verdict
        mean = curve.accuracy.mean(axis=1)
        sparsity, best = curve.sparsity, int(mean.to_numpy().argmax())
        valley = verdict.valley
        seeds = curve.accuracy.T.to_numpy().tolist()
        kept = kept_sparsity(seeds, [sparsity.tolist()] * len(seeds), confidence)
        last = {phase: float(sparsity.iloc[i]) for i, phase in enumerate(finding.phases)}
        table.append(
            {
                "panel": curve.panel,
                "arm": curve.arm,
                "seeds": len(curve.runs),
                "test images": curve.images,
                "verdict": verdict.outcome,
                **_named("SDD depth", verdict.depth),
                **_named("own depth", verdict.own_mean),
                "depth by seed": " ".join(f"{depth:.6g}" for depth in verdict.own),
                "twin": finding.twin,
                **_named("less twin", verdict.less_twin),
                **_named("kept sparsity", kept),
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


def _named(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    """An estimate in columns of a name."""
    if estimate is None:
        return {}
    ends = {" low": estimate.low, " high": estimate.high, " p": estimate.p}
    return {name: estimate.mean, **{f"{name}{end}": value for end, value in ends.items()}}


def _note(view: StudyView) -> str:
    count, half = f"{100 * view.tolerance:g} points", "half of its twin's"
    return (
        "The *SDD depth* is how far the expected test accuracy falls below an earlier maximum and"
        " recovers. Each seed is measured at the valley that the other seeds choose, so that the"
        " choice adds nothing to it; below zero there is no valley. In brackets stands the"
        f" {view.confidence:.0%} interval over seeds and test images; one seed has none, nor have"
        " seeds that are all alike. The *twin* of a distilled arm is what it would be without"
        " distillation, and depths are compared seed by seed. An arm *exhibits* sparse double"
        f" descent where the interval lies above {count}. It *dodges* what its twin exhibits where"
        f" it is less deep, and its seeds' own valleys are at most {count} deep by a test of"
        f" equivalence. It *reduces* it where the depth is less than {half}. A curve has *no"
        " descent* where its seeds' own valleys are as shallow, and it has no twin that exhibits"
        " any. Else it is *undecided*. *Kept to ζ* is the largest sparsity whose accuracy is within"
        " a point of the dense network's."
    )
