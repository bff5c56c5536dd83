"""How long a network takes on one core."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Seconds of a call.

    Attributes:
        median: over the calls.
        low: their lower quartile.
        high: their upper quartile.
        calls: how many.
    """

    median: float
    low: float
    high: float
    calls: int


def measure(call: Callable[[], object], seconds: float) -> Latency:
    """Call something again and again for so many seconds, at least five times.

    Two calls before are not measured.
    """
    for _ in range(2):
        call()
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    low, median, high = statistics.quantiles(taken, n=4)
    return Latency(median, low, high, len(taken))
