"""How suspicious each given label is, from what the networks of a pruning chain answer.

A network that is pruned forgets wrong labels before right ones. So the probability that the
networks of a chain give to an image's label, taken over the whole chain, tells wrong labels from
right ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsd2.analysis.label_noise import Evidence, evidence
from dsd2.analysis.phases import final_fall
from dsd2.analysis.suspicion import LEAST, SCORES, Chain, Floats
from dsd2.errors import UserError

DEFAULT_SCORE = "root_margin"
"""It ranks better than cross-validation on all data sets of ``docs/label-issues.md``."""

TOLERANCE = 0.15
"""What may be lost before the collapse, as a share of what the best network is above a guess."""


@dataclass
class ChainScores:
    """The scores of a chain, gathered an iteration at a time, so that no logits need be kept.

    It holds a probability for each image and class, and two for each image and iteration.

    Attributes:
        labels: given, int64 [N].
        total: weighted sum of the probabilities, float32 [N, C].
        given: each iteration's probability of the given label, float32 [N].
        other: likewise, of the likeliest other class.
        found: what each iteration says of how many labels are wrong.
        sparsities: of each iteration.
        accuracies: on validation images.

    An iteration counts in weighted means by how far its validation accuracy is above that of a
    guess: a collapsed network knows nothing of the labels.
    """

    labels: NDArray[np.int64] | None = None
    total: Floats | None = None
    given: list[Floats] = field(default_factory=list)
    other: list[Floats] = field(default_factory=list)
    found: list[Evidence] = field(default_factory=list)
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
        self.found.append(evidence(probabilities, given))
        self.sparsities.append(float(sparsity))
        self.accuracies.append(float(validation_accuracy))
        weighted = np.float32(self._weights(probabilities.shape[1])[-1]) * probabilities
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
            "found": np.array([astuple(each)[:4] for each in self.found]),
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
            found=[Evidence(*each) for each in state["found"].tolist()],
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

    def evidence(self, *, seen: bool) -> Evidence:
        """What the networks say of how many labels are wrong.

        Args:
            seen: whether they were trained on these labels. Then the network up to the collapse
                that finds most wrong labels counts, for it has memorised least. Else their mean
                counts, and nothing where it cannot be told from the networks' own errors.

        Raises:
            UserError: no iteration was added.
        """
        mean = self.probabilities
        error = 1 - max(self.accuracies)
        if seen or self.labels is None:
            found = max(self.found[: self._collapse() + 1], key=lambda each: each.rate)
            return replace(found, error=error, classes=mean.shape[1])
        found = replace(evidence(mean, self.labels), error=error, classes=mean.shape[1])
        return found if found.telling else replace(found, rate=0.0)

    def result(self, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
        """Scores by name, and what else is known of each image, [N] each.

        Beside the scores these are ``suggested``, the class beside the given one that the networks
        find likeliest (int64); ``probability_given`` and ``probability_suggested``, weighted means
        over the chain (float32); and ``forgotten_at``, the sparsity from which on the given label
        is no longer the answer up to the collapse (float64; NaN where it is to the last).

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
        others = mean.copy()
        others[rows, self.labels] = -1
        suggested = others.argmax(1)
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
        return np.maximum(np.array(self.accuracies) - 1 / classes, LEAST)

    def _chain(self, classes: int) -> Chain:
        weights = self._weights(classes)
        return Chain(
            np.stack(self.given),
            np.stack(self.other),
            weights,
            trust=float((weights.max() / (1 - 1 / classes)) ** 2),
            best=int(np.argmax(self.accuracies)),
            collapse=self._collapse(),
        )

    def _collapse(self) -> int:
        assert self.total is not None, "an iteration was added"
        tolerance = TOLERANCE * float(self._weights(self.total.shape[1]).max())
        return final_fall(self.accuracies, 0, tolerance)

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
