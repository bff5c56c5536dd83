"""How suspicious each given label is, from what the networks of a pruning chain answer.

A network that is pruned forgets wrong labels before right ones. So the probability that the
networks of a chain give to an image's label, taken over the whole chain, tells wrong labels from
right ones. ``docs/label-issues.md`` compares the scores of this module.

Every score is between 0 and 1, and higher is more suspicious.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsd2.analysis.phases import final_fall
from dsd2.errors import UserError

Floats = NDArray[np.floating[Any]]

DEFAULT_SCORE = "weighted_margin"
"""The score that ranks best or nearly so on all data sets of ``docs/label-issues.md``."""

TOLERANCE = 0.02
"""Accuracy difference that does not count where the collapse is looked for."""
BEFORE_COLLAPSE = 4
"""Iterations of ``before_collapse``."""
LEAST = 1e-6
"""Smallest probability whose logarithm is taken, and smallest weight of an iteration."""


@dataclass(frozen=True)
class Chain:
    """What scores are made of: iterations by images.

    Attributes:
        given: probability of the given label, float32 [iterations, N].
        other: that of the likeliest other class, float32 [iterations, N].
        weights: of each iteration, positive, [iterations].
        best: the iteration of the best validation accuracy.
        collapse: the last iteration before the final fall of the validation accuracy.
    """

    given: Floats
    other: Floats
    weights: NDArray[np.float64]
    best: int
    collapse: int

    @property
    def margin(self) -> Floats:
        """How far the given label is ahead of every other, −1 to 1, [iterations, N]."""
        return self.given - self.other

    @property
    def log(self) -> Floats:
        """Logarithm of the given label's probability, [iterations, N]."""
        return np.log(np.maximum(self.given, LEAST))

    def mean(self, values: Floats) -> Floats:
        """Mean over iterations, weighted, [N]."""
        return (self.weights @ values / self.weights.sum()).astype(np.float32)

    def forgotten(self) -> NDArray[np.bool_]:
        """Whether a label is forgotten, and stays so up to the collapse, [iterations, N]."""
        wrong = self.margin[: self.collapse + 1] <= 0
        return np.logical_and.accumulate(wrong[::-1])[::-1]


SCORES: dict[str, Callable[[Chain], Floats]] = {
    "dense": lambda chain: 1 - chain.given[0],
    "best": lambda chain: 1 - chain.given[chain.best],
    "mean": lambda chain: 1 - chain.given.mean(0),
    "to_collapse": lambda chain: 1 - chain.given[: chain.collapse + 1].mean(0),
    "before_collapse": lambda chain: (
        1 - chain.given[: chain.collapse + 1][-BEFORE_COLLAPSE:].mean(0)
    ),
    "weighted": lambda chain: 1 - chain.mean(chain.given),
    "log_mean": lambda chain: 1 - np.exp(chain.log.mean(0)),
    "weighted_log": lambda chain: 1 - np.exp(chain.mean(chain.log)),
    "margin": lambda chain: (1 - chain.margin.mean(0)) / 2,
    "weighted_margin": lambda chain: (1 - chain.mean(chain.margin)) / 2,
    "disagreement": lambda chain: (chain.margin <= 0).mean(0, np.float32),
    "forgetting": lambda chain: chain.forgotten().mean(0, np.float32),
}
"""Scores by name: of the dense network, of the one with the best validation accuracy, and of means
over iterations of the given label's probability, its logarithm, or its margin. ``disagreement`` is
the share of networks that answer otherwise, ``forgetting`` that of the iterations up to the
collapse after which the label has been forgotten for good."""


def agreement(one: Floats, other: Floats) -> Floats:
    """A score of two chains, as of a teacher and its student: the mean of theirs.

    Args:
        one: a score, float32 [N].
        other: the same score of the same images.
    """
    return (one + other) / 2


