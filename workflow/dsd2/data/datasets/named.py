"""Datasets that have a name: the digits, and those that lie below a data root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from dsd2.keys import Doc, Ge, Le
from dsd2.recipe import DATASETS, DatasetRecipe

STREAM = Doc(
    "Whether images stay in their files and are decoded when needed, for those that do not fit into"
    " memory; false by default, but true for imagenet. The files must stay where they are. The mean"
    " and deviation are then taken from at most 2048 training images."
)
IMAGE_SIZE = Doc(
    "Side in pixels that images are resized to: the shorter side, then the middle is cut out; of"
    " imagenet the shorter side gets 256/224 of it before."
)


@DATASETS.register("digits")
@dataclass(frozen=True, kw_only=True)
class Digits(DatasetRecipe):
    """scikit-learn's handwritten digits; they need no download."""


@DATASETS.register("cifar10")
@dataclass(frozen=True, kw_only=True)
class CIFAR10(DatasetRecipe):
    """torchvision's files in one of data_roots, or the hub's parquet files in a folder cifar10."""


@DATASETS.register("cifar100")
@dataclass(frozen=True, kw_only=True)
class CIFAR100(DatasetRecipe):
    """torchvision's files in one of data_roots, or the hub's parquet files in a folder cifar100."""


@dataclass(frozen=True, kw_only=True)
class _Photos(DatasetRecipe):
    """Images of differing sizes in files."""

    image_size: Annotated[int, Ge(4), Le(1024), IMAGE_SIZE] = 32
    stream: Annotated[bool, STREAM] = False


@DATASETS.register("flowers102")
@dataclass(frozen=True, kw_only=True)
class Flowers102(_Photos):
    """A folder flowers-102 in one of data_roots, as torchvision makes it."""


@DATASETS.register("imagenet")
@dataclass(frozen=True, kw_only=True)
class ImageNet(_Photos):
    """A folder imagenet with train, val and the devkit archive or meta.bin; val is the test set."""
