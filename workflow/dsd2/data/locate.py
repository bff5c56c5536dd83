"""Where the data of the named datasets lies, without reading it: the Snakefile asks this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dsd2.recipe import DatasetRecipe, NoiseRecipe

NAMED = ("cifar10", "cifar100", "flowers102", "imagenet")
"""Datasets that are looked for below the data roots."""

CIFAR_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
"""Folders of the original files, as torchvision looks for them."""

FLOWERS_FOLDER = "flowers-102"
"""Folder of Flowers-102's files, as torchvision looks for it."""

FLOWERS_FILES = ("imagelabels.mat", "setid.mat")
"""Flowers-102's labels and splits, beside its folder ``jpg``."""

IMAGENET_DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
"""Archive with ImageNet's class names, from which torchvision makes ``meta.bin``."""

DOWNLOADABLE = ("cifar10", "cifar100", "flowers102")
"""Datasets that torchvision can fetch."""

HUMAN_LABELS = {
    "cifar10": ("cifar10/labels_human.parquet", "CIFAR-10_human.pt"),
    "cifar100": ("cifar100/labels_human.parquet", "CIFAR-100_human.pt"),
}
"""Files of CIFAR-N's labels, below a data root."""


def find(name: str, roots: Sequence[Path]) -> Path | None:
    """The first root that has a named dataset; None where none does, or it needs none."""
    return next((root for root in roots if _has(root, name)), None)


def is_there(name: str, roots: Sequence[Path]) -> bool:
    """Whether any root has a named dataset; the digits are always there."""
    return name == "digits" or find(name, roots) is not None


def stood_in(
    dataset: DatasetRecipe, noise: NoiseRecipe, roots: Sequence[Path], download: bool
) -> tuple[DatasetRecipe, NoiseRecipe]:
    """The recipes with stand-ins for named data that is missing and not to be fetched.

    Args:
        dataset: of any name; the digits and folders of one's own are never stood in for.
        noise: CIFAR's human labels are stood in for where it is, or their file is missing.
        roots: folders that may hold the data.
        download: whether what can be fetched will be.
    """
    fetched = download and dataset.name in DOWNLOADABLE
    if dataset.name in NAMED and not fetched and find(dataset.name, roots) is None:
        dataset = replace(dataset, stand_in=True)
    if noise.kind == "human" and dataset.name in HUMAN_LABELS:
        missing = dataset.stand_in or find_human_labels(dataset.name, noise.file, roots) is None
        noise = replace(noise, stand_in=missing)
    return dataset, noise


def find_human_labels(name: str, file: str | None, roots: Sequence[Path]) -> Path | None:
    """The file of human labels that a study asks for, if it is there.

    Args:
        name: of the dataset.
        file: a path, or one below any of the roots; None for the CIFAR-N release's.
        roots: folders that may hold the file, searched in order.
    """
    if file is None:
        places = [root / release for root in roots for release in HUMAN_LABELS.get(name, ())]
    else:
        places = [Path(file), *(root / file for root in roots)]
    return next((place for place in places if place.is_file()), None)


def _has(root: Path, name: str) -> bool:
    match name:
        case "cifar10" | "cifar100":
            return (root / CIFAR_FOLDERS[name]).is_dir() or has_parquet(root / name)
        case "flowers102":
            return has_flowers(root / FLOWERS_FOLDER)
        case "imagenet":
            folder = root / name
            named = (folder / "meta.bin").is_file() or (folder / IMAGENET_DEVKIT).is_file()
            return named and all((folder / split).is_dir() for split in ("train", "val"))
        case _:
            return False


def has_parquet(folder: Path) -> bool:
    """Whether a folder has training images as parquet files."""
    return any(folder.glob("train*.parquet"))


def has_flowers(folder: Path) -> bool:
    """Whether a folder has all of Flowers-102's files, whatever is in them."""
    return (folder / "jpg").is_dir() and all((folder / file).is_file() for file in FLOWERS_FILES)
