"""How many labels are wrong, by confident learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NoiseEstimate:
    """How many labels are wrong.

    Attributes:
        rate: share of the labels.
        low: end of the interval.
        high: likewise.
        count: labels.
        threshold: score from which a label is suspect.
    """

    rate: float
    low: float
    high: float
    count: int
    threshold: float


def estimate_noise(
    score: np.ndarray, probabilities: np.ndarray, given: np.ndarray
) -> NoiseEstimate:
    """Estimate."""
    classes = probabilities.shape[1]
    own = [probabilities[given == c, c] for c in range(classes)]
    thresholds = np.array([part.mean() if len(part) else 1.0 for part in own])
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    wrong = (confident.max(1) >= 0) & (confident.argmax(1) != given)
    count, total = int(wrong.sum()), len(given)
    rate = count / total
    half = 1.96 * (rate * (1 - rate) / total) ** 0.5
    ranked = np.sort(score)[::-1]
    return NoiseEstimate(
        rate,
        max(0.0, rate - half),
        min(1.0, rate + half),
        count,
        float(ranked[count - 1]) if count else 1.0,
    )
