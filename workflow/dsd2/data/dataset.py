"""The dataset artefact: images split and ready, made once and memory-mapped by every stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2.config.recipe import DatasetRecipe
from dsd2.data.source import Images, Source
from dsd2.errors import UserError
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.nn.randomness import generator

_FORMAT = 2

OWN_TEST = 0.2
"""Share of the images that the test takes where a dataset has no test set of its own."""


@dataclass(frozen=True)
class Dataset:
    """Images as they are trained and tested on.

    Attributes:
        train: images with clean labels.
        validation: images to select on; the test images themselves in the paper's mode.
        test: images to report on.
        train_rows: position of each training image in its source, int64 [N].
        validation_rows: the same for the validation images.
        source_labels: of all training images of the source, in its order, int64.
        classes: names.
        mean: of the training images per channel, in units of 0–255, [C, 1, 1].
        std: likewise.
        origin: one line that says what was read.
    """

    train: Images
    validation: Images
    test: Images
    train_rows: Tensor
    validation_rows: Tensor
    source_labels: Tensor
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor
    origin: str

    @property
    def image(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def split_source(source: Source, recipe: DatasetRecipe) -> Dataset:
    """Draw the splits of a recipe from a source.

    A source without a test set of its own gives its images, in a random order, to training, to
    validation and to the test; the test takes a fifth unless ``train`` or ``test`` say otherwise.

    Raises:
        UserError: more images are asked for than there are, there is only one class, or a class
            has no training image.
    """
    if len(source.classes) < 2:
        raise UserError(f"dataset {recipe.name}: has one class, {source.classes[0]}; it takes two")
    order = torch.randperm(
        len(source.train.labels), generator=generator("split", recipe.split_seed, "train")
    )
    available = len(order)
    if recipe.train is None:
        tested = 0
        if source.test is None:
            tested = _size(OWN_TEST if recipe.test is None else recipe.test, available)
        held_out = _validation_size(recipe, available - tested)
        train_size = available - tested - held_out
    else:
        held_out, train_size = _validation_size(recipe, recipe.train), recipe.train
    spare = available - train_size - held_out
    if spare < 0 or train_size < 1 or (source.test is None and spare == 0):
        raise UserError(
            f"dataset.train: {train_size} training and {held_out} validation images"
            f" are more than the {available} of {recipe.name} allow"
        )
    train_rows, validation_rows, rest = order.split([train_size, held_out, spare])
    test = _test_images(source, rest, recipe)
    train = _take(source.train, train_rows)
    missing = set(range(len(source.classes))) - set(train.labels.unique().tolist())
    if missing:
        names = ", ".join(source.classes[label] for label in sorted(missing))
        raise UserError(f"dataset {recipe.name}: no training image of class {names}")
    pixels = train.images.to(torch.float32)
    std, mean = torch.std_mean(pixels, dim=(0, 2, 3))
    return Dataset(
        train=train,
        validation=test if recipe.validation == "test" else _take(source.train, validation_rows),
        test=test,
        train_rows=train_rows,
        validation_rows=validation_rows,
        source_labels=source.train.labels,
        classes=source.classes,
        mean=mean.view(-1, 1, 1),
        std=std.clamp_min(1.0).view(-1, 1, 1),
        origin=source.origin,
    )


def _size(wanted: float, available: int) -> int:
    """A number of images, given as such or as a fraction below 1."""
    return int(wanted * available + 0.5) if wanted < 1 else int(wanted)


def _validation_size(recipe: DatasetRecipe, available: int) -> int:
    return 0 if recipe.validation == "test" else _size(recipe.validation, available)


def _test_images(source: Source, rest: Tensor, recipe: DatasetRecipe) -> Images:
    if source.test is None:
        rows, images = rest, source.train
    else:
        draws = generator("split", recipe.split_seed, "test")
        rows, images = torch.randperm(len(source.test.labels), generator=draws), source.test
    if recipe.test is None or (source.test is None and recipe.train is None):
        return _take(images, rows)
    wanted = _size(recipe.test, len(rows))
    if wanted > len(rows):
        raise UserError(f"dataset.test: {wanted} images asked for, {len(rows)} there are")
    return _take(images, rows[:wanted])


def _take(images: Images, rows: Tensor) -> Images:
    return Images(images.images[rows], images.labels[rows])


def save_dataset(path: Path, dataset: Dataset) -> None:
    """Write the artefact; a validation set that is the test set is not written twice."""
    tensors = {
        "train/images": dataset.train.images,
        "train/labels": dataset.train.labels,
        "train/rows": dataset.train_rows,
        "validation/rows": dataset.validation_rows,
        "source/labels": dataset.source_labels,
        "test/images": dataset.test.images,
        "test/labels": dataset.test.labels,
        "mean": dataset.mean,
        "std": dataset.std,
    }
    if dataset.validation is not dataset.test:
        tensors["validation/images"] = dataset.validation.images
        tensors["validation/labels"] = dataset.validation.labels
    about: dict[str, Any] = {
        "kind": "dataset",
        "format": _FORMAT,
        "classes": list(dataset.classes),
        "origin": dataset.origin,
    }
    save_tensors(path, tensors, about)


def load_dataset(path: Path) -> Dataset:
    """Read the artefact after checking its checksum.

    Raises:
        UserError: the file is missing, damaged or no dataset.
    """
    tensors, about = load_tensors(path, "dataset", _FORMAT)

    def images(split: str) -> Images:
        return Images(tensors[f"{split}/images"], tensors[f"{split}/labels"])

    test = images("test")
    return Dataset(
        train=images("train"),
        validation=images("validation") if "validation/images" in tensors else test,
        test=test,
        train_rows=tensors["train/rows"],
        validation_rows=tensors["validation/rows"],
        source_labels=tensors["source/labels"],
        classes=tuple(about["classes"]),
        mean=tensors["mean"],
        std=tensors["std"],
        origin=about["origin"],
    )
