"""What a folder of someone's own images suggests: which kind it is, image size, network, epochs."""

from __future__ import annotations

import math
import os
import statistics
from contextlib import suppress
from pathlib import Path
from typing import Any

from dsd2.config.sanitize import shown
from dsd2.data.decoding import open_image
from dsd2.data.parquet_io import first_image, parquet_schema, row_count
from dsd2.data.scan import list_class_folders
from dsd2.errors import UserError
from dsd2.paths import own_study

SAMPLE = 200
"""Images whose size is looked at."""
SIZES = (8, 64)
"""Smallest and largest image side that is suggested: what a CPU manages, too."""
STEPS = 1000
"""Optimiser steps of one training that are suggested."""
BATCH_SIZE = 64

Sections = dict[str, dict[str, Any]]


def suggestions(folder: str) -> Sections:
    """Sections of a configuration that suit a folder of images; any setting of the user's wins.

    Args:
        folder: with a folder for each class, or parquet files, as ``dataset.path``.

    Raises:
        UserError: there is no such folder, or there are no images in it.
    """
    path = Path(os.path.normpath(folder))
    if not path.is_dir():
        raise UserError(f"config key data is {shown(folder)}, which is no folder")
    if any(path.glob("train*.parquet")):
        images, sides = _parquet(path)
        dataset: dict[str, Any] = {"name": "parquet", "path": str(path)}
        side = sides[0]
    else:
        images, sides = _class_folders(path)
        side = round(min(max(statistics.median_low(sides), SIZES[0]), SIZES[1]) / 8) * 8
        dataset = {"name": "imagefolder", "path": str(path), "image_size": side}
    # The last feature map is about four pixels wide, and wide networks are for many images.
    depth = min(max(int(math.log2(side)) - 2, 1), 5)
    epochs = round(STEPS / math.ceil(images / BATCH_SIZE))
    return {
        "dataset": dataset,
        "model": {"name": "vgg-like", "depth": depth, "width": 4 if images < 10_000 else 5},
        "training": {"epochs": min(max(epochs, 10), 100), "batch_size": BATCH_SIZE},
    }


def own_study_name(folder: str) -> str:
    """Name of the study of a folder of images, the same by whatever path the folder is given."""
    # As suggestions() reads the path; then links are followed.
    path = os.path.realpath(os.path.normpath(folder))
    return own_study(Path(path), Path(os.path.realpath(".")))


def _class_folders(folder: Path) -> tuple[int, list[int]]:
    """How many images there are to train on, and the shorter sides of some in pixels."""
    names = list_class_folders(folder).splits["train"].names
    sides = []
    for name in names[:: max(1, len(names) // SAMPLE)]:
        # What cannot be decoded is for the data report to name.
        with suppress(UserError), open_image(folder / name) as image:
            sides.append(min(image.size))
    return len(names), sides or [SIZES[1]]


def _parquet(folder: Path) -> tuple[int, list[int]]:
    """The same for parquet files, all of whose images have one size."""
    files = sorted(folder.glob("train*.parquet"))
    names = parquet_schema(files[0]).names
    column = next((name for name in ("image", "img") if name in names), None)
    if column is None:
        raise UserError(f"{files[0]}: has no column image; it has {', '.join(names)}")
    with first_image(files, column) as image:
        return sum(map(row_count, files)), [min(image.size)]
