"""The named datasets that torchvision has classes for: CIFAR, Flowers-102 and ImageNet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from dsd2.data.files import image_files
from dsd2.data.places import FLOWERS_FOLDER, has_flowers
from dsd2.data.source import Images, Source, channels_first
from dsd2.errors import UserError
from dsd2.nn.torchvision_ops import import_torchvision

CIFAR = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}
"""torchvision's class of a dataset."""


def read_cifar(name: str, root: Path, download: bool) -> Source:
    """CIFAR-10 or -100 from its original files, whose checksums torchvision checks.

    Raises:
        UserError: the files are damaged or cannot be fetched.
    """
    reader = getattr(import_torchvision("torchvision.datasets"), CIFAR[name])

    def part(train: bool) -> Any:
        try:
            return reader(str(root), train=train, download=download)
        except (RuntimeError, OSError) as error:
            raise UserError(f"dataset {name} in {root}: {error}") from error

    def images(data: Any) -> Images:
        return Images(channels_first(data.data), torch.tensor(data.targets, dtype=torch.int64))

    train, test = part(True), part(False)
    origin = f"the original files of {CIFAR[name]}"
    return Source(images(train), images(test), tuple(train.classes), origin)


def read_flowers(root: Path, size: int, download: bool) -> Source:
    """Flowers-102 from its folder of JPEG files and its two MATLAB files.

    torchvision checks the MATLAB files' checksums whenever it reads them; here that is done on
    downloading alone. Otherwise nobody could use a part of the images, and reading such a file
    runs no code, unlike CIFAR's pickles.

    Raises:
        UserError: files are damaged or cannot be fetched.
    """
    datasets = import_torchvision("torchvision.datasets")

    class Flowers(datasets.Flowers102):  # type: ignore[name-defined, misc]
        def _check_integrity(self) -> bool:
            return has_flowers(root / FLOWERS_FOLDER)

    def images(split: str) -> Images:
        try:
            # With this loader an item is a path with its label.
            data = Flowers(str(root), split=split, download=download, loader=str)
            items = [data[row] for row in range(len(data))]
        except Exception as error:  # scipy has an exception of its own for what is no MATLAB file
            raise UserError(f"dataset flowers102 in {root}: {error}") from error
        names = [os.path.relpath(path, folder) for path, _ in items]
        labels = torch.tensor([label for _, label in items], dtype=torch.int64)
        return Images(image_files(folder, names, "RGB", size), labels)

    folder = root / FLOWERS_FOLDER
    return Source(
        train=images("train"),
        validation=images("val"),
        test=images("test"),
        classes=tuple(datasets.Flowers102.classes),
        origin="the original files of Flowers102",
    )


def read_imagenet(root: Path, size: int) -> Source:
    """ImageNet 2012 from its extracted images; its validation images are the test set.

    Classes are named by WordNet identifier and first word, since words alone are not unique.

    Raises:
        UserError: files are missing or damaged.
    """
    folder = root / "imagenet"
    reader = import_torchvision("torchvision.datasets").ImageNet

    def part(split: str) -> Any:
        try:
            return reader(str(folder), split=split)
        except (RuntimeError, OSError, LookupError, ValueError) as error:
            raise UserError(f"dataset imagenet in {folder}: {error}") from error

    def images(data: Any) -> Images:
        names = [os.path.relpath(path, folder) for path, _ in data.samples]
        labels = torch.tensor(data.targets, dtype=torch.int64)
        return Images(image_files(folder, names, "RGB", size, "imagenet"), labels)

    train, test = part("train"), part("val")
    if train.wnids != test.wnids:
        raise UserError(f"{folder}: train and val have different class folders")
    return Source(
        train=images(train),
        test=images(test),
        classes=tuple(
            f"{wnid} {words[0]}" for wnid, words in zip(train.wnids, train.classes, strict=True)
        ),
        origin="the original files of ImageNet",
    )
