"""Algorithm 2: does the chain go on after this iteration? A pure function of the metrics so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from dsd2.errors import UserError
from dsd2.stopping import Stopping


@dataclass(frozen=True)
class GateState:
    """What an iteration's gate knows and says.

    Attributes:
        iteration: the iteration it judges.
        stop: whether the chain ends with this iteration.
        reason: why, as a phrase.
        reference_entropy: η₀, of the dense network, in bits.
        classical: whether the entropy has fallen below T_E·η₀ by now, so that accuracy decides.
        best_accuracy: highest validation accuracy so far.
        best_iteration: the first iteration that had it.
    """

    iteration: int
    stop: bool
    reason: str
    reference_entropy: float
    classical: bool
    best_accuracy: float
    best_iteration: int


def decide(
    policy: Stopping, previous: GateState | None, entropy: float, accuracy: float
) -> GateState:
    """Judge an iteration.

    While η > T_E·η₀ the chain goes on. From the iteration on where that fails it goes on only
    while accuracy > T_A·best. The policy ``accuracy`` has the second condition alone.

    The printed algorithm is undefined in places, and can lose the best network. There this holds:
    the dense network always passes. ``best`` is that of the iterations before, in both loops, so
    that a new best never stops a chain, whatever T_A. Once the entropy was below its threshold it
    no longer matters.

    Args:
        policy: which of the policies, and its thresholds.
        previous: the state of the iteration before; None for the dense network.
        entropy: η of this iteration, in bits.
        accuracy: its validation accuracy.

    Raises:
        UserError: the accuracy is not a finite number, or the entropy where the policy uses it.
    """
    if not math.isfinite(accuracy):
        raise UserError(f"gate: the validation accuracy is {accuracy} but must be finite")
    if policy.uses_entropy and not math.isfinite(entropy):
        raise UserError(
            f"gate: the entropy is {entropy} but must be finite; a network without ReLU layers, or"
            " other neurons that are on or off, has none, and needs config key stopping.policy to"
            " be accuracy or none"
        )
    if previous is None:
        return GateState(0, False, "dense network", entropy, False, accuracy, 0)
    iteration = previous.iteration + 1
    if previous.stop:
        return replace(previous, iteration=iteration)
    classical = previous.classical or not policy.waits(entropy, previous.reference_entropy)
    lowest = policy.accuracy_threshold * previous.best_accuracy
    stop = classical and accuracy <= lowest
    if not classical:
        threshold = policy.entropy_threshold * previous.reference_entropy
        reason = f"entropy {entropy:.4f} above {threshold:.4f} bits"
    else:
        reason = f"accuracy {accuracy:.4f} {'not ' if stop else ''}above {lowest:.4f}"
    better = accuracy > previous.best_accuracy
    return GateState(
        iteration=iteration,
        stop=stop,
        reason=reason,
        reference_entropy=previous.reference_entropy,
        classical=classical,
        best_accuracy=accuracy if better else previous.best_accuracy,
        best_iteration=iteration if better else previous.best_iteration,
    )


def best_iteration(accuracies: list[float]) -> int:
    """The iteration that a run returns: the first of highest accuracy (Algorithm 1, line 8)."""
    return max(range(len(accuracies)), key=accuracies.__getitem__)
