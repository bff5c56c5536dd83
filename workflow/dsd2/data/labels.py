"""The labels artefact: clean and given labels, made once and shared by teacher and student."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dsd2.config.recipe import DatasetRecipe, NoiseRecipe
from dsd2.data.dataset import Dataset
from dsd2.data.noise import noisy_labels
from dsd2.files.records import LABELS, read_table, write_table


@dataclass(frozen=True)
class SplitLabels:
    """Labels of one split, int64 [N] each."""

    clean: Tensor
    given: Tensor


@dataclass(frozen=True)
class Labels:
    """Labels of a dataset under some noise; no validation labels in the paper's mode."""

    train: SplitLabels
    validation: SplitLabels | None


def make_labels(dataset: Dataset, recipe: DatasetRecipe, noise: NoiseRecipe) -> Labels:
    """Draw the noisy labels of a dataset."""
    classes = len(dataset.classes)

    def split(name: str, clean: Tensor, noisy: bool) -> SplitLabels:
        return SplitLabels(clean, noisy_labels(clean, classes, noise, name) if noisy else clean)

    train = split("train", dataset.train.labels, True)
    if recipe.validation == "test":
        return Labels(train, None)
    noisy = noise.validation == "noisy"
    return Labels(train, split("validation", dataset.validation.labels, noisy))


def save_labels(path: Path, labels: Labels, dataset: Dataset) -> None:
    """Write the artefact, a row an image, with the image's position in its source."""
    rows = []
    for name, split, source in (
        ("train", labels.train, dataset.train_rows),
        ("validation", labels.validation, dataset.validation_rows),
    ):
        if split is None:
            continue
        columns = zip(source.tolist(), split.clean.tolist(), split.given.tolist(), strict=True)
        rows += [
            {"split": name, "source_row": row, "clean_label": clean, "label": given}
            for row, clean, given in columns
        ]
    write_table(path, LABELS, rows)


def load_labels(path: Path) -> Labels:
    """Read the artefact.

    Raises:
        UserError: the file is missing, damaged or no label table.
    """
    table = read_table(path, LABELS).to_pydict()
    columns = {name: table[name] for name in ("clean_label", "label")}

    def split(name: str) -> SplitLabels | None:
        rows = [row for row, value in enumerate(table["split"]) if value == name]
        if not rows:
            return None
        clean, given = (torch.tensor(values)[rows] for values in columns.values())
        return SplitLabels(clean, given)

    train = split("train")
    assert train is not None, "every label table has training rows"
    return Labels(train, split("validation"))
