"""When a chain of iterations ends early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dsd2.typed import Number, Typed

WALL = "reached the wall"
"""Why a chain ends that no gate stops."""
NOTHING_LEFT = "pruning can remove nothing more"
"""Why a chain ends before the wall though no gate stops it."""
ENDS = (WALL, NOTHING_LEFT)
"""Why whole chains end."""


@dataclass(frozen=True, kw_only=True)
class Stopping(Typed):
    """A stopping policy with its thresholds (Algorithm 2).

    Attributes:
        policy: ``none`` runs to the wall, ``accuracy`` is the traditional early stop, ``entropy``
            lets the accuracy stop a chain only after the entropy fell.
        entropy_threshold: T_E, a fraction of the dense network's entropy.
        accuracy_threshold: T_A, a fraction of the best validation accuracy so far.
        neuron: what counts as a neuron in the entropy.
    """

    policy: Literal["none", "accuracy", "entropy"]
    entropy_threshold: Number = 0.0
    accuracy_threshold: Number = 0.0
    neuron: Literal["position", "channel"] = "position"

    @property
    def slug(self) -> str:
        """A name for folders that holds every setting that matters."""
        if self.policy == "none":
            return "none"
        accuracy = f"{self.policy}-ta{_exact(self.accuracy_threshold)}"
        if self.policy == "accuracy":
            return accuracy
        channel = "-channel" if self.neuron == "channel" else ""
        entropy = _exact(self.entropy_threshold)
        return f"entropy-te{entropy}-ta{_exact(self.accuracy_threshold)}{channel}"


def _exact(number: float) -> str:
    """A number in six digits, or in as many as it takes: another threshold is another name."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
