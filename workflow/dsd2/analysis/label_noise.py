"""How many labels are wrong, which images these are likely to be, and what that says of accuracies.

Confident learning (Northcutt et al. 2021) is the anchor of the estimate. It counts images for
which a network is as sure of another class as it is, on the mean, of images with that label. A
network that has memorised its labels is sure of nothing else. So the estimate is that of the
network of a chain which has memorised least, and still knows something.

No estimate can tell a wrong label from an image that networks surely take for another. Such images
count as wrong labels here, as in every method that trusts networks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dsd2.analysis.classes import proportion_interval
from dsd2.analysis.suspicion import Floats
from dsd2.analysis.wrong_labels import HALF, wrong_probabilities
from dsd2.errors import UserError

CONFIDENCE = 0.95
"""Level of all intervals."""
QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""Half an interval's width in deviations."""
SURE = 0.5
"""Share of images, those that a network is surest of, among which it errs least itself."""
MOST_GUESSED = 0.5
"""Networks that guess more of the images which they never saw do not tell that labels are wrong."""


def are_telling(error: float, classes: int | None) -> bool:
    """Whether networks know the class of at least half of the images that they never saw.

    Of few classes a guess is often right: 28 % errors among two classes are 56 % guesses.

    Args:
        error: share of these images that they get wrong.
        classes: how many there are; None where guesses are never right.
    """
    guessed = error if classes is None else error * classes / (classes - 1)
    return guessed <= MOST_GUESSED


@dataclass(frozen=True)
class Evidence:
    """What one network, or a mean of networks, says of how many labels are wrong: shares of them.

    Attributes:
        rate: by confident learning.
        sure: those that it does not answer, among the :data:`SURE` share of images that it is
            surest of. It seldom errs there itself, so that this is a rather small estimate.
        disagreeing: those that it does not answer, all its own errors among them.
        error: share of validation labels that the chain's best network does not answer.
        classes: how many there are; None where guesses are never right.
    """

    rate: float
    sure: float
    disagreeing: float
    error: float = 0.0
    classes: int | None = None

    @property
    def telling(self) -> bool:
        """Whether the networks know the class of at least half of the images they never saw."""
        return are_telling(self.error, self.classes)


@dataclass(frozen=True)
class NoiseEstimate:
    """How many labels are wrong.

    Attributes:
        rate: share of the labels.
        low: lower end of its interval.
        high: upper end.
        count: so many labels are wrong at that rate.
        threshold: score of the last of these; labels with at least this one are suspects. Above 1
            where there is none.
        scores: of all labels, sorted, the most suspicious first.
        error: share of validation labels that the networks do not answer.
        classes: how many there are; None where guesses are never right.
    """

    rate: float
    low: float
    high: float
    count: int
    threshold: float
    scores: Floats
    error: float
    classes: int | None = None

    @property
    def telling(self) -> bool:
        """Whether the networks are good enough to tell that labels are wrong."""
        return are_telling(self.error, self.classes)

    def expected_wrong(self, first: int) -> tuple[float, float, float]:
        """How many of the first, by score, are wrong: expected, and an interval's ends.

        Of some images the networks do not know the class; their labels are as often wrong as all
        are, whatever the score. On images that they never saw these are as many as their errors.
        That is the interval's lower end, and none is its upper end. The square of that share was
        near the truth where it was known (``docs/label-issues.md``). Of networks that do not tell
        that labels are wrong, the interval is from none to all.

        Args:
            first: how many; all where there are fewer.
        """
        first = min(first, len(self.scores))
        blind = (self.error**2, self.error, 0.0)
        expected, spread = [], []
        for rate, share in zip(self.rates, blind, strict=True):
            by_score = wrong_probabilities(self.scores, rate)[:first]
            wrong = (1 - share) * by_score + share * rate
            expected.append(float(wrong.sum()))
            spread.append(QUANTILE * math.sqrt(float((wrong * (1 - wrong)).sum())))
        if not self.telling:
            return expected[0], 0.0, float(first)
        low = min(expected[:2]) - spread[1]
        high = max(expected) + spread[2]
        return expected[0], max(low, 0.0), min(high, float(first))

    @property
    def rates(self) -> tuple[float, float, float]:
        """The estimate and the ends of its interval."""
        return self.rate, self.low, self.high


@dataclass(frozen=True)
class Accuracy:
    """An accuracy and the ends of its interval."""

    value: float
    low: float
    high: float


