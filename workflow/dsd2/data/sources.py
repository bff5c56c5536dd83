"""The datasets by name: each gives all its images, decoded, as uint8."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.config.recipe import DatasetRecipe
from dsd2.data.imagefolder import read_imagefolder
from dsd2.data.source import Images, Source, channels_first, read_foreign_parquet
from dsd2.errors import UserError


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
        case "cifar10" | "cifar100":
            return _cifar(recipe.name, roots, download)
        case "imagefolder":
            assert recipe.path is not None, "the configuration requires it"
            return read_imagefolder(Path(recipe.path), recipe.image_size)
        case "parquet":
            assert recipe.path is not None, "the configuration requires it"
            return read_parquet(Path(recipe.path), recipe.image_column, recipe.label_column)


def _digits() -> Source:
    """scikit-learn's handwritten digits: 1,797 images of 8×8 pixels in 17 shades of grey."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = torch.from_numpy(digits.images * (255 / 16)).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(digits.target).long()
    names = tuple(str(name) for name in digits.target_names)
    return Source(Images(images, labels), None, names, "scikit-learn's handwritten digits")


CIFAR = {
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
    "cifar100": ("CIFAR100", "cifar-100-python"),
}
"""torchvision's class of a dataset, and the folder that it reads."""


def _cifar(name: str, roots: list[Path], download: bool) -> Source:
    """CIFAR-10 or -100 from the first folder that has it, in torchvision's layout or as parquet."""
    folder = CIFAR[name][1]
    for root in roots:
        if (root / folder).is_dir():
            return _cifar_batches(name, root, download=False)
        if any((root / name).glob("train*.parquet")):
            return read_parquet(root / name, "image", "label")
    if download:
        return _cifar_batches(name, roots[0], download=True)
    raise UserError(
        f"dataset {name}: none of the folders of data_roots ({', '.join(map(str, roots))}) has it;"
        f" set download: true to fetch it into {roots[0]}, or put {folder}, or"
        f" {name}/train.parquet and test.parquet, there"
    )


def _cifar_batches(name: str, root: Path, download: bool) -> Source:
    from dsd2.nn.torchvision_ops import import_torchvision

    reader = getattr(import_torchvision("torchvision.datasets"), CIFAR[name][0])

    def part(train: bool) -> Any:
        try:
            return reader(str(root), train=train, download=download)
        except (RuntimeError, OSError) as error:
            raise UserError(f"dataset {name} in {root}: {error}") from error

    def images(data: Any) -> Images:
        return Images(channels_first(data.data), torch.tensor(data.targets, dtype=torch.int64))

    train, test = part(True), part(False)
    origin = f"the original files of {CIFAR[name][0]}"
    return Source(images(train), images(test), tuple(train.classes), origin)


def read_parquet(folder: Path, image_column: str, label_column: str) -> Source:
    """A folder with ``train*.parquet`` and, if there is one, ``test*.parquet``.

    The layout of image datasets on the Hugging Face hub: a column of structs with the encoded
    file in ``bytes``, and a column of integer labels. All images have one size and one mode,
    greyscale or RGB.

    Raises:
        UserError: a file is missing or unreadable, or an image or label is not as it should be.
    """
    parts: dict[str, Images] = {}
    names: tuple[str, ...] = ()
    for split in ("train", "test"):
        files = sorted(folder.glob(f"{split}*.parquet"))
        if not files:
            continue
        loaded = [_parquet_file(file, image_column, label_column) for file in files]
        shapes = {tuple(part.images.shape[1:]) for part, _ in loaded}
        shapes |= {tuple(part.images.shape[1:]) for part in parts.values()}
        if len(shapes) > 1:
            raise UserError(f"{folder}: images of different shapes, (C, H, W) {sorted(shapes)}")
        parts[split] = Images(
            torch.cat([part.images for part, _ in loaded]),
            torch.cat([part.labels for part, _ in loaded]),
        )
        names = names or loaded[0][1]
    if "train" not in parts:
        raise UserError(f"{folder}: has no train*.parquet")
    highest = max(int(part.labels.max()) for part in parts.values())
    names = names or tuple(str(label) for label in range(highest + 1))
    for split, part in parts.items():
        if int(part.labels.min()) < 0 or int(part.labels.max()) >= len(names):
            raise UserError(
                f"{folder}: a label of the {split} files is outside 0 to {len(names) - 1}"
            )
    return Source(parts["train"], parts.get("test"), names, f"parquet files in {folder.name}")


def _parquet_file(
    file: Path, image_column: str, label_column: str
) -> tuple[Images, tuple[str, ...]]:
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
    labels = torch.tensor(table.column(label_column).to_pylist(), dtype=torch.int64)
    return Images(images, labels), _class_names(table.schema, label_column)


def _decode(file: Path, column: Any) -> Tensor:
    """Decode a column of encoded images into uint8 [N, C, H, W]."""
    from PIL import Image

    pixels: np.ndarray | None = None
    mode = ""
    for row, value in enumerate(column):
        data = value.as_py()
        try:
            image = Image.open(io.BytesIO(data["bytes"] if isinstance(data, dict) else data))
            image.load()
        except Exception as error:
            raise UserError(f"{file} row {row}: the image cannot be decoded ({error})") from error
        if pixels is None:
            mode = "L" if image.mode in ("L", "1", "I", "I;16", "F") else "RGB"
            channels = 1 if mode == "L" else 3
            pixels = np.empty((len(column), image.height, image.width, channels), np.uint8)
        array = np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)
        if array.shape != pixels.shape[1:]:
            raise UserError(
                f"{file} row {row}: the image is {image.height}×{image.width},"
                f" the first is {pixels.shape[1]}×{pixels.shape[2]}"
            )
        pixels[row] = array
    assert pixels is not None
    return channels_first(pixels)


def _class_names(schema: Any, label_column: str) -> tuple[str, ...]:
    """The class names that the hub's libraries leave in the schema's metadata, if any."""
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(text).get("info", {}).get("features", {})
    return tuple(str(name) for name in features.get(label_column, {}).get("names", ()))