@dataclass
class ChainScores:
    """The scores of a chain, gathered an iteration at a time, so that no logits need be kept.

    It holds a probability for each image and class, and two for each image and iteration.

    An iteration counts in weighted means by the square of what its validation accuracy is above
    that of a guess: a collapsed network knows nothing of the labels.
    """

    labels: NDArray[np.int64] | None = None
    total: NDArray[np.float64] | None = None
    given: list[Floats] = field(default_factory=list)
    other: list[Floats] = field(default_factory=list)
    sparsities: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        """How many iterations were added."""
        return len(self.given)

    def add(
        self,
        probabilities: Floats,
        given: NDArray[np.int64],
        sparsity: float,
        validation_accuracy: float,
    ) -> None:
        """Add the next iteration of the chain.

        Args:
            probabilities: of each class, float32 [N, C].
            given: labels, int64 [N], the same in each iteration.
            sparsity: of the network.
            validation_accuracy: of the network.

        Raises:
            UserError: the arrays do not fit each other or those added before, or a value is no
                number.
        """
        self._check(probabilities, given, sparsity, validation_accuracy)
        rows = np.arange(len(given))
        others = probabilities.copy()
        others[rows, given] = -1
        self.given.append(probabilities[rows, given].astype(np.float32))
        self.other.append(others.max(1).astype(np.float32))
        self.sparsities.append(float(sparsity))
        self.accuracies.append(float(validation_accuracy))
        weighted = self._weights(probabilities.shape[1])[-1] * probabilities.astype(np.float64)
        self.labels = given
        self.total = weighted if self.total is None else self.total + weighted

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was added, by name: what :meth:`from_state` goes on from. Empty at first."""
        if self.labels is None or self.total is None:
            return {}
        return {
            "labels": self.labels,
            "total": self.total,
            "given": np.stack(self.given),
            "other": np.stack(self.other),
            "sparsities": np.array(self.sparsities),
            "accuracies": np.array(self.accuracies),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> ChainScores:
        """Go on from what :meth:`state` gave."""
        if not state:
            return cls()
        return cls(
            labels=state["labels"],
            total=state["total"],
            given=list(state["given"]),
            other=list(state["other"]),
            sparsities=state["sparsities"].tolist(),
            accuracies=state["accuracies"].tolist(),
        )

    @property
    def probabilities(self) -> Floats:
        """The weighted mean of what the networks answer, float32 [N, C].

        Raises:
            UserError: no iteration was added.
        """
        if self.total is None:
            raise UserError("label scores need at least one iteration of a chain; there is none")
        return (self.total / self.total.sum(1, keepdims=True)).astype(np.float32)

    def result(self, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Scores by name, and what else is known of each image, [N] each.

        Beside the scores these are ``suggested``, the class that the networks find likeliest
        (int64); ``probability_given`` and ``probability_suggested``, weighted means over the chain
        (float32); and ``forgotten_at``, the sparsity from which on the given label is no longer
        the answer up to the collapse (float64; NaN where it is to the last).

        Args:
            names: of the wanted scores; all where None.

        Raises:
            UserError: no iteration was added, or a score has another name.
        """
        wanted = list(SCORES) if names is None else list(names)
        for name in wanted:
            if name not in SCORES:
                raise UserError(f"label score {name!r} is unknown; there are {', '.join(SCORES)}")
        mean, rows = self.probabilities, np.arange(len(self.given[0]))
        chain = self._chain(mean.shape[1])
        suggested = mean.argmax(1)
        forgotten = chain.forgotten()
        first = np.array(self.sparsities)[forgotten.argmax(0)]
        return {
            **{name: _unit(SCORES[name](chain)) for name in wanted},
            "suggested": suggested,
            "probability_given": mean[rows, self.labels],
            "probability_suggested": mean[rows, suggested],
            "forgotten_at": np.where(forgotten.any(0), first, np.nan),
        }

    def _weights(self, classes: int) -> NDArray[np.float64]:
        above = np.maximum(np.array(self.accuracies) - 1 / classes, LEAST)
        return np.asarray(above**2)

    def _chain(self, classes: int) -> Chain:
        return Chain(
            np.stack(self.given),
            np.stack(self.other),
            self._weights(classes),
            best=int(np.argmax(self.accuracies)),
            collapse=final_fall(self.accuracies, 0, TOLERANCE),
        )

    def _check(
        self,
        probabilities: Floats,
        given: NDArray[np.int64],
        sparsity: float,
        validation_accuracy: float,
    ) -> None:
        where = f"label scores, iteration {len(self)}:"
        if probabilities.ndim != 2 or len(probabilities) != len(given) or not len(given):
            raise UserError(
                f"{where} probabilities are {_shape(probabilities.shape)}, which must be a row for"
                f" each of {len(given)} labels, and at least one"
            )
        if self.total is not None and self.total.shape != probabilities.shape:
            raise UserError(
                f"{where} probabilities are {_shape(probabilities.shape)}, but"
                f" {_shape(self.total.shape)} in the iterations before"
            )
        if self.labels is not None and not np.array_equal(self.labels, given):
            raise UserError(f"{where} the given labels are not those of the iterations before")
        if given.min() < 0 or given.max() >= probabilities.shape[1]:
            outside = given[(given < 0) | (given >= probabilities.shape[1])][0]
            raise UserError(f"{where} label {outside} is outside 0 to {probabilities.shape[1] - 1}")
        if not np.isfinite(probabilities).all():
            raise UserError(f"{where} a probability is not a finite number")
        for name, value in (("sparsity", sparsity), ("validation accuracy", validation_accuracy)):
            if not 0 <= value <= 1:
                raise UserError(f"{where} the {name} is {value}, which must be between 0 and 1")


def _unit(score: Floats) -> Floats:
    """Between 0 and 1, whatever rounding did."""
    return np.clip(score, 0, 1).astype(np.float32)


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
