"""How often intervals of simulated studies hold the true SDD depth, and how often words are wrong.

    make coverage

Prints Markdown: for each kind of curve and number of seeds the share of intervals that hold the
depth of the expected curve, and the share of wrong words beside the rate that is stated of them.
It takes a minute or two on one core.
"""

import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(ROOT / "tests" / "unit")]

from simulated_curves import (  # noqa: E402
    ALPHA,
    AT_TOLERANCE,
    CONFIDENCE,
    CURVES,
    HALF_AS_DEEP,
    TOLERANCE,
    Noise,
    depths,
    drawn,
    intervals,
    verdicts,
)

from dsd2.analysis.depths import signed_depth  # noqa: E402

Random = np.random.Generator

STUDIES = 1500
SEEDS = (3, 5, 8)
POINTS = (0.004, 0.012, 0.03)
KINDS = {
    "on these test images": [Noise(0.01, point) for point in POINTS],
    "on all: seeds lose the same": [Noise(0.01, p, n) for p in POINTS for n in (400, 5000)],
    "on all: seeds lose others": [Noise(0.01, p, n, 0.2) for p in POINTS for n in (400, 5000)],
}
"""Noise over seeds, and of test images of which the seeds lose the same or different ones."""
TWIN = CURVES["deep"]
BELOW = 0.005
"""How far below the tolerance the depth of a second set of curves lies."""


def coverage(seeds: int, noises: list[Noise], random: Random) -> dict[str, list[float]]:
    """Of each kind of curve the shares of intervals that hold the true depth, by noise."""
    shares: dict[str, list[float]] = {}
    for name, curve in CURVES.items():
        truth = float(signed_depth(np.array(curve)))
        for noise in noises:
            curves = drawn(curve, STUDIES, seeds, noise, random)
            share = intervals(*depths(curves), noise.images).holding(truth)
            shares.setdefault(name, []).append(share)
    return shares


def differences(seeds: int, random: Random) -> list[float]:
    """Shares of intervals of paired differences that hold the true one, by curve and noise."""
    shares = []
    for curve, noise in product(CURVES.values(), KINDS["on these test images"]):
        truth = float(signed_depth(np.array(curve)) - signed_depth(np.array(TWIN)))
        pairs = (depths(drawn(c, STUDIES, seeds, noise, random)) for c in (curve, TWIN))
        held, without = (a - b for a, b in zip(*pairs, strict=True))
        shares.append(intervals(held, without, None).holding(truth))
    return shares


def wrong_words(seeds: int, random: Random) -> dict[str, list[float]]:
    """Shares of studies with a wrong word, by case; each curve and noise is one."""
    rates: dict[str, list[float]] = {case: [] for case in CASES}
    for noise in [Noise(0.01, point, images) for point in POINTS for images in (None, 400)]:
        twin = drawn(TWIN, STUDIES, seeds, noise, random)
        for curve in AT_TOLERANCE.values():
            curves = drawn(curve, STUDIES, seeds, noise, random)
            alone = verdicts(curves, images=noise.images)
            less = np.array(curve) * (1 - BELOW / TOLERANCE)
            below = verdicts(drawn(less, STUDIES, seeds, noise, random), images=noise.images)
            words = (alone, below, verdicts(curves, twin, noise.images), alone)
            for case, found in zip(CASES, words, strict=False):
                rates[case].append(float((found == case.partition(":")[0]).mean()))
        half = drawn(HALF_AS_DEEP, STUDIES, seeds, noise, random)
        reduced = verdicts(half, twin, noise.images) == "reduces"
        rates[CASES[-1]].append(float(reduced.mean()))
    return rates


CASES = (
    "exhibits: the depth is the tolerance",
    f"exhibits: it is {100 * BELOW:g} points less",
    "dodges: the depth is the tolerance, the twin's is 15 points",
    "no descent: the depth is the tolerance",
    "reduces: the depth is half of the twin's",
)
"""A word, and a case in which it is wrong; with a depth just above or below it is right."""


def spread(shares: list[float]) -> str:
    """The mean of shares, and the least and the largest, in percent."""
    return f"{100 * np.mean(shares):.1f} ({100 * min(shares):.1f} to {100 * max(shares):.1f})"


def main() -> None:
    """Print both tables."""
    started, random = time.perf_counter(), np.random.default_rng(0)
    head = f"{' | '.join(f'{seeds} seeds' for seeds in SEEDS)} |\n{'| --- ' * (len(SEEDS) + 1)}|"
    print(f"{STUDIES} studies a cell and kind of noise: mean (least to largest). Nominal coverage")
    print(f"is {100 * CONFIDENCE:g} %, the stated rate of each wrong word {100 * ALPHA:g} %.")
    for kind, noises in KINDS.items():
        print(f"\n| coverage {kind} [%] | {head}")
        columns = [coverage(seeds, noises, random) for seeds in SEEDS]
        for name in CURVES:
            print(f"| {name} | {' | '.join(spread(column[name]) for column in columns)} |")
    paired = [differences(seeds, random) for seeds in SEEDS]
    print(f"\n| coverage of paired differences [%] | {head}")
    print(f"| all curves, on these test images | {' | '.join(map(spread, paired))} |")
    rates = [wrong_words(seeds, random) for seeds in SEEDS]
    print(f"\n| wrong words [%] | {head}")
    for case in CASES:
        print(f"| {case} | {' | '.join(spread(rate[case]) for rate in rates)} |")
    print(f"\nThe tolerance is {100 * TOLERANCE:g} points. {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
