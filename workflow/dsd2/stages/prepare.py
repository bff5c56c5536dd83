"""The stages that make data: the dataset and its noisy labels."""

from __future__ import annotations

from pathlib import Path

from dsd2.config.recipe import DatasetRecipe, NoiseRecipe
from dsd2.data.dataset import load_dataset, save_dataset, split_source
from dsd2.data.labels import make_labels, save_labels
from dsd2.data.sources import read_source


def run_dataset(recipe: DatasetRecipe, roots: list[Path], download: bool, output: Path) -> None:
    """Read, decode and split a dataset."""
    dataset = split_source(read_source(recipe, roots, download), recipe)
    save_dataset(output, dataset)
    print(
        f"{dataset.origin}: {len(dataset.train.labels)} training,"
        f" {len(dataset.validation.labels)} validation, {len(dataset.test.labels)} test images"
        f" of {len(dataset.classes)} classes, (C, H, W) = {dataset.image}"
    )


def run_labels(
    dataset: Path, recipe: DatasetRecipe, noise: NoiseRecipe, roots: list[Path], output: Path
) -> None:
    """Draw or read the noisy labels of a dataset."""
    data = load_dataset(dataset)
    labels = make_labels(data, recipe, noise, roots)
    save_labels(output, labels, data)
    wrong = int((labels.train.clean != labels.train.given).sum())
    total = len(labels.train.clean)
    print(f"{wrong} of {total} training labels are wrong ({wrong / total:.4f})")
