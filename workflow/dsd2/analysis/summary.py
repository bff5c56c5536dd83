"""What a study found: curves and their phases, from the study's table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsd2.analysis.phases import Phase, phases
from dsd2.analysis.verdicts import DESCENDS, Verdict, judge
from dsd2.analysis.view import StudyView

if TYPE_CHECKING:
    import pandas as pd

MEAN = "(mean)"
"""The panel of a row that is the mean over all panels; no panel has such a name."""


@dataclass(frozen=True)
class Curve:
    """One arm of one panel by iteration, up to the iteration that every seed reached.

    Attributes:
        stopping: slug of its stopping policy.
        runs: name of the run of each seed.
        sparsity: mean realised ζ.
        accuracy: test accuracy, a column a seed.
        entropy: in bits, a column a seed.
        images: how many the test images are; None where that was not written down.
        stops: the last iteration of each seed.
        returned: the iteration that each seed returns.
    """

    panel: str
    arm: str
    stopping: str
    runs: list[str]
    sparsity: pd.Series
    accuracy: pd.DataFrame
    entropy: pd.DataFrame
    images: int | None
    stops: list[int]
    returned: list[int]

    @property
    def gated(self) -> bool:
        """Whether a stopping policy may end it before its target sparsity."""
        return self.stopping != "none"


@dataclass(frozen=True)
class Finding:
    """What a curve shows.

    Attributes:
        curve: it.
        twin: name of its twin; None where it has none.
        verdict: of its seeds.
        phases: of each point of its mean.
    """

    curve: Curve
    twin: str | None
    verdict: Verdict
    phases: list[Phase]

    @property
    def supported_phases(self) -> list[Phase | None]:
        """The phases that the verdict supports: critical and sweet are those of a descent."""
        if self.verdict.outcome in DESCENDS:
            return [*self.phases]
        return [phase if phase in ("light", "collapsed") else None for phase in self.phases]


def drawn_rows(study: pd.DataFrame, view: StudyView) -> pd.DataFrame:
    """The rows of the arms that figures draw."""
    keys = {(panel, arm) for arm, panel, _ in view.drawn}
    return study[[key in keys for key in zip(study["panel"], study["arm"], strict=True)]]


def by_arm(study: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Panel, arm and rows of each arm, in the order of the study's table."""
    for (panel, arm), rows in study.groupby(["panel", "arm"], sort=False):
        yield str(panel), str(arm), rows


def curves(study: pd.DataFrame) -> list[Curve]:
    """The curves of a study, in the order of its table."""
    return [_curve(panel, arm, rows) for panel, arm, rows in by_arm(study)]


def shown_curves(every: list[Curve]) -> list[Curve]:
    """The curves to draw: a gated one only where no whole curve holds its iterations."""
    whole = [curve for curve in every if not curve.gated]
    return whole + [c for c in every if c.gated and twin_of(c, whole) is None]


def twin_of(gated: Curve, whole: list[Curve]) -> Curve | None:
    """The whole curve whose iterations a gated arm shares."""
    return next((c for c in whole if c.panel == gated.panel and c.runs == gated.runs), None)


def _curve(panel: str, arm: str, rows: pd.DataFrame) -> Curve:
    def by_seed(column: str) -> pd.DataFrame:
        return rows.pivot(index="iteration", columns="seed", values=column)

    accuracy = by_seed("test_accuracy").dropna()
    last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
    return Curve(
        panel=panel,
        arm=arm,
        stopping=str(rows["stopping"].iloc[0]),
        runs=[str(run) for run in last["run"]],
        sparsity=by_seed("sparsity").loc[accuracy.index].mean(axis=1),
        accuracy=accuracy,
        entropy=by_seed("entropy").loc[accuracy.index],
        images=test_images(rows),
        stops=[int(i) for i in last["iteration"]],
        returned=[int(i) for i in rows.loc[rows["returned"], "iteration"]],
    )


def test_images(rows: pd.DataFrame) -> int | None:
    """How many the test images of an arm's rows are; None where that was not written down."""
    counts = rows["class_images"].iloc[0]
    return None if counts is None else int(sum(counts))


def findings(study: pd.DataFrame, view: StudyView) -> list[Finding]:
    """Judge every arm without a gate: a gated arm's curve is cut, and has no phases.

    Args:
        study: rows of all arms, so that a twin is there even where it is not drawn.
        view: twins and analysis of the study.
    """
    whole = {(c.panel, c.arm): c for c in curves(study) if not c.gated}
    twins = {(panel, arm): twin for panel, arm, twin in view.twins}
    found = []
    for (panel, arm), curve in whole.items():
        other = whole.get((panel, twins.get((panel, arm), "")))
        verdict = judge(
            _seeds(curve.accuracy),
            view.tolerance,
            view.confidence,
            curve.images,
            None if other is None else _common(curve, other),
        )
        mean = curve.accuracy.mean(axis=1).tolist()
        name = None if other is None else other.arm
        found.append(Finding(curve, name, verdict, phases(mean, view.tolerance)))
    return found


def drawn_findings(study: pd.DataFrame, view: StudyView) -> list[Finding]:
    """The findings of the arms that figures draw; likewise."""
    drawn = {(panel, arm) for arm, panel, _ in view.drawn}
    return [f for f in findings(study, view) if (f.curve.panel, f.curve.arm) in drawn]


def _seeds(accuracy: pd.DataFrame) -> list[list[float]]:
    return accuracy.T.to_numpy().tolist()


def _common(curve: Curve, twin: Curve) -> tuple[list[list[float]], list[list[float]]]:
    """The curves of the seeds that an arm and its twin both have."""
    seeds = [seed for seed in curve.accuracy if seed in twin.accuracy]
    return _seeds(curve.accuracy[seeds]), _seeds(twin.accuracy[seeds])
