"""Synthetic images in a dataset's true on-disk format, for where the dataset is missing.

They prove that a study runs, from the real reader to the last figure; their accuracies mean
nothing. Each class has its own colours and stripes, so that there is something to learn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dsd2.data.splits import size_of
from dsd2.recipe import DatasetRecipe

if TYPE_CHECKING:
    import numpy as np

MIN_IMAGES = 240
"""Training images of a stand-in where a recipe wants all, at least, and its other images."""

PHOTO = (40, 80)
"""Sides of a photo in pixels: from, and below."""


class StandInSizes(NamedTuple):
    """How many images a stand-in has; not every format has validation images of its own."""

    train: int
    validation: int
    test: int


def stand_in_sizes(recipe: DatasetRecipe) -> StandInSizes:
    """As many images as a recipe asks for; some hundreds, and every class, where it wants all."""
    classes = recipe.stand_in_classes or 0
    share = 0.0 if isinstance(recipe.validation, str) else recipe.validation
    if recipe.train is not None:
        train = recipe.train + size_of(share, recipe.train)
    elif share < 1:
        train = math.ceil(max(MIN_IMAGES, 10 * classes) / (1 - share))
    else:
        train = max(MIN_IMAGES, 10 * classes) + int(share)
    test = MIN_IMAGES if recipe.test is None or recipe.test < 1 else int(recipe.test)
    return StandInSizes(max(train, classes), max(MIN_IMAGES, classes), max(test, classes))


def pictures(
    split: str, count: int, classes: int, shortest: int, below: int
) -> Iterator[tuple[int, Any]]:
    """Labels, all classes in turn, with their RGB images; the same for each call.

    Args:
        split: name that the images are drawn from.
        count: how many.
        classes: likewise.
        shortest: side of the images in pixels.
        below: their sides are drawn from ``shortest`` to below this; squares if they are equal.
    """
    import numpy as np

    draws = np.random.default_rng(list(split.encode()))
    for row in range(count):
        size = (shortest, shortest) if shortest == below else draws.integers(shortest, below, 2)
        yield row % classes, _picture(row % classes, draws, *size)


def _picture(label: int, draws: np.random.Generator, height: int, width: int) -> Any:
    """Stripes whose colour, direction and width are the class's, under noise."""
    import numpy as np
    from PIL import Image

    own = np.random.default_rng(label)
    colour, direction = own.uniform(40, 200, 3), own.uniform(-1, 1, 2)
    period = own.uniform(0.1, 0.5) * min(height, width)
    y, x = np.mgrid[:height, :width]
    phase = 2 * np.pi * ((direction[0] * y + direction[1] * x) / period + draws.random())
    noise = draws.normal(0, 30, (height, width, 3))
    pixels = colour + 70 * np.sin(phase)[..., None] + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
