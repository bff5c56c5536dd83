"""What a folder of someone's own images suggests: which kind it is, image size, network, epochs."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsd2.config.sanitize import shown
from dsd2.data.find_data import kind_of
from dsd2.data.own import OwnDataset
from dsd2.errors import UserError
from dsd2.keys import keys
from dsd2.nn.pretrained import is_torchvisions
from dsd2.paths import own_study
from dsd2.recipe import DATASETS

SAMPLE = 200
"""Images whose size is looked at."""
SIZES = (8, 64)
"""Smallest and largest image side that is suggested: what a CPU manages, too."""
STEPS = 1000
"""Optimiser steps of one training that are suggested."""
EPOCHS = (10, 100)
"""Fewest and most epochs that are suggested."""
BATCH_SIZES = (8, 16, 32, 64)
"""Of few images a batch has fewer, so that there are as many steps."""
LEARNING_RATE = 0.001
"""Of a batch of the largest size; of smaller ones it is as much smaller. On photos of 64 pixels ten
times as much left a network at chance (docs/own-images.md)."""
PRETRAINED = "resnet18"
"""The network where torchvision's weights are asked for and no network."""

Sections = dict[str, dict[str, Any]]


def suggestions(folder: str, given: Mapping[str, Any] | None = None) -> Sections:
    """Sections of a configuration that suit a folder of images; any setting of the user's wins.

    What the user has set decides what suits it: of another image size, another network.

    Args:
        folder: of the images, as ``dataset.path``.
        given: the user's own sections.

    Raises:
        UserError: there is no such folder, or there are no images in it.
    """
    path = _folder(folder)
    given = given or {}
    dataset = given.get("dataset") or {}
    kind = DATASETS.get(dataset.get("name") or kind_of(path, _ignored(dataset)))
    if kind is None or not issubclass(kind, OwnDataset):
        return {"dataset": {"path": str(path)}}
    recipe = _recipe(kind, path, dataset)
    images, sides, one_size = recipe.survey(SAMPLE)
    images = min(images, dataset.get("train") or images)
    suggested: dict[str, Any] = {"name": recipe.name, "path": str(path)}
    side = dataset.get("image_size")
    if side is None:
        typical = statistics.median_low(sides or [SIZES[1]])
        side = typical if one_size else round(min(max(typical, SIZES[0]), SIZES[1]) / 8) * 8
        suggested |= {} if one_size else {"image_size": side}
    return {
        "dataset": suggested,
        "model": _model(images, side, given),
        "training": _training(images, given.get("training") or {}),
    }


def _model(images: int, side: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """The network for so many images of a side, and what it starts from where the user says it."""
    weights = given.get("weights")
    started = {} if weights is None else {"weights": weights}
    if is_torchvisions((given.get("model") or {}).get("weights") or weights or ""):
        return {"name": PRETRAINED, **started}
    # The last feature map is about four pixels wide, and wide networks are for many images.
    depth = min(max(int(math.log2(side)) - 2, 1), 5)
    return {"name": "vgg-like", "depth": depth, "width": 4 if images < 10_000 else 5, **started}


def _ignored(dataset: Mapping[str, Any]) -> list[str]:
    """The paths that the user leaves out; what is no list of text is for validation to refuse."""
    given = dataset.get("ignore")
    listed = given if isinstance(given, list | tuple) else ()
    return [name for name in listed if isinstance(name, str)]


def _training(images: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Batch size, epochs and learning rate for so many training images."""
    fitting = [size for size in BATCH_SIZES if images * EPOCHS[1] >= STEPS * size]
    batch = given.get("batch_size") or max(fitting, default=BATCH_SIZES[0])
    epochs = round(STEPS / math.ceil(images / batch))
    return {
        "epochs": min(max(epochs, EPOCHS[0]), EPOCHS[1]),
        "batch_size": batch,
        "learning_rate": LEARNING_RATE * batch / BATCH_SIZES[-1],
    }


def _folder(given: str) -> Path:
    path = Path(os.path.normpath(given)).expanduser()
    if path.is_dir():
        return path
    if path.is_file() and path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"):
        raise UserError(
            f"config key data is {shown(given)}, which is an archive and no folder; unpack it, and"
            " give the folder that it leaves"
        )
    raise UserError(f"config key data is {shown(given)}, which is no folder")


def _recipe(kind: type[OwnDataset], path: Path, given: Mapping[str, Any]) -> OwnDataset:
    """The dataset with what the user has set of it."""
    usual = {key.name: key.default for key in keys(kind)}
    own = {name: value for name, value in given.items() if name in usual}
    return kind(**{**usual, **own, "path": str(path)})


def own_study_name(folder: str) -> str:
    """Name of the study of a folder of images, the same by whatever path the folder is given."""
    # As suggestions() reads the path; then links are followed.
    path = os.path.realpath(Path(os.path.normpath(folder)).expanduser())
    return own_study(Path(path), Path(os.path.realpath(".")))
