"""Images in parquet files, in the layout of the Hugging Face hub's image datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.data.decoding import decoded, open_image
from dsd2.data.listing import SPLITS
from dsd2.data.parquet_io import class_names, encoded, read_foreign_parquet, whole_numbers
from dsd2.data.source import Images, Source, channels_first
from dsd2.errors import UserError
from dsd2.escaping import one_line
from dsd2.preprocessing import is_grey, upright_size

MAX_CLASSES = 100_000
"""Classes where they have no names: a larger label is no label."""


def read_parquet(folder: Path, image_column: str, label_column: str) -> Source:
    """A folder with ``train*.parquet`` and perhaps ``validation*`` and ``test*.parquet``.

    A column of structs has the encoded file in ``bytes``, another one integer labels. All images
    have one size; they are greyscale if all of them are, and RGB otherwise.

    Raises:
        UserError: a file is missing or unreadable, or an image or label is not as it should be.
    """
    parts: dict[str, list[Images]] = {}
    names: tuple[str, ...] = ()
    labels: dict[Path, Tensor] = {}
    for split in SPLITS:
        for file in sorted(folder.glob(f"{split}*.parquet")):
            images, found = _file(file, image_column, label_column)
            if found and names and found != names:
                raise UserError(
                    f"{file}: its class names are others than those of {next(iter(labels))}"
                )
            parts.setdefault(split, []).append(images)
            names, labels[file] = names or found, images.labels
    if "train" not in parts:
        raise UserError(f"{folder}: has no train*.parquet")
    most = len(names) or MAX_CLASSES
    for file, given in labels.items():
        outside = torch.nonzero((given < 0) | (given >= most)).flatten()
        if len(outside):
            row = int(outside[0])
            raise UserError(f"{file} row {row}: label {int(given[row])} is outside 0 to {most - 1}")
    joined = _joined(folder, parts)
    highest = max(int(part.labels.max()) for part in joined.values())
    names = names or tuple(str(label) for label in range(highest + 1))
    return Source(
        train=joined["train"],
        validation=joined.get("validation"),
        test=joined.get("test"),
        classes=names,
        origin=f"parquet files in {one_line(folder.name)}",
    )


def _joined(folder: Path, parts: dict[str, list[Images]]) -> dict[str, Images]:
    """The files of each split as one; greyscale ones get three channels if any has colour."""
    shapes = {tuple(part.images.shape[1:]) for files in parts.values() for part in files}
    if len({shape[1:] for shape in shapes}) > 1:
        raise UserError(f"{folder}: images of different shapes, (C, H, W) {sorted(shapes)}")
    channels = max(shape[0] for shape in shapes)
    return {
        split: Images(
            torch.cat([_pixels(part).expand(-1, channels, -1, -1) for part in files]),
            torch.cat([part.labels for part in files]),
        )
        for split, files in parts.items()
    }


def _pixels(part: Images) -> Tensor:
    assert isinstance(part.images, Tensor), "parquet is decoded when it is read"
    return part.images


def _file(file: Path, image_column: str, label_column: str) -> tuple[Images, tuple[str, ...]]:
    table = read_foreign_parquet(file)
    for key, column in (("image_column", image_column), ("label_column", label_column)):
        if column not in table.column_names:
            raise UserError(
                f"{file}: has no column {column!r} (dataset.{key});"
                f" it has {', '.join(table.column_names)}"
            )
    if len(table) == 0:
        raise UserError(f"{file}: has no rows")
    images = _decode(file, table.column(image_column))
    labels = torch.from_numpy(whole_numbers(file, table, label_column))
    return Images(images, labels), class_names(file, table.schema, label_column)


def _decode(file: Path, column: Any) -> Tensor:
    """Decode a column of encoded images into uint8 [N, C, H, W]; C is 1 if all are greyscale."""
    pixels: np.ndarray | None = None
    for row, value in enumerate(column):
        where = f"{file} row {row}"
        image = open_image(encoded(where, value), where)
        grey = is_grey(image)
        if pixels is None:
            width, height = upright_size(image)
            pixels = np.empty((len(column), height, width, 1 if grey else 3), np.uint8)
        elif not grey and pixels.shape[3] == 1:
            pixels = np.repeat(pixels, 3, axis=3)
        array = np.asarray(decoded(image, "L" if grey else "RGB", where))
        if array.shape[:2] != pixels.shape[1:3]:
            raise UserError(
                f"{where}: the image is {array.shape[0]}×{array.shape[1]},"
                f" the first is {pixels.shape[1]}×{pixels.shape[2]}"
            )
        pixels[row] = array.reshape(*array.shape[:2], -1)
    assert pixels is not None, "there are rows"
    return channels_first(pixels)
