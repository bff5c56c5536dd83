"""Someone's own images: a folder for each class, or parquet files."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated

from dsd2.data.datasets.named import IMAGE_SIZE, STREAM
from dsd2.keys import Doc, Ge, Le, MinLen
from dsd2.recipe import DATASETS, DatasetRecipe


@dataclass(frozen=True, kw_only=True)
class _Own(DatasetRecipe):
    """Images in a folder of the user's."""

    path: Annotated[str | None, MinLen(1), Doc("Folder of the images or parquet files.")] = (
        dataclasses.field(default=None, metadata={"place": True})
    )


@DATASETS.register("imagefolder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(_Own):
    """Folders of images, one a class; or such folders train and perhaps validation and test."""

    image_size: Annotated[int, Ge(4), Le(1024), IMAGE_SIZE] = 32
    stream: Annotated[bool, STREAM] = False


@DATASETS.register("parquet")
@dataclass(frozen=True, kw_only=True)
class Parquet(_Own):
    """train*.parquet and perhaps validation*.parquet and test*.parquet, as the hub has them."""

    image_column: Annotated[str, MinLen(1), Doc("Column of the encoded images.")] = "image"
    label_column: Annotated[str, MinLen(1), Doc("Column of the integer labels.")] = "label"
