"""Made-up measured arms, whose curves say or deny what a claim says."""

import numpy as np
import pandas as pd

from dsd2.analysis.evidence import MeanTests
from dsd2.analysis.measured import MeasuredArm
from dsd2.analysis.registered import CLAIMS
from dsd2.analysis.scorecard import JudgedStudy

DIP = [0.80, 0.70, 0.60, 0.70, 0.82, 0.40]
DEEPER = [0.70, 0.55, 0.40, 0.60, 0.75, 0.40]
FALL = [0.80, 0.79, 0.78, 0.76, 0.70, 0.30]
HIGHER = [0.90, 0.89, 0.88, 0.86, 0.80, 0.50]
FLAT_ENTROPY = [0.75, 0.76, 0.74, 0.70, 0.60, 0.30]
SEEDS = 6
TESTS = MeanTests(tolerance=0.02, confidence=0.95, step=1 / 400)

PLAIN = {
    "dataset.name": "digits",
    "noise.kind": "symmetric",
    "noise.rate": 0.5,
    "model.name": "vgg-like",
    "model.depth": 2,
    "model.width": 4,
    "training.weight_decay": 1e-4,
    "training.augmentation": "none",
    "pruning.criterion": "magnitude",
    "pruning.fraction": 0.6,
    "perturbation.kind": "none",
    "stopping.policy": "none",
}
"""Settings of a vanilla arm."""
TAUGHT = {
    "distillation.teacher": "vanilla",
    "distillation.alpha": 0.8,
    "distillation.temperature": 10,
}
DENSE, BEST = ({**TAUGHT, "distillation.select": select} for select in ("dense", "best"))
CLEAN = {"noise.kind": "none", "noise.rate": None}
HUMAN = {"noise.kind": "human", "noise.rate": None, "noise.column": "worse_label"}


def made(curve, settings=None, *, entropy=FLAT_ENTROPY, seeds=SEEDS, stop=None, **columns):
    """An arm whose seeds have a curve, each a little off.

    Args:
        curve: mean test accuracy by iteration, which validation has too.
        settings: what differs from those of a vanilla arm; None takes a key away.
        entropy: by iteration.
        seeds: how many.
        stop: iterations that it has; all by default.
        columns: further columns, with one value each.
    """
    merged = {**PLAIN, **(settings or {})}
    draws = np.random.default_rng(len(merged) + round(1000 * sum(curve)))
    rows = []
    for seed in range(seeds):
        own = (np.array(curve) + draws.normal(0, 0.004, len(curve)))[:stop]
        for i, accuracy in enumerate(own):
            costs = {
                f"{whose}_flops_{count}": 1.0 * (i + 1 if whose == "total" else 2)
                for whose in ("total", "teacher")
                for count in ("paper", "dense")
            }
            rows.append(
                {
                    "panel": "all",
                    "arm": "made",
                    "seed": seed,
                    "iteration": i,
                    "test_accuracy": accuracy,
                    "validation_accuracy": accuracy,
                    "entropy": entropy[i],
                    "returned": i == own.argmax(),
                    "parameters": 1000 * merged["model.depth"] * 2 ** merged["model.width"],
                    "origin": "a file",
                    "train_images": 1200,
                    "epochs": 30,
                    **costs,
                    **columns,
                }
            )
    kept = {key: value for key, value in merged.items() if value is not None}
    return MeasuredArm("all", "an arm", kept, pd.DataFrame(rows))


def study_of(arms, claims=tuple(CLAIMS), **changes):
    """A study of arms that decides claims."""
    given = {"name": "made", "claims": claims, "arms": arms, "tests": TESTS}
    return JudgedStudy(**{**given, "scale": "made up", "figure": "figures/sdd.png", **changes})
