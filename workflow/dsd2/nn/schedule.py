"""The sparsity schedule of Algorithm 1: plain arithmetic, no torch."""

from __future__ import annotations

MAX_ITERATIONS = 10_000
"""Iterations that a chain may have; the paper's longest has 34."""


def number_to_remove(remaining: int, fraction: float) -> int:
    """⌊fraction · remaining⌉, a half rounded up."""
    return int(fraction * remaining + 0.5)


def scheduled_sparsity(iteration: int, fraction: float) -> float:
    """ζ after so many rounds: 1 − (1 − f)^k (Algorithm 1, line 12)."""
    return 1.0 - (1.0 - fraction) ** iteration


def last_iteration(fraction: float, target: float) -> int:
    """The last iteration of Algorithm 1: the largest whose sparsity is below the target (line 6).

    At most :data:`MAX_ITERATIONS`: so small a fraction that it takes more is a mistake.
    """
    iteration = 0
    # The tolerance keeps a target that a round hits exactly from depending on rounding.
    target -= 1e-12
    while iteration < MAX_ITERATIONS and scheduled_sparsity(iteration + 1, fraction) < target:
        iteration += 1
    return iteration
