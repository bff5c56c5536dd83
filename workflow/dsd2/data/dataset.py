"""The dataset artefact: images split and ready, made once and memory-mapped by every stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2.data.files import Encoded, ImageFiles
from dsd2.data.listing import SPLITS
from dsd2.data.source import Images, Source, reading_of
from dsd2.data.splits import split_sizes
from dsd2.data.stratified import stratified_split
from dsd2.environment import user_path
from dsd2.errors import UserError
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe, ModelRecipe, from_json, to_json
from dsd2.seeds import generator

_FORMAT = 3

MAX_SAMPLE = 2048
"""Training images that the statistics of a streamed dataset are taken from, at most."""


@dataclass(frozen=True)
class Dataset:
    """Images as they are trained and tested on.

    Attributes:
        train: images with clean labels.
        validation: images to select on; the test images themselves in the paper's mode.
        test: images to report on.
        train_rows: position of each training image in its source, int64 [N].
        validation_rows: the same for the validation images; where the source has its own, their
            position in those.
        source_labels: of all training images of the source, in its order, int64.
        classes: names.
        mean: of the training images per channel, in units of 0–255, [C, 1, 1].
        std: likewise.
        origin: one line that says what was read.
        own_validation: whether the validation images are none of the source's training images.
        reading: how image files were read (:func:`dsd2.data.source.reading_of`), whether or not
            they were decoded into memory; None where an older artefact does not say.
        test_rows: position of each test image in the source's own test images, or in its training
            images where it has no test images of its own; None where an older artefact does not
            say.
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
    own_validation: bool
    reading: dict[str, Any] | None = None
    test_rows: Tensor | None = None

    @property
    def image(self) -> tuple[int, int, int]:
        """(C, H, W) of every image."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width

    def normalised_for(self, model: ModelRecipe) -> Dataset:
        """The same images by the constants that a network wants; grey ones by their mean."""
        if model.constants is None:
            return self
        colours = (torch.tensor(each).view(-1, 1, 1) for each in model.constants)
        channels = self.image[0]
        mean, std = (c if channels == 3 else c.mean().expand(channels, 1, 1) for c in colours)
        return replace(self, mean=mean.contiguous(), std=std.contiguous())


def split_source(source: Source, recipe: DatasetRecipe) -> Dataset:
    """Draw the splits of a recipe from a source, and decode what is not to be streamed.

    A source without a test set of its own gives its images, in a random order, to training, to
    validation and to the test; the test takes a fifth unless ``train`` or ``test`` say otherwise.
    Where copies are known, every class gives its share to each, and copies stay together.

    Raises:
        UserError: the recipe wants more images than there are, there is only one class, or a class
            has no training image though all images are used.
    """
    where = recipe.path or f"dataset {recipe.name}"
    if len(source.classes) < 2:
        raise UserError(f"{where}: has one class, {source.classes[0]}; it takes two")
    _check_labels(source, where)
    rows = split_rows(source, recipe)
    missing = classes_without_images(source.train.labels[rows["train"]], source.classes)
    if missing and recipe.train is None:
        raise UserError(f"{where}: no training image of class {', '.join(missing)}")
    train = _take(source.train, rows["train"], recipe)
    test = _take(source.test or source.train, rows["test"], recipe)
    own = own_validation(source, recipe)
    if "validation" not in rows:
        validation = test
    else:
        validation = _take(own or source.train, rows["validation"], recipe)
    std, mean = _deviation_and_mean(train.images, recipe.split_seed)
    return Dataset(
        train=train,
        validation=validation,
        test=test,
        train_rows=rows["train"],
        validation_rows=rows.get("validation", torch.empty(0, dtype=torch.int64)),
        source_labels=source.train.labels,
        classes=source.classes,
        mean=mean.view(-1, 1, 1),
        std=std.clamp_min(1.0).view(-1, 1, 1),
        origin=source.origin,
        own_validation=own is not None,
        reading=reading_of(source.train.images),
        test_rows=rows["test"],
    )


def _check_labels(source: Source, where: str) -> None:
    parts = {"training": source.train, "validation": source.validation, "test": source.test}
    for split, part in parts.items():
        if part is None:
            continue
        outside = torch.nonzero((part.labels < 0) | (part.labels >= len(source.classes))).flatten()
        if len(outside):
            row = int(outside[0])
            raise UserError(
                f"{where}: {split} image {row} has label {int(part.labels[row])}, which is outside"
                f" 0 to {len(source.classes) - 1}"
            )


def classes_without_images(labels: Tensor, classes: tuple[str, ...]) -> list[str]:
    """Names of the classes that no label is of."""
    counts = labels.bincount(minlength=len(classes))
    return [name for name, count in zip(classes, counts.tolist(), strict=True) if count == 0]


def own_validation(source: Source, recipe: DatasetRecipe) -> Images | None:
    """The validation images of a source that a recipe takes; None where it takes others."""
    return source.validation if recipe.validation in ("own", "auto") else None


def split_rows(source: Source, recipe: DatasetRecipe) -> dict[str, Tensor]:
    """The rows of each split's images in the part of the source that they come from, int64.

    There is no ``validation`` where the test images validate.

    Raises:
        UserError: the recipe wants more images than there are.
    """
    used = {split: source.used(split) for split in SPLITS}
    counts = [
        None if part is None else len(used[split])
        for split, part in (("validation", source.validation), ("test", source.test))
    ]
    sizes = split_sizes(recipe, len(used["train"]), *counts)
    drawn = 0 if source.test is not None else sizes.test
    draws = generator("split", recipe.split_seed, "train")
    if source.groups is None:
        order = used["train"][torch.randperm(len(used["train"]), generator=draws)]
        parts = (recipe.skip, sizes.train, sizes.held_out)
        _, train, held_out, rest = order.split([*parts, len(order) - sum(parts)])
        test = rest[:drawn]
    else:
        labels, groups = source.train.labels[used["train"]], source.groups[used["train"]]
        size = None if recipe.train is None else sizes.train
        others = [drawn, sizes.held_out]
        train, split = stratified_split(labels, groups, size, others, draws, recipe.skip)
        train, test, held_out = (used["train"][part] for part in (train, *split))
    if source.test is not None:
        draws = generator("split", recipe.split_seed, "test")
        order = torch.randperm(len(used["test"]), generator=draws)
        test = used["test"][order[: sizes.test]]
    rows = {"train": train, "test": test}
    if own_validation(source, recipe) is not None:
        rows["validation"] = used["validation"]
    elif recipe.validation != "test":
        rows["validation"] = held_out
    return rows


def _take(images: Images, rows: Tensor, recipe: DatasetRecipe) -> Images:
    taken = images.images[rows]
    if isinstance(taken, Encoded) and not recipe.stream:
        taken = taken.decode_all()
    return Images(taken, images.labels[rows])


def _deviation_and_mean(images: Tensor | Encoded, split_seed: int) -> tuple[Tensor, Tensor]:
    """Per channel, in units of 0–255, [C] each; of a sample where images are in files."""
    if isinstance(images, Encoded):
        if len(images) > MAX_SAMPLE:
            draws = generator("split", split_seed, "statistics")
            images = images[torch.randperm(len(images), generator=draws)[:MAX_SAMPLE]]
        images = images.decode_all()
    return torch.std_mean(images.to(torch.float32), dim=(0, 2, 3))


def save_dataset(path: Path, dataset: Dataset, recipe: DatasetRecipe) -> None:
    """Write the artefact, with the recipe that it was made by.

    A validation set that is the test set is not written twice. Of images in files it holds the
    names, and once for all splits how they are decoded.
    """
    tensors = {
        "train/rows": dataset.train_rows,
        "validation/rows": dataset.validation_rows,
        "source/labels": dataset.source_labels,
        "mean": dataset.mean,
        "std": dataset.std,
    }
    about: dict[str, Any] = {
        "kind": "dataset",
        "format": _FORMAT,
        "dataset": dataset_name(recipe),
        "recipe": to_json(recipe),
        "classes": list(dataset.classes),
        "origin": dataset.origin,
        "own_validation": dataset.own_validation,
        "reading": dataset.reading,
    }
    if dataset.test_rows is not None:
        tensors["test/rows"] = dataset.test_rows
    splits = {"train": dataset.train, "test": dataset.test}
    if dataset.validation is not dataset.test:
        splits["validation"] = dataset.validation
    for split, part in splits.items():
        tensors[f"{split}/labels"] = part.labels
        if isinstance(part.images, ImageFiles):
            files = part.images
            tensors[f"{split}/names"] = files.names
            about["files"] = {"folder": str(files.folder), **files.reading}
        else:
            assert isinstance(part.images, Tensor), "files alone are streamed"
            tensors[f"{split}/images"] = part.images
    save_tensors(path, tensors, about)


def load_dataset(path: Path, name: str) -> Dataset:
    """Read the artefact after checking its checksum.

    Args:
        path: the file.
        name: of the dataset that it must be (:func:`dsd2.paths.dataset_name`).

    Raises:
        UserError: the file is missing, damaged, no dataset or another one.
    """
    tensors, about = load_tensors(path, "dataset", _FORMAT, {"dataset": name})

    recipe = from_json(DatasetRecipe, about["recipe"])
    # A user's folder may have another path than when its images were listed.
    moved = None if recipe.manifest is None else user_path(recipe.manifest)
    folder = Path(moved or about.get("files", {}).get("folder", ""))

    def images(split: str) -> Images:
        labels = tensors[f"{split}/labels"]
        if "files" not in about:
            return Images(tensors[f"{split}/images"], labels)
        files = {**about["files"], "folder": folder}
        return Images(ImageFiles(names=tensors[f"{split}/names"], **files), labels)

    train, test = images("train"), images("test")
    streamed = train.images.reading if isinstance(train.images, ImageFiles) else None
    return Dataset(
        train=train,
        validation=images("validation") if "validation/labels" in tensors else test,
        test=test,
        train_rows=tensors["train/rows"],
        validation_rows=tensors["validation/rows"],
        source_labels=tensors["source/labels"],
        classes=tuple(about["classes"]),
        mean=tensors["mean"],
        std=tensors["std"],
        origin=about["origin"],
        # Artefacts of earlier versions do not say it.
        own_validation=about.get("own_validation", recipe.validation == "own"),
        reading=about.get("reading") or streamed,
        test_rows=tensors.get("test/rows"),
    )
