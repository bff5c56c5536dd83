"""Synthetic images in a dataset's true on-disk format, for where the dataset is missing.

They prove that a study runs, from the real reader to the last figure; their accuracies mean
nothing. Each class has its own colours and stripes, so that there is something to learn.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dsd2.data.locate import FLOWERS_FILES, FLOWERS_FOLDER
from dsd2.data.splits import size_of
from dsd2.recipe import DatasetRecipe

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""CIFAR-10's classes in the order of its labels; asymmetric noise goes by these names."""

CLASSES = {"cifar10": 10, "cifar100": 100, "flowers102": 102, "imagenet": 10}
"""Classes of a stand-in: as many as the format demands."""

FEW = 240
"""Training images of a stand-in where a recipe wants all, at least; fewer for the test."""


@dataclass(frozen=True)
class StandInSizes:
    """How many images a stand-in has; only Flowers-102 has validation images of its own."""

    train: int
    validation: int
    test: int


def stand_in_sizes(recipe: DatasetRecipe) -> StandInSizes:
    """As many images as a recipe asks for; some hundreds, and every class, where it wants all."""
    classes = CLASSES[recipe.name]
    share = 0.0 if isinstance(recipe.validation, str) else recipe.validation
    if recipe.train is not None:
        train = recipe.train + size_of(share, recipe.train)
    elif share < 1:
        train = math.ceil(max(FEW, 10 * classes) / (1 - share))
    else:
        train = max(FEW, 10 * classes) + int(share)
    test = FEW if recipe.test is None or recipe.test < 1 else int(recipe.test)
    return StandInSizes(max(train, classes), max(FEW, classes), max(test, classes))


def write_stand_in(folder: Path, recipe: DatasetRecipe) -> None:
    """Write a dataset with as many images as a recipe asks for; the same images every time.

    Args:
        folder: a data root.
        recipe: of a named dataset but the digits.
    """
    sizes = stand_in_sizes(recipe)
    match recipe.name:
        case "cifar10" | "cifar100":
            _write_cifar(folder / recipe.name, recipe.name, sizes)
        case "flowers102":
            _write_flowers(folder / FLOWERS_FOLDER, sizes)
        case "imagenet":
            _write_imagenet(folder / recipe.name, sizes)
        case _:
            raise ValueError(f"{recipe.name} needs no stand-in")


def _pictures(split: str, count: int, classes: int, side: int) -> Any:
    """Labels, all classes in turn, with their RGB images: at least so many pixels a side."""
    draws = np.random.default_rng(list(split.encode()))
    for row in range(count):
        height, width = (side, side) if side == CIFAR_SIDE else draws.integers(side, 2 * side, 2)
        yield row % classes, _picture(row % classes, draws, height, width)


def _picture(label: int, draws: np.random.Generator, height: int, width: int) -> Any:
    """Stripes whose colour, direction and width are the class's, under noise."""
    from PIL import Image

    own = np.random.default_rng(label)
    colour, direction = own.uniform(40, 200, 3), own.uniform(-1, 1, 2)
    period = own.uniform(0.1, 0.5) * min(height, width)
    y, x = np.mgrid[:height, :width]
    phase = 2 * np.pi * ((direction[0] * y + direction[1] * x) / period + draws.random())
    noise = draws.normal(0, 30, (height, width, 3))
    pixels = colour + 70 * np.sin(phase)[..., None] + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


CIFAR_SIDE = 32
SMALL_SIDE = 40
"""Sides in pixels; Flowers-102's and ImageNet's are up to twice that, each image its own."""


def _write_cifar(folder: Path, name: str, sizes: StandInSizes) -> None:
    """Parquet files with the columns that the Hugging Face hub's have."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    classes, column = CLASSES[name], "fine_label" if name == "cifar100" else "label"
    names = [f"class {label}" for label in range(classes)]
    if name == "cifar10":
        names = list(CIFAR10_CLASSES)
    features = {"img": {"_type": "Image"}, column: {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", sizes.train), ("test", sizes.test)):
        images, labels = [], []
        for label, picture in _pictures(split, count, classes, CIFAR_SIDE):
            data = io.BytesIO()
            picture.save(data, "PNG")
            images.append({"bytes": data.getvalue(), "path": None})
            labels.append(label)
        table = pa.table({"img": pa.array(images), column: pa.array(labels, pa.int64())})
        pq.write_table(table.replace_schema_metadata(metadata), folder / f"{split}.parquet")


def _write_flowers(folder: Path, sizes: StandInSizes) -> None:
    """Numbered JPEG files, and MATLAB files of labels and of the splits' numbers, all from 1."""
    from scipy.io import savemat

    (folder / "jpg").mkdir(parents=True, exist_ok=True)
    labels: list[int] = []
    splits: dict[str, list[int]] = {}
    for split, count in (
        ("trnid", sizes.train),
        ("valid", sizes.validation),
        ("tstid", sizes.test),
    ):
        pictures = _pictures(split, count, CLASSES["flowers102"], SMALL_SIDE)
        for label, picture in pictures:
            labels.append(label + 1)
            splits.setdefault(split, []).append(len(labels))
            picture.save(folder / "jpg" / f"image_{len(labels):05d}.jpg")
    for file, content in zip(FLOWERS_FILES, ({"labels": labels}, splits), strict=True):
        savemat(folder / file, content)


def _write_imagenet(folder: Path, sizes: StandInSizes) -> None:
    """A folder of JPEG files for each class and split, and torchvision's file of class names."""
    import torch

    wnids = [f"n{label:08d}" for label in range(CLASSES["imagenet"])]
    truth: list[str] = []
    for split, count in (("train", sizes.train), ("val", sizes.test)):
        pictures = _pictures(split, count, len(wnids), SMALL_SIDE)
        for row, (label, picture) in enumerate(pictures):
            place = folder / split / wnids[label]
            place.mkdir(parents=True, exist_ok=True)
            picture.save(place / f"{split}_{row:08d}.JPEG")
            if split == "val":
                truth.append(wnids[label])
    words = {wnid: (f"class {label}",) for label, wnid in enumerate(wnids)}
    torch.save((words, truth), folder / "meta.bin")