def confident_joint(probabilities: Floats, given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Confident learning's counts: of images with label i that are confidently of class j, [C, C].

    A class is confident for an image where its probability is at least the mean of that
    probability over images with its label. The likeliest confident class counts; an image without
    one does not.

    Args:
        probabilities: float [N, C].
        given: labels, int64 [N].
    """
    classes = probabilities.shape[1]
    counts = np.bincount(given, minlength=classes)
    own = probabilities[np.arange(len(given)), given].astype(np.float64)
    sums = np.bincount(given, own, minlength=classes)
    # A mean of equal numbers may be rounded above them; of a class without labels there is none.
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1) - 1e-6, np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    counted = confident.max(1) >= 0
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (given[counted], confident.argmax(1)[counted]), 1)
    return joint


def confident_rate(probabilities: Floats, given: NDArray[np.int64]) -> float:
    """The share of wrong labels by confident learning: that of each label's counted images.

    Arguments are those of :func:`confident_joint`.
    """
    joint = confident_joint(probabilities, given)
    counted, right = joint.sum(1), joint.diagonal()
    share = np.where(counted > 0, 1 - right / np.maximum(counted, 1), 0.0)
    return float((share * np.bincount(given, minlength=len(joint))).sum() / len(given))


def evidence(probabilities: Floats, given: NDArray[np.int64]) -> Evidence:
    """What a network says of how many labels are wrong.

    Args:
        probabilities: float [N, C].
        given: labels, int64 [N].
    """
    disagreeing = probabilities.argmax(1) != given
    surest = np.argsort(-probabilities.max(1), kind="stable")[: math.ceil(SURE * len(given))]
    rate = confident_rate(probabilities, given)
    return Evidence(rate, float(disagreeing[surest].mean()), float(disagreeing.mean()))


def estimate_noise(score: Floats, found: Sequence[Evidence]) -> NoiseEstimate:
    """How many labels are wrong, with an interval, and the threshold that follows.

    The interval goes from the rate among the images that networks are surest of to the rate at
    which they answer otherwise, each with its sampling error, and holds that of the estimate
    itself. So it says what is assumed: that networks seldom err where they are surest. Where they
    err on more than half of the images that they never saw, this is not so, and it begins at 0.

    Args:
        score: of all labels, higher is more suspicious, [N].
        found: what networks say of the same labels, one a chain; their mean counts.

    Raises:
        UserError: there is no label or no evidence, or a score is not between 0 and 1.
    """
    if not len(score) or not found:
        raise UserError(
            f"noise of {len(score)} labels by {len(found)} chains: it takes one of each"
        )
    if not ((score >= 0) & (score <= 1)).all():
        raise UserError("a label's score is not a number between 0 and 1")
    n = len(score)
    rate = float(np.mean([each.rate for each in found]))
    ends = [
        *proportion_interval(rate, n, CONFIDENCE),
        proportion_interval(
            float(np.mean([each.sure for each in found])), math.ceil(SURE * n), CONFIDENCE
        )[0],
        proportion_interval(float(np.mean([each.disagreeing for each in found])), n, CONFIDENCE)[1],
    ]
    count = round(rate * n)
    ranked = np.sort(score)[::-1]
    threshold = float(ranked[count - 1]) if count else math.nextafter(1.0, 2.0)
    error = float(np.mean([each.error for each in found]))
    classes = found[0].classes
    low = min(ends)
    if not are_telling(error, classes) or low * n < HALF:
        low = 0.0
    return NoiseEstimate(rate, low, min(max(ends), 1.0), count, threshold, ranked, error, classes)


def accuracy_without(
    correct: NDArray[np.bool_], score: Floats, estimate: NoiseEstimate
) -> Accuracy:
    """What an accuracy would be among the images whose labels are right.

    Each image counts by the probability that its label is right. To leave out what looks wrong
    would not do: it looks wrong for the very reason that networks answer otherwise.

    The interval holds that of the accuracy at both ends of the estimate's interval. Where that
    begins at 0, it holds the measured accuracy.

    Args:
        correct: whether the network answers the given label, [N].
        score: of the labels, [N].
        estimate: of how many are wrong.
    """
    values: list[float] = []
    ends: list[float] = []
    for rate in estimate.rates:
        right = 1 - wrong_probabilities(score, rate)
        images = max(float(right.sum()), 1.0)
        values.append(min(float(right[correct].sum()) / images, 1.0))
        ends += proportion_interval(values[-1], round(images), CONFIDENCE)
    return Accuracy(values[0], min(ends), max(ends))
