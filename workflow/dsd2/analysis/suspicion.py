"""Scores of how suspicious each given label is, by name: from iterations by images to [N].

Every score is between 0 and 1, and higher is more suspicious. ``docs/label-issues.md`` compares
them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

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
        trust: of what the networks say beside the given label, from 0 to 1.
        best: the iteration of the best validation accuracy.
        collapse: the last iteration before the final fall of the validation accuracy.
    """

    given: Floats
    other: Floats
    weights: NDArray[np.float64]
    trust: float
    best: int
    collapse: int

    @property
    def margin(self) -> Floats:
        """How far the given label is ahead of every other, −1 to 1, [iterations, N]."""
        return self.given - self.other

    @property
    def root_margin(self) -> Floats:
        """A margin between fourth roots, the other class as far as it is trusted, [iterations, N].

        A root tells small probabilities apart, as a logarithm does, and yet no single network can
        outvote all others. Networks that are seldom right on images which they never saw are sure
        of wrong classes too; so what they say of the other class counts little.
        """
        return np.asarray(self.given**0.25 - self.trust * self.other**0.25, np.float32)

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
    "root_margin": lambda chain: (1 - chain.mean(chain.root_margin)) / (1 + chain.trust),
    "disagreement": lambda chain: (chain.margin <= 0).mean(0, np.float32),
    "forgetting": lambda chain: chain.forgotten().mean(0, np.float32),
}
"""Scores by name: of the dense network, of the one with the best validation accuracy, and of means
over iterations of the given label's probability, its logarithm or its margin, all networks counting
the same or by their weight. ``disagreement`` is the share of networks that answer otherwise,
``forgetting`` that of the iterations up to the collapse after which the label has been forgotten
for good."""


def agreement(one: Floats, other: Floats) -> Floats:
    """A score of two chains, as of a teacher and its student: the mean of theirs.

    Args:
        one: a score, float32 [N].
        other: the same score of the same images.
    """
    return np.asarray((one + other) / 2)
