"""What is known of a dataset without decoding it, for estimating what a study costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsd2.data.locate import CIFAR_FOLDERS, find
from dsd2.data.parquet_io import (
    cifar_columns,
    class_names,
    first_image,
    parquet_schema,
    read_foreign_parquet,
    row_count,
    whole_numbers,
)
from dsd2.data.scan import GREY, SPLITS, folders_mode, list_class_folders
from dsd2.data.splits import split_sizes
from dsd2.data.synthetic import CLASSES, stand_in_sizes
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe


@dataclass(frozen=True)
class Facts:
    """A dataset's shape.

    Attributes:
        image: (C, H, W) of every image.
        classes: how many there are.
        train: training images after the split.
        validation: likewise; the test's where those validate.
        test: likewise.
    """

    image: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class _Whole:
    """A dataset before the split; None where it has no such images of its own."""

    image: tuple[int, int, int]
    classes: int
    train: int
    validation: int | None
    test: int | None


def facts(recipe: DatasetRecipe, roots: Sequence[Path]) -> Facts:
    """The facts of the dataset that a recipe names, which need not be there if it has a name.

    Of parquet files the first image alone is looked at, so that a greyscale one before coloured
    ones has one channel here and three in training.

    Args:
        recipe: which dataset, and its split.
        roots: folders that may hold it. CIFAR's parquet files are counted; what else has a name
            is taken to be whole.

    Raises:
        UserError: a folder is not what it should be, or has too few images for the recipe.
    """
    whole = _whole(recipe, roots)
    sizes = split_sizes(recipe, whole.train, whole.validation, whole.test)
    return Facts(whole.image, whole.classes, sizes.train, sizes.validation, sizes.test)


def _whole(recipe: DatasetRecipe, roots: Sequence[Path]) -> _Whole:
    size = recipe.image_size
    match recipe.name:
        case "digits":
            return _Whole((1, 8, 8), 10, 1797, None, None)
        case "imagefolder":
            return _imagefolder(Path(str(recipe.path)), size)
        case "parquet":
            return _parquet(Path(str(recipe.path)), recipe.image_column, recipe.label_column)
        case "cifar10" | "cifar100":
            root = None if recipe.stand_in else find(recipe.name, roots)
            if root is not None and not (root / CIFAR_FOLDERS[recipe.name]).is_dir():
                return _parquet(root / recipe.name, *cifar_columns(recipe.name, root))
            named = _Whole((3, 32, 32), CLASSES[recipe.name], 50_000, None, 10_000)
        case "flowers102":
            named = _Whole((3, size, size), 102, 1020, 1020, 6149)
        case "imagenet":
            named = _Whole((3, size, size), 1000, 1_281_167, None, 50_000)
    if not recipe.stand_in:
        return named
    made = stand_in_sizes(recipe)
    own = None if named.validation is None else made.validation
    return _Whole(named.image, CLASSES[recipe.name], made.train, own, made.test)


def _imagefolder(folder: Path, size: int) -> _Whole:
    listed = list_class_folders(folder)
    channels = 1 if folders_mode(folder, listed) == "L" else 3
    count = {split: len(files.names) for split, files in listed.splits.items()}
    return _Whole(
        (channels, size, size),
        len(listed.classes),
        count["train"],
        count.get("validation"),
        count.get("test"),
    )


def _parquet(folder: Path, image_column: str, label_column: str) -> _Whole:
    files = {split: sorted(folder.glob(f"{split}*.parquet")) for split in SPLITS}
    if not files["train"]:
        raise UserError(f"{folder}: has no train*.parquet")
    schema = parquet_schema(files["train"][0])
    for column in (image_column, label_column):
        if column not in schema.names:
            raise UserError(
                f"{files['train'][0]}: has no column {column!r}; it has {', '.join(schema.names)}"
            )
    count: dict[str, int | None] = {
        split: sum(map(row_count, parts)) if parts else None for split, parts in files.items()
    }
    if not count["train"]:
        raise UserError(f"{files['train'][0]}: has no rows")
    with first_image(files["train"], image_column) as image:
        shape = (1 if image.mode in GREY else 3, image.height, image.width)
    classes = len(class_names(files["train"][0], schema, label_column)) or 1 + max(
        int(whole_numbers(part, read_foreign_parquet(part, [label_column]), label_column).max())
        for parts in files.values()
        for part in parts
        if row_count(part)
    )
    return _Whole(shape, classes, count["train"] or 0, count["validation"], count["test"])
