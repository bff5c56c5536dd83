"""How often intervals of simulated studies hold the true SDD depth, and how often words are wrong.

    make coverage

Prints Markdown: for each kind of curve and number of seeds the share of intervals that hold the
depth of the expected curve, worst over noise and test images, and the share of wrong words beside
the rate that is stated of them. It takes a minute or two on one core.
"""

import sys
import time
from collections.abc import Iterator
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
    TOLERANCE,
    Noise,
    depths,
    drawn,
    intervals,
    verdicts,
)

from dsd2.analysis.depths import signed_depth  # noqa: E402

STUDIES = 2000
SEEDS = (3, 5, 8)
NOISES = [
    Noise(level=0.01, point=point, images=images)
    for point, images in product((0.004, 0.012, 0.03), (None, 400, 5000))
]
TWIN = CURVES["deep"]


def coverage(seeds: int, random: np.random.Generator) -> Iterator[tuple[str, list[float]]]:
    """Each kind of curve, and the shares of intervals that hold the true depth, by noise."""
    for name, curve in CURVES.items():
        truth = float(signed_depth(np.array(curve)))
        shares = []
        for noise in NOISES:
            curves = drawn(curve, STUDIES, seeds, noise, random)
            shares.append(intervals(*depths(curves), noise.images).holding(truth))
        yield name, shares


def differences(seeds: int, random: np.random.Generator) -> list[float]:
    """Shares of intervals of paired differences that hold the true one, by curve and noise."""
    shares = []
    for curve, noise in product(CURVES.values(), NOISES):
        truth = float(signed_depth(np.array(curve)) - signed_depth(np.array(TWIN)))
        pairs = (
            depths(drawn(c, STUDIES, seeds, Noise(noise.level, noise.point, None), random))
            for c in (curve, TWIN)
        )
        held, without = (a - b for a, b in zip(*pairs, strict=True))
        shares.append(intervals(held, without, None).holding(truth))
    return shares


def wrong_words(seeds: int, random: np.random.Generator) -> dict[str, list[float]]:
    """Shares of studies with a word that is wrong, by the word; each curve and noise is one."""
    rates: dict[str, list[float]] = {word: [] for word in WORDS}
    half = [0.80, 0.79, 0.74, 0.70, 0.73, 0.765, 0.775, 0.60, 0.30]
    for noise in NOISES:
        for curve in AT_TOLERANCE.values():
            curves = drawn(curve, STUDIES, seeds, noise, random)
            twin = drawn(TWIN, STUDIES, seeds, noise, random)
            alone, beside = verdicts(curves, images=noise.images), verdicts(curves, twin)
            rates["exhibits"].append(float((alone == "exhibits").mean()))
            rates["no descent"].append(float((alone == "no descent").mean()))
            rates["dodges"].append(float((beside == "dodges").mean()))
        curves = drawn(half, STUDIES, seeds, noise, random)
        twin = drawn(TWIN, STUDIES, seeds, noise, random)
        rates["reduces"].append(float((verdicts(curves, twin) == "reduces").mean()))
    return rates


WORDS = {
    "exhibits": "depth at the tolerance",
    "dodges": "depth at the tolerance, deep twin",
    "no descent": "depth at the tolerance, no twin",
    "reduces": "half of the twin's depth",
}
"""The case in which each word is wrong most often."""


def spread(shares: list[float]) -> str:
    """The mean of shares, and the least and the largest, in percent."""
    return f"{100 * np.mean(shares):.1f} ({100 * min(shares):.1f} to {100 * max(shares):.1f})"


def main() -> None:
    """Print both tables."""
    started, random = time.perf_counter(), np.random.default_rng(0)
    print(f"{STUDIES} studies a cell. Nominal coverage: {100 * CONFIDENCE:g} %. Mean over")
    print(f"{len(NOISES)} kinds of noise (least to largest).\n")
    print(f"| coverage [%] | {' | '.join(f'{s} seeds' for s in SEEDS)} |")
    print("| --- " * (len(SEEDS) + 1) + "|")
    columns = [dict(coverage(seeds, random)) for seeds in SEEDS]
    for name in CURVES:
        print(f"| {name} | {' | '.join(spread(column[name]) for column in columns)} |")
    paired = [differences(seeds, random) for seeds in SEEDS]
    print(f"| paired difference | {' | '.join(map(spread, paired))} |\n")
    print(f"| wrong words [%], stated: at most {100 * ALPHA:g} | {' | '.join(map(str, SEEDS))} |")
    print("| --- " * (len(SEEDS) + 1) + "|")
    rates = [wrong_words(seeds, random) for seeds in SEEDS]
    for word, case in WORDS.items():
        print(f"| {word}: {case} | {' | '.join(spread(rate[word]) for rate in rates)} |")
    print(f"\nThe tolerance is {100 * TOLERANCE:g} points. {time.perf_counter() - started:.0f} s.")


if __name__ == "__main__":
    main()
