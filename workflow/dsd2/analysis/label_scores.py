"""How suspicious the given label of each image is, by the networks of a pruning chain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

DEFAULT_SCORE = "mean"


class ChainScores:
    """Takes the chain as it is streamed."""

    def __init__(self) -> None:
        self._total: np.ndarray | None = None
        self._given = np.empty(0, np.int64)
        self._sparsity: list[float] = []
        self._right = np.empty((0, 0), bool)

    def add(
        self,
        probabilities: np.ndarray,
        given: np.ndarray,
        sparsity: float,
        validation_accuracy: float,
    ) -> None:
        """Take the next iteration."""
        right = (probabilities.argmax(1) == given)[None]
        if self._total is None:
            self._total, self._given, self._right = probabilities.astype(np.float64), given, right
        else:
            self._total = self._total + probabilities
            self._right = np.concatenate([self._right, right])
        self._sparsity.append(sparsity)

    def state(self) -> dict[str, np.ndarray]:
        """What :meth:`from_state` goes on from."""
        assert self._total is not None
        return {
            "total": self._total,
            "given": self._given,
            "sparsity": np.array(self._sparsity),
            "right": self._right,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> Self:
        """What :meth:`state` gave."""
        made = cls()
        made._total, made._given = state["total"], state["given"]
        made._sparsity, made._right = state["sparsity"].tolist(), state["right"]
        return made

    def result(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Every score by name, and what else is known of each image."""
        assert self._total is not None
        mean = self._total / len(self._sparsity)
        rows = np.arange(len(mean))
        sparsity = np.array(self._sparsity)
        last = np.where(self._right.any(0), len(sparsity) - 1 - self._right[::-1].argmax(0), -1)
        ends = np.append(sparsity, np.nan)
        return {
            "mean": 1 - mean[rows, self._given],
            "mean_probabilities": mean,
            "suggested": mean.argmax(1),
            "probability_given": mean[rows, self._given],
            "probability_suggested": mean.max(1),
            "forgotten_at": ends[last + 1],
        }
