"""What is known of a dataset without decoding it, for estimating what a study costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsd2.data.splits import split_sizes
from dsd2.recipe import Contents, DatasetRecipe


@dataclass(frozen=True)
class Metadata:
    """A dataset's shape after its split.

    Attributes:
        image: (C, H, W) of every image.
        classes: how many there are.
        train: training images.
        validation: validation images; the test's where those validate.
        test: test images.
    """

    image: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    test: int

    @property
    def images(self) -> int:
        """All of them."""
        return self.train + self.validation + self.test


def metadata(recipe: DatasetRecipe, roots: Sequence[Path]) -> Metadata:
    """The shape of the dataset that a recipe names, which need not be there if it has a name.

    Of parquet files the first image alone is looked at, so that a greyscale one before coloured
    ones has one channel here and three in training.

    Args:
        recipe: which dataset, and its split.
        roots: folders that may hold it. CIFAR's parquet files are counted; what else has a name
            is taken to be whole.

    Raises:
        UserError: a folder is not what it should be, or has too few images for the recipe.
    """
    whole = _contents(recipe, roots)
    sizes = split_sizes(recipe, whole.train, whole.validation, whole.test)
    return Metadata(whole.image, whole.classes, sizes.train, sizes.validation, sizes.test)


_SCANNED: dict[DatasetRecipe, Contents] = {}
"""Contents of folders whose files a manifest names, so that they are looked at once a process."""


def _contents(recipe: DatasetRecipe, roots: Sequence[Path]) -> Contents:
    if recipe.manifest is None:
        return recipe.contents(roots)
    if recipe not in _SCANNED:
        _SCANNED[recipe] = recipe.contents(roots)
    return _SCANNED[recipe]
