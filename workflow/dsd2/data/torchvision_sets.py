"""The named datasets that torchvision has classes for: CIFAR, Flowers-102 and ImageNet."""

from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.compat import import_torchvision
from dsd2.data.files import image_files
from dsd2.data.locate import FLOWERS_FOLDER, has_flowers
from dsd2.data.pickles import read_arrays
from dsd2.data.source import Images, Source
from dsd2.errors import UserError
from dsd2.files.reading import check_file

CIFAR = {"cifar10": "CIFAR10", "cifar100": "CIFAR100"}
"""torchvision's class of a dataset."""


def read_cifar(name: str, root: Path, download: bool) -> Source:
    """CIFAR-10 or -100 from its original files, whose names and checksums torchvision knows.

    They are pickles, and torchvision's own reader would run what is in them once their checksums
    are right; this one reads arrays alone.

    Raises:
        UserError: the files are damaged or cannot be fetched.
    """
    known = getattr(import_torchvision("torchvision.datasets"), CIFAR[name])
    if download:
        try:
            fetch = import_torchvision("torchvision.datasets.utils").download_and_extract_archive
            fetch(known.url, str(root), filename=known.filename, md5=known.tgz_md5)
        except (RuntimeError, OSError) as error:
            raise UserError(f"dataset {name} in {root}: {error}") from error
    folder = root / known.base_folder
    meta = _cifar_file(folder / known.meta["filename"], known.meta["md5"], CIFAR[name])
    classes = tuple(map(str, meta[known.meta["key"]]))

    def part(files: list[list[str]]) -> Images:
        batches = []
        for file, md5 in files:
            content = _cifar_file(folder / file, md5, CIFAR[name])
            batches.append(_cifar_batch(folder / file, content, len(classes)))
        images, labels = zip(*batches, strict=True)
        return Images(torch.cat(images), torch.cat(labels))

    origin = f"the original files of {CIFAR[name]}"
    return Source(part(known.train_list), part(known.test_list), classes, origin)


def _cifar_file(path: Path, md5: str, release: str) -> dict[str, Any]:
    """What a file of CIFAR holds, after checking that it is the release's, byte for byte."""
    try:
        check_file(path)
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
        raise UserError(
            f"{path}: is damaged or no file of {release} (its checksum is not {md5}); get it again"
        )
    try:
        content = read_arrays(data)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: holds more than images and labels ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no images and labels")
    return content


def _cifar_batch(path: Path, content: dict[str, Any], classes: int) -> tuple[Tensor, Tensor]:
    """Images [N, 3, 32, 32] and labels of a file."""
    pixels, labels = content.get("data"), content.get("labels", content.get("fine_labels"))
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (3 * 32 * 32,)
        or not isinstance(labels, list)
    ):
        raise UserError(f"{path}: holds no rows of 3072 bytes with their labels")
    if len(labels) != len(pixels):
        raise UserError(f"{path}: has {len(labels)} labels for {len(pixels)} images")
    for row, label in enumerate(labels):
        if not isinstance(label, int) or not 0 <= label < classes:
            raise UserError(f"{path} row {row}: label {label!r} is outside 0 to {classes - 1}")
    return torch.from_numpy(pixels.reshape(-1, 3, 32, 32)), torch.tensor(labels)


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
            reason = f"no entry {error}" if isinstance(error, KeyError) else error
            raise UserError(f"dataset flowers102 in {root}: {reason}") from error
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
        except pickle.UnpicklingError as error:
            raise UserError(
                f"{folder / 'meta.bin'}: is damaged or holds more than names of classes"
            ) from error
        except (RuntimeError, OSError, LookupError, ValueError, TypeError) as error:
            reason = f"no entry {error}" if isinstance(error, KeyError) else error
            raise UserError(f"dataset imagenet in {folder}: {reason}") from error

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
