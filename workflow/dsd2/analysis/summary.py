"""What a study found: curves, phases and costs, from the study's table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dsd2.analysis.phases import Judgement, Phase, judge, phases, student_half_width

COUNTS = ("paper", "dense", "sparse")
"""The three ways of counting the cost of a training."""


@dataclass(frozen=True)
class Curve:
    """One arm of one panel by iteration, up to the iteration that every seed reached.

    Attributes:
        stopping: slug of its stopping policy.
        runs: name of the run of each seed.
        sparsity: mean realised ζ.
        accuracy: test accuracy, a column a seed.
        entropy: in bits, a column a seed.
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
    stops: list[int]
    returned: list[int]

    @property
    def gated(self) -> bool:
        """Whether a stopping policy may end it before the wall."""
        return self.stopping != "none"


@dataclass(frozen=True)
class Finding:
    """What a curve shows."""

    curve: Curve
    judgement: Judgement
    phases: list[Phase]


def _arms(study: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for (panel, arm), rows in study.groupby(["panel", "arm"], sort=False):
        yield str(panel), str(arm), rows


def curves(study: pd.DataFrame) -> list[Curve]:
    """The curves of a study, in the order of its table."""
    return [_curve(panel, arm, rows) for panel, arm, rows in _arms(study)]


def _curve(panel: str, arm: str, rows: pd.DataFrame) -> Curve:
    def by_seed(column: str) -> pd.DataFrame:
        return rows.pivot(index="iteration", columns="seed", values=column).dropna()

    last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
    return Curve(
        panel=panel,
        arm=arm,
        stopping=str(rows["stopping"].iloc[0]),
        runs=[str(run) for run in last["run"]],
        sparsity=by_seed("sparsity").mean(axis=1),
        accuracy=by_seed("test_accuracy"),
        entropy=by_seed("entropy"),
        stops=[int(i) for i in last["iteration"]],
        returned=[int(i) for i in rows.loc[rows["returned"], "iteration"]],
    )


def findings(study: pd.DataFrame, tolerance: float, confidence: float) -> list[Finding]:
    """Judge every arm that runs to the wall; a gated arm's curve is a part of another's."""
    return [
        Finding(
            curve,
            judge(curve.accuracy.T.to_numpy().tolist(), tolerance, confidence),
            phases(curve.accuracy.mean(axis=1).tolist(), tolerance),
        )
        for curve in curves(study)
        if not curve.gated
    ]


def phases_table(found: list[Finding], labels: dict[str, str]) -> pd.DataFrame:
    """A row a curve: SDD depth with its interval, verdict, best point, ends of the phases."""
    table = []
    for finding in found:
        curve, judgement = finding.curve, finding.judgement
        mean = curve.accuracy.mean(axis=1)
        sparsity, best = curve.sparsity, int(mean.to_numpy().argmax())
        ends = {
            f"{phase} until": next(
                (
                    float(sparsity.iloc[i])
                    for i in reversed(range(len(finding.phases)))
                    if finding.phases[i] == phase
                ),
                None,
            )
            for phase in ("light", "critical", "sweet")
        }
        table.append(
            {
                "panel": curve.panel,
                "arm": labels[curve.arm],
                "seeds": len(curve.runs),
                "verdict": judgement.verdict,
                "SDD depth": judgement.depth,
                "depth low": judgement.low,
                "depth high": judgement.high,
                "dense accuracy": float(mean.iloc[0]),
                "valley accuracy": float(mean.iloc[judgement.descent.valley]),
                "valley sparsity": float(sparsity.iloc[judgement.descent.valley]),
                "best accuracy": float(mean.iloc[best]),
                "best sparsity": float(sparsity.iloc[best]),
                "best phase": finding.phases[best],
                **ends,
            }
        )
    return pd.DataFrame(table)


def stopping_table(study: pd.DataFrame, confidence: float, labels: dict[str, str]) -> pd.DataFrame:
    """Table 1: a row an arm, with what it returns and what getting it took.

    Accuracy and sparsity are those of the iteration that is returned, the best by validation
    accuracy; ``accuracy spread`` is the sample deviation over seeds, ``accuracy interval`` half
    the confidence interval. Costs are means over seeds, of the arm's own trainings up to the last
    one and, apart, of its teacher's.
    """
    table = []
    for panel, arm, rows in _arms(study):
        first, returned = rows.iloc[0], rows[rows["returned"]]
        last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
        accuracy = [float(value) for value in returned["test_accuracy"]]
        several = len(accuracy) > 1
        table.append(
            {
                "panel": panel,
                "arm": labels[arm],
                "early stop": first["stopping"].partition("-")[0],
                "distilled": bool(pd.notna(first["teacher_run"])),
                "pruned teacher": bool((last["teacher_iteration"].fillna(0) > 0).any()),
                "trainings": float((last["iteration"] + 1).mean()),
                **{f"training {c}": float(last[f"total_flops_{c}"].mean()) for c in COUNTS},
                **{f"teacher {c}": float(last[f"teacher_flops_{c}"].mean()) for c in COUNTS},
                "accuracy": float(returned["test_accuracy"].mean()),
                "accuracy spread": float(returned["test_accuracy"].std()) if several else None,
                "accuracy interval": student_half_width(accuracy, confidence) if several else None,
                "sparsity": float(returned["sparsity"].mean()),
                "sparsity at stop": float(last["sparsity"].mean()),
                "entropy at stop": float(last["entropy"].mean()),
                "seeds": len(returned),
            }
        )
    return pd.DataFrame(table)
