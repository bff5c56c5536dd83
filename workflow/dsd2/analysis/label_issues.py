"""From what networks say of labels to rows that people look at: combined, ranked, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsd2.analysis.label_noise import (
    Accuracy,
    NoiseEstimate,
    accuracy_without,
    estimate_noise,
)
from dsd2.analysis.label_scores import DEFAULT_SCORE, ChainScores
from dsd2.files.issue_records import KEEP

Row = dict[str, Any]
"""Of :data:`dsd2.files.issue_records.LABEL_ISSUES`."""


@dataclass(frozen=True)
class Judgement:
    """What networks say of the labels of a split.

    Attributes:
        given: classes that the labels name, int [N].
        suggested: the likeliest other classes, int [N].
        score: how suspicious each label is, from 0 to 1, [N].
        probability_given: of the given class, [N].
        probability_suggested: of the suggested class, [N].
        forgotten_at: sparsity from which no network gives the label, [N]; NaN if there is none.
        order: the images, the most suspicious first, int [N].
        estimate: of how many labels are wrong.
    """

    given: np.ndarray
    suggested: np.ndarray
    score: np.ndarray
    probability_given: np.ndarray
    probability_suggested: np.ndarray
    forgotten_at: np.ndarray
    order: np.ndarray
    estimate: NoiseEstimate

    @property
    def suspects(self) -> np.ndarray:
        """The images whose label is estimated to be wrong, the most suspicious first, int."""
        return self.order[: self.estimate.count]


def judge(chains: Sequence[ChainScores], given: np.ndarray, *, seen: bool) -> Judgement:
    """What several chains say of the same labels, averaged.

    Args:
        chains: of one split's images, one a seed.
        given: their labels, int [N].
        seen: whether the networks were trained on these labels.
    """
    results = [chain.result([DEFAULT_SCORE]) for chain in chains]

    score = np.mean([result[DEFAULT_SCORE] for result in results], axis=0)
    probabilities = np.mean([chain.probabilities for chain in chains], axis=0)
    rows, others = np.arange(len(given)), probabilities.copy()
    others[rows, given] = -1.0
    suggested = others.argmax(1)
    # A chain that never forgets the label is the last to do so.
    forgotten = np.median([_last_if_never(r["forgotten_at"]) for r in results], axis=0)
    return Judgement(
        given=given,
        suggested=suggested,
        score=score,
        probability_given=probabilities[rows, given],
        probability_suggested=probabilities[rows, suggested],
        forgotten_at=np.where(np.isfinite(forgotten), forgotten, np.nan),
        order=np.argsort(-score, kind="stable"),
        estimate=estimate_noise(score, [chain.evidence(seen=seen) for chain in chains]),
    )


@dataclass(frozen=True)
class Accuracies:
    """An accuracy as it was measured, and as it would be if no label were wrong."""

    measured: float
    without: Accuracy


def accuracies(chains: Sequence[ChainScores], found: Judgement) -> Accuracies:
    """The accuracy of the networks that chains return, with and without wrong labels.

    It is a mean over chains. Its interval is over the images, which all have in common.

    Args:
        chains: of images that no network was trained on.
        found: what they say of the labels.
    """
    right, made = [], []
    for chain in chains:
        best = int(np.argmax(chain.accuracies))
        correct = chain.given[best] > chain.other[best]
        right.append(correct.mean())
        made.append(accuracy_without(correct, found.score, found.estimate))
    value, low, high = (
        float(np.mean([getattr(each, name) for each in made])) for name in ("value", "low", "high")
    )
    return Accuracies(float(np.mean(right)), Accuracy(value, low, high))


def _last_if_never(forgotten_at: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(forgotten_at), np.inf, forgotten_at)


def issue_rows(
    split: str,
    images: Sequence[str],
    classes: Sequence[str],
    found: Judgement,
    wrong: np.ndarray | None,
) -> list[Row]:
    """The rows of a split's images, the most suspicious first.

    Args:
        split: its name.
        images: name of each.
        classes: names of the classes.
        found: what networks say of their labels.
        wrong: whether each label is wrong, bool [N]; None where that is not known.
    """
    rows = []
    for rank, i in enumerate(found.order.tolist(), 1):
        forgotten = float(found.forgotten_at[i])
        rows.append(
            {
                "image": images[i],
                "split": split,
                "given": classes[found.given[i]],
                "suggested": classes[found.suggested[i]],
                "score": float(found.score[i]),
                "rank": rank,
                "wrong": None if wrong is None else bool(wrong[i]),
                "suspect": rank <= found.estimate.count,
                "probability_given": float(found.probability_given[i]),
                "probability_suggested": float(found.probability_suggested[i]),
                "forgotten_at": None if np.isnan(forgotten) else forgotten,
                "action": KEEP,
                "label": classes[found.suggested[i]],
            }
        )
    return rows


def class_pairs(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int, int]]:
    """Given class, suggested class, suspects of that pair, images of the given class.

    The pairs with most suspects come first.
    """
    sizes = Counter(row["given"] for row in rows)
    pairs = Counter((row["given"], row["suggested"]) for row in rows if row["suspect"])
    return [
        (given, suggested, count, sizes[given])
        for (given, suggested), count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))
    ]
