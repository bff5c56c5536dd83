"""How many images training, validation and test get; which ones is drawn in ``stratified``."""

from __future__ import annotations

from dataclasses import dataclass

from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe

FEW, MOST = 0.1, 0.25
"""Shares of the training images that validation takes where nobody says how many: of many images,
and of few."""

ENOUGH = 200
"""Validation images that are aimed at there: fewer leave a choice among networks to chance."""

OWN_TEST = 0.2
"""Share of the images that the test takes where a dataset has no test set of its own."""


@dataclass(frozen=True)
class Sizes:
    """Numbers of images.

    Attributes:
        train: to train on.
        held_out: taken out of the source's training images for validation.
        validation: to select on; those held out, the source's own, or the test images.
        test: to report on.
    """

    train: int
    held_out: int
    validation: int
    test: int


def split_sizes(
    recipe: DatasetRecipe, train: int, own_validation: int | None, own_test: int | None
) -> Sizes:
    """The sizes of a recipe's splits.

    A source without a test set of its own gives its images to training, to validation and to the
    test; the test takes a fifth unless ``train`` or ``test`` say otherwise.

    Args:
        recipe: which splits.
        train: how many training images the source has.
        own_validation: how many validation images of its own; None where it has none.
        own_test: likewise for the test.

    Raises:
        UserError: the recipe wants more images than there are, or own ones where there are none.
    """
    whole, train = train, train - recipe.skip
    if train < 1:
        raise UserError(
            f"config key dataset.skip is {recipe.skip} but must be less than the {whole:,} training"
            " images"
        )
    own = own_validation is not None and recipe.validation in ("own", "auto")
    if recipe.validation == "own" and not own:
        raise UserError(
            "config key dataset.validation is 'own' but"
            f" {recipe.path or recipe.name} has no validation images of its own"
        )
    if recipe.train is None:
        tested = 0
        if own_test is None:
            tested = size_of(OWN_TEST if recipe.test is None else recipe.test, train)
        held_out = 0 if own else _held_out(recipe, train - tested)
        used = train - tested - held_out
    else:
        held_out, used = 0 if own else _held_out(recipe, recipe.train), recipe.train
    spare = train - used - held_out
    if held_out < 1 and not own and recipe.validation != "test":
        raise UserError(
            f"config key dataset.validation is {recipe.validation}, which is none of"
            f" {used} images; it must be larger"
        )
    if spare < 0 or used < 1 or (own_test is None and spare == 0):
        raise UserError(
            f"dataset.train: {used} training and {held_out} validation images"
            f" are more than the {whole} of {recipe.name} allow"
            + (f" without the {recipe.skip} of dataset.skip" if recipe.skip else "")
        )
    test = _test(recipe, spare, own_test)
    validation = held_out
    if own or recipe.validation == "test":
        validation = (own_validation or 0) if own else test
    return Sizes(train=used, held_out=held_out, validation=validation, test=test)


def size_of(wanted: float, available: int) -> int:
    """A number of images, given as such or as a fraction below 1."""
    return int(wanted * available + 0.5) if wanted < 1 else int(wanted)


def _held_out(recipe: DatasetRecipe, available: int) -> int:
    if recipe.validation == "auto":
        return size_of(min(max(FEW, ENOUGH / max(available, 1)), MOST), available)
    return 0 if isinstance(recipe.validation, str) else size_of(recipe.validation, available)


def _test(recipe: DatasetRecipe, spare: int, own_test: int | None) -> int:
    available = spare if own_test is None else own_test
    if recipe.test is None or (own_test is None and recipe.train is None):
        return available
    wanted = size_of(recipe.test, available)
    if wanted < 1:
        raise UserError(
            f"config key dataset.test is {recipe.test}, which is none of {available} images; it"
            " must be larger"
        )
    if wanted > available:
        raise UserError(f"dataset.test: {wanted} images asked for, {available} there are")
    return wanted
