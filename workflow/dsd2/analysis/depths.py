"""SDD depths of seeds whose valleys were chosen without them, on arrays of curves.

A valley that is chosen as the deepest of some curves looks deeper on them than it is. So the
valley is chosen on the mean of the other seeds, and its depth is read off the seed that had no
say: its accuracy on the lower side of the others' valley, less that at their bottom. This
*held-out depth* is below zero where the curve only falls, or only rises.

Arrays have any number of leading axes, so that a simulation takes one call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Places = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]

LEAST_POINTS = 3
"""A valley has a point before it and one after it."""


def signed_depth(curves: Floats) -> Floats:
    """The largest of min(highest before, highest after) − bottom over all bottoms inside a curve.

    The SDD depth where that is above zero; below zero it is by how much a curve has no valley.

    Args:
        curves: accuracies, [..., K]; K is at least 3.

    Returns:
        Depths, [...].
    """
    return _below_sides(curves).max(-1)


def held_out_depths(curves: Floats) -> Floats:
    """The depth of each seed at the valley of the mean of the other seeds.

    A seed that is alone has its own valley's.

    Args:
        curves: accuracies by seed, [..., S, K]; K is at least 3.

    Returns:
        Depths, [..., S].
    """
    seeds = curves.shape[-2]
    if seeds == 1:
        return signed_depth(curves)
    others = (curves.sum(-2, keepdims=True) - curves) / (seeds - 1)
    bottom, side = _valley(others)
    return _at(curves, side) - _at(curves, bottom)


def mean_depths_without(curves: Floats) -> Floats:
    """The mean held-out depth of all seeds but one, leaving out each in turn.

    Args:
        curves: accuracies by seed, [..., S, K]; S is at least 2, K at least 3.

    Returns:
        Means, [..., S].
    """
    seeds = range(curves.shape[-2])
    return np.stack([held_out_depths(np.delete(curves, s, -2)).mean(-1) for s in seeds], -1)


def depths(curves: Floats) -> Floats:
    """Held-out depths of seeds, and the means without each: zero of curves that are too short.

    Args:
        curves: accuracies by seed, [S, K].

    Returns:
        Both, [2, S]; of a seed that is alone the mean without it is its own depth.
    """
    if curves.shape[1] < LEAST_POINTS:
        return np.zeros((2, len(curves)))
    held = held_out_depths(curves)
    return np.stack([held, mean_depths_without(curves) if len(curves) > 1 else held])


def means_without(each: Floats) -> Floats:
    """The mean of all but each along the first axis, [S, ...]; one that is alone is itself."""
    return each if len(each) == 1 else (each.sum(0) - each) / (len(each) - 1)


def _below_sides(curves: Floats) -> Floats:
    """How far each inner point lies below the lower of the highest points on its sides."""
    before = np.maximum.accumulate(curves, -1)[..., :-2]
    after = np.maximum.accumulate(curves[..., ::-1], -1)[..., ::-1][..., 2:]
    return np.minimum(before, after) - curves[..., 1:-1]


def _valley(curves: Floats) -> Places:
    """Index of the bottom and of the lower side of each curve's deepest valley, [...] each."""
    bottom = _below_sides(curves).argmax(-1) + 1
    index = np.arange(curves.shape[-1])
    before = np.where(index < bottom[..., None], curves, -np.inf).argmax(-1)
    after = np.where(index > bottom[..., None], curves, -np.inf).argmax(-1)
    lower = _at(curves, before) <= _at(curves, after)
    return bottom, np.where(lower, before, after)


def _at(curves: Floats, index: NDArray[np.integer[Any]]) -> Floats:
    return np.take_along_axis(curves, index[..., None], -1)[..., 0]
