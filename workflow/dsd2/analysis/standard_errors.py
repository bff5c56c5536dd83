"""How far means over seeds stray; :mod:`dsd2.analysis.inference` says why they are reckoned so.

Arrays have any number of leading axes, so that a simulation takes one call.
"""

from __future__ import annotations

import numpy as np

from dsd2.analysis.depths import Floats

JACKKNIFE = 0.25
"""Weight of the jackknife's variance of a depth; the rest is Student's.

Chosen by simulation: of intervals of 90 % over 3 to 8 seeds, 87 to 93 % then hold the true depth of
every kind of curve, as a mean over kinds of noise.
"""


def depth_variance(held: Floats, without: Floats) -> Floats:
    """The variance of a mean of held-out depths: Student's and the jackknife's, weighted, [...].

    Args:
        held: each seed's depth, [..., S]; S is at least 2.
        without: the mean without each seed, likewise.
    """
    seeds = held.shape[-1]
    jackknife = (seeds - 1) * without.var(-1)
    return (1 - JACKKNIFE) * held.var(-1, ddof=1) / seeds + JACKKNIFE * jackknife


def image_variance(images: int | None, *losses: Floats | float) -> Floats | float:
    """The variance that test images lend a difference of losses of accuracy, [...].

    Args:
        images: how many they are; None to speak of these alone.
        losses: each, [...]; of several, as if each lost images of its own.
    """
    if images is None:
        return 0.0
    sizes = [np.minimum(np.abs(loss), 1.0) for loss in losses]
    return sum(size * (1 - size) for size in sizes) / images


def error_of(variance: Floats | float, seeds: int, shared: Floats | float) -> tuple[Floats, Floats]:
    """Standard error and degrees of freedom of means over seeds, [...] each.

    Args:
        variance: of each mean over seeds, [...]; above 0.
        seeds: how many.
        shared: variance by the test images that all seeds share, likewise.
    """
    both = np.asarray(variance + shared)
    return np.sqrt(both), (seeds - 1) * (both / variance) ** 2
