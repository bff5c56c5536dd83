"""The tables' numbers: fractions, operations, bits. Arms go by their names, a row each.

Each function leaves ``panel`` and ``arm`` in columns; :mod:`dsd2.analysis.paper_comparison` puts
what the paper prints beside them.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import pandas as pd

from dsd2.analysis.phases import student_half_width
from dsd2.analysis.summary import Finding, by_arm

COUNTS = ("paper", "dense", "sparse")
"""The three ways of counting the cost of a training."""
PHASES = (
    "panel",
    "arm",
    "seeds",
    "verdict",
    "SDD depth",
    "depth low",
    "depth high",
    "own depth",
    "own depth low",
    "own depth high",
    "dense accuracy",
    "valley accuracy",
    "valley sparsity",
    "best accuracy",
    "best sparsity",
    "best phase",
    "light until",
    "critical until",
    "sweet until",
)
"""Columns of the phases; a study whose arms all have a gate has no rows of them."""
MEAN = "(mean)"
"""The panel of a row that is the mean over all panels; no panel has such a name."""


def stopping_table(study: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Table 1: a row an arm, with what it returns and what getting it took.

    Accuracy and sparsity are those of the iteration that is returned, the best by validation
    accuracy; ``accuracy spread`` is the sample deviation over seeds, ``accuracy interval`` half
    the confidence interval, absent where no spread supports one. Costs are means over seeds, of the
    arm's own trainings up to the last one and, apart, of its teacher's.
    """
    table = []
    for panel, arm, rows in by_arm(study):
        first, returned = rows.iloc[0], rows[rows["returned"]]
        last = rows.loc[rows.groupby("seed")["iteration"].idxmax()]
        accuracy = [float(value) for value in returned["test_accuracy"]]
        several = len(accuracy) > 1
        table.append(
            {
                "panel": panel,
                "arm": arm,
                "early stop": first["stopping"].partition("-")[0],
                "distilled": bool(pd.notna(first["teacher_run"])),
                "pruned teacher": bool((last["teacher_iteration"].fillna(0) > 0).any()),
                "trainings": float((last["iteration"] + 1).mean()),
                **{f"training {c}": float(last[f"total_flops_{c}"].mean()) for c in COUNTS},
                **{f"teacher {c}": float(last[f"teacher_flops_{c}"].mean()) for c in COUNTS},
                "accuracy": float(returned["test_accuracy"].mean()),
                "accuracy spread": float(returned["test_accuracy"].std()) if several else None,
                "accuracy interval": student_half_width(accuracy, confidence),
                "sparsity": float(returned["sparsity"].mean()),
                "sparsity at stop": float(last["sparsity"].mean()),
                "entropy at stop": float(last["entropy"].mean()),
                "seeds": len(returned),
            }
        )
    return pd.DataFrame(table)


def phases_table(found: list[Finding]) -> pd.DataFrame:
    """Table 12 and more: a row a curve that runs to the wall.

    Verdict, SDD depth at the valley that the seeds have in common and depth of each seed's own
    valley, both with intervals, best point with its phase, ends of the phases. Where the mean curve
    has no valley, nothing stands for it.
    """
    table = []
    for finding in found:
        curve, judgement = finding.curve, finding.judgement
        mean = curve.accuracy.mean(axis=1)
        sparsity, best = curve.sparsity, int(mean.to_numpy().argmax())
        common, own, descent = judgement.common, judgement.own, judgement.descent
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
                "arm": curve.arm,
                "seeds": len(curve.runs),
                "verdict": judgement.verdict,
                "SDD depth": common.mean,
                "depth low": common.low,
                "depth high": common.high,
                "own depth": own.mean,
                "own depth low": own.low,
                "own depth high": own.high,
                "dense accuracy": float(mean.iloc[0]),
                "valley accuracy": float(mean.iloc[descent.valley]) if descent.depth else None,
                "valley sparsity": float(sparsity.iloc[descent.valley]) if descent.depth else None,
                "best accuracy": float(mean.iloc[best]),
                "best sparsity": float(sparsity.iloc[best]),
                "best phase": finding.phases[best],
                **ends,
            }
        )
    return pd.DataFrame(table, columns=list(PHASES))


def grid_table(study: pd.DataFrame) -> pd.DataFrame:
    """Table 5: the best validation accuracy of every arm by panel, and its mean over panels.

    The best over iterations, then the mean over seeds. Arms that are not in every panel have no
    mean; in a study of one panel none has.
    """
    best: dict[tuple[str, str], pd.Series] = {
        (panel, arm): rows.groupby("seed")["validation_accuracy"].max()
        for panel, arm, rows in by_arm(study)
    }
    table = [
        {"panel": panel, "arm": arm, "seeds": len(seeds), "validation accuracy": seeds.mean()}
        for (panel, arm), seeds in best.items()
    ]
    panels = {panel for panel, _ in best}
    for arm in dict.fromkeys(arm for _, arm in best):
        own = [best[panel, arm] for panel in panels if (panel, arm) in best]
        if len(own) == len(panels) > 1:
            mean = statistics.fmean(float(seeds.mean()) for seeds in own)
            few = min(len(seeds) for seeds in own)
            table.append({"panel": MEAN, "arm": arm, "seeds": few, "validation accuracy": mean})
    return pd.DataFrame(table)


def levels_table(study: pd.DataFrame, filters: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Tables 13 and 14: the test accuracy of every arm by iteration.

    Args:
        study: the study's table.
        filters: of the first convolution, by panel and arm, where filters are pruned: how many
            are left is this number times that layer's density. Others have no number of filters.
    """
    table = []
    for panel, arm, rows in by_arm(study):
        whole = filters.get((panel, arm))
        reached = rows.groupby("seed")["iteration"].max().min()
        for i, level in rows[rows["iteration"] <= reached].groupby("iteration"):
            accuracy = level["test_accuracy"]
            first_layer = float(level["layer_density"].iloc[0][0])
            table.append(
                {
                    "panel": panel,
                    "arm": arm,
                    "iteration": i,
                    "sparsity": float(level["sparsity"].mean()),
                    "filters": None if whole is None else round(whole * first_layer),
                    "accuracy": float(accuracy.mean()),
                    "accuracy spread": float(accuracy.std()) if len(accuracy) > 1 else None,
                    "seeds": len(accuracy),
                }
            )
    return pd.DataFrame(table).astype({"filters": "Int64"})


def models_table(parameters: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Table 3: the parameters of every arm's network.

    Args:
        parameters: by panel and arm.
    """
    return pd.DataFrame(
        {"panel": panel, "arm": arm, "parameters": count}
        for (panel, arm), count in parameters.items()
    )
