"""The datasets by name: each gives all its images, decoded or in their files."""

from __future__ import annotations

from pathlib import Path

import torch

from dsd2.data import torchvision_sets
from dsd2.data.imagefolder import read_imagefolder
from dsd2.data.locate import CIFAR_FOLDERS, DOWNLOADABLE, find
from dsd2.data.parquet import read_parquet
from dsd2.data.parquet_io import cifar_columns
from dsd2.data.source import Images, Source
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe


def read_source(recipe: DatasetRecipe, roots: list[Path], download: bool) -> Source:
    """Read the dataset that a recipe names.

    Args:
        recipe: which one.
        roots: folders that may hold the data, searched in order.
        download: fetch a dataset that torchvision can fetch, into the first of the roots.

    Raises:
        UserError: the data is missing or not what it should be; the message says how to get it.
    """
    match recipe.name:
        case "digits":
            return _digits()
        case "imagefolder":
            assert recipe.path is not None, "the configuration requires it"
            return read_imagefolder(Path(recipe.path), recipe.image_size)
        case "parquet":
            assert recipe.path is not None, "the configuration requires it"
            return read_parquet(Path(recipe.path), recipe.image_column, recipe.label_column)
        case _:
            return _named(recipe, roots, download)


def _digits() -> Source:
    """scikit-learn's handwritten digits: 1,797 images of 8×8 pixels in 17 shades of grey."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(digits.target).long()
    names = tuple(str(name) for name in digits.target_names)
    return Source(Images(images, labels), None, names, "scikit-learn's handwritten digits")


PLACES = {
    "cifar10": "cifar-10-batches-py, or cifar10/train.parquet and test.parquet,",
    "cifar100": "cifar-100-python, or cifar100/train.parquet and test.parquet,",
    "flowers102": "flowers-102 with the folder jpg, imagelabels.mat and setid.mat",
    "imagenet": (
        "imagenet with the folders train and val, which have a folder for each class,"
        " and ILSVRC2012_devkit_t12.tar.gz or meta.bin"
    ),
}
"""What a data root must hold for a dataset to be there, in words."""


def _named(recipe: DatasetRecipe, roots: list[Path], download: bool) -> Source:
    """A dataset from the first root that has it, or fetched into the first root."""
    name, root = recipe.name, find(recipe.name, roots)
    fetch = root is None and download and name in DOWNLOADABLE
    if root is None and not fetch:
        how = f"set download: true to fetch it into {roots[0]}, or " if name in DOWNLOADABLE else ""
        raise UserError(
            f"dataset {name}: none of the folders of data_roots"
            f" ({', '.join(map(str, roots))}) has it; {how}put {PLACES[name]} there"
        )
    root = root or roots[0]
    match name:
        case "flowers102":
            return torchvision_sets.read_flowers(root, recipe.image_size, fetch)
        case "imagenet":
            return torchvision_sets.read_imagenet(root, recipe.image_size)
        case _:
            if fetch or (root / CIFAR_FOLDERS[name]).is_dir():
                return torchvision_sets.read_cifar(name, root, fetch)
            return read_parquet(root / name, *cifar_columns(name, root))
