"""The labels artefact: clean and given labels, made once and shared by teacher and student."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from dsd2.data.dataset import Dataset
from dsd2.errors import UserError, remake
from dsd2.files.columns import number_column, numbers
from dsd2.files.records import LABELS, identity_of, read_table, write_columns
from dsd2.recipe import DatasetRecipe, NoiseRecipe
from dsd2.seeds import generator


@dataclass(frozen=True)
class SplitLabels:
    """Labels of one split, int64 [N] each."""

    clean: Tensor
    given: Tensor


@dataclass(frozen=True)
class Corrected:
    """How many images corrections have changed.

    Attributes:
        dropped: training images that are left out; their given label is -1.
        relabelled: training images with another label.
        held_out: validation images, of both kinds.
    """

    dropped: int
    relabelled: int
    held_out: int = 0


@dataclass(frozen=True)
class Labels:
    """Labels of a dataset under some noise; no validation labels in the paper's mode.

    Attributes:
        train: of the training images.
        validation: of the validation images.
        corrected: what corrections did; None where there are none.
    """

    train: SplitLabels
    validation: SplitLabels | None
    corrected: Corrected | None = None


def make_labels(
    dataset: Dataset, recipe: DatasetRecipe, noise: NoiseRecipe, roots: list[Path]
) -> Labels:
    """The noisy labels of a dataset: drawn, or as people gave them.

    Args:
        dataset: with its clean labels.
        recipe: of the dataset.
        noise: what to do to them.
        roots: folders that may hold a file of human labels.

    Raises:
        UserError: the noise does not fit the dataset, or human labels are missing or do not fit.
    """
    read = noise.read(recipe, dataset.source_labels, len(dataset.classes), roots)
    if read is not None and dataset.own_validation and noise.validation == "noisy":
        raise UserError(
            f"config key noise.validation is 'noisy' but {noise.kind} labels are of training"
            f" images, and dataset.validation is {recipe.validation!r}, the dataset's own"
        )

    def split(name: str, clean: Tensor, rows: Tensor, noisy: bool) -> SplitLabels:
        if not noisy:
            return SplitLabels(clean, clean)
        if read is not None:
            return SplitLabels(clean, read[rows])
        draws = generator("noise", noise.seed, name)
        return SplitLabels(clean, noise.apply(clean, dataset.classes, draws))

    train = split("train", dataset.train.labels, dataset.train_rows, True)
    if recipe.validation == "test":
        return Labels(train, None)
    held_out, noisy = dataset.validation.labels, noise.validation == "noisy"
    return Labels(train, split("validation", held_out, dataset.validation_rows, noisy))


def save_labels(path: Path, labels: Labels, dataset: Dataset, name: str) -> None:
    """Write the artefact, a row an image, with the image's position in its source.

    Args:
        path: the file.
        labels: of the dataset's images.
        dataset: their images.
        name: of the labels (:func:`dsd2.paths.labels_name`).
    """
    rows, splits = [dataset.train_rows], [labels.train]
    if labels.validation is not None:
        rows.append(dataset.validation_rows)
        splits.append(labels.validation)
    columns = (rows, [split.clean for split in splits], [split.given for split in splits])
    arrays = [_split_column(*map(len, rows))]
    arrays += [number_column(torch.cat(parts).numpy()) for parts in columns]
    about: dict[str, Any] = {"labels": name}
    if labels.corrected is not None:
        about["corrected"] = asdict(labels.corrected)
    write_columns(path, pa.Table.from_arrays(arrays, schema=LABELS), about)


def load_labels(path: Path, dataset: Dataset, name: str) -> Labels:
    """Read the artefact.

    Args:
        path: the file.
        dataset: whose labels they must be.
        name: of the labels that they must be.

    Raises:
        UserError: the file is missing, damaged, no label table, or of another dataset or noise.
    """
    table = read_table(path, LABELS, {"labels": name})
    train, held_out = len(dataset.train_rows), table.num_rows - len(dataset.train_rows)
    names = table.column("split")
    rows, clean, given = (
        torch.from_numpy(numbers(table.column(column).combine_chunks()).copy())
        for column in ("source_row", "clean_label", "label")
    )
    expected = [(dataset.train_rows, dataset.train.labels)]
    if held_out:
        expected.append((dataset.validation_rows, dataset.validation.labels))
    fits = held_out >= 0 and names.combine_chunks().equals(_split_column(train, held_out))
    for part, of_dataset in zip((rows, clean), zip(*expected, strict=True), strict=True):
        fits = fits and torch.equal(part, torch.cat(of_dataset))
    if not fits:
        raise UserError(f"{path}: is of another dataset than the run's; {remake(path)}")
    return Labels(
        SplitLabels(clean[:train], given[:train]),
        SplitLabels(clean[train:], given[train:]) if held_out else None,
        Corrected(**counts) if (counts := identity_of(table).get("corrected")) else None,
    )


def _split_column(train: int, validation: int = 0) -> pa.Array:
    """The names of the splits, one a row: those of training before those of validation."""
    names, counts = (b"train", b"validation"), (train, validation)
    ends = np.cumsum(np.repeat([0, *map(len, names)], [1, *counts]), dtype=np.int32)
    text = b"".join(name * count for name, count in zip(names, counts, strict=True))
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(text)]
    return pa.Array.from_buffers(LABELS.field("split").type, train + validation, buffers)
