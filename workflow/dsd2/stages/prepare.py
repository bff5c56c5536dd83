"""The stages that make data: the dataset and its noisy labels."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import ExitStack
from pathlib import Path

from dsd2.data.dataset import (
    Dataset,
    classes_without_images,
    load_dataset,
    save_dataset,
    split_source,
)
from dsd2.data.labels import make_labels, save_labels
from dsd2.data.manifest import check_unchanged, dataset_manifest, labels_manifest
from dsd2.data.source import judged
from dsd2.files.records import IMAGES, read_rows
from dsd2.paths import dataset_name, labels_name
from dsd2.recipe import DatasetRecipe, NoiseRecipe


def run_dataset(
    recipe: DatasetRecipe,
    roots: list[Path],
    download: bool,
    output: Path,
    images: Path | None = None,
) -> None:
    """Read, decode and split a dataset.

    The files of a stand-in lie beside the artefact where its images are streamed from them.

    Args:
        recipe: which.
        roots: folders that may hold it.
        download: whether it may be fetched.
        output: the artefact.
        images: what the data report found in images of a user's own.
    """
    with ExitStack() as stack:
        if recipe.stand_in:
            folder = output.with_name(f"{output.name}.files")
            shutil.rmtree(folder, ignore_errors=True)
            if not recipe.stream:
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
            recipe.write_stand_in(folder)
            roots, download = [folder], False
        source = recipe.read(roots, download)
        if recipe.stand_in:
            source = dataclasses.replace(source, origin=f"stand-in for {source.origin}")
        if images is not None:
            rows = read_rows(images, IMAGES, {"dataset": dataset_name(recipe)})
            source = judged(source, rows)
        dataset = split_source(source, recipe)
        if recipe.path is not None and recipe.manifest is not None:
            check_unchanged(recipe.manifest, dataset_manifest(recipe), recipe.path)
    for remark in remarks(dataset):
        print(remark)
    save_dataset(output, dataset, recipe)
    print(
        f"{dataset.origin}: {len(dataset.train.labels)} training,"
        f" {len(dataset.validation.labels)} validation, {len(dataset.test.labels)} test images"
        f" of {len(dataset.classes)} classes, (C, H, W) = {dataset.image}"
    )


def remarks(dataset: Dataset) -> list[str]:
    """What the log says of classes that a split lacks."""
    found = []
    parts = {"training": dataset.train, "test": dataset.test}
    if dataset.validation is not dataset.test:
        parts["validation"] = dataset.validation
    for split, part in parts.items():
        missing = classes_without_images(part.labels, dataset.classes)
        if missing:
            found.append(
                f"no {split} image of {len(missing)} of {len(dataset.classes)} classes:"
                f" {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}"
            )
        if len(missing) == len(dataset.classes) - 1:
            (only,) = set(dataset.classes) - set(missing)
            found.append(
                f"all {split} images are of class {only}: an accuracy on them says nothing of the"
                " others"
            )
    return found


def run_labels(
    dataset: Path, recipe: DatasetRecipe, noise: NoiseRecipe, roots: list[Path], output: Path
) -> None:
    """Draw or read the noisy labels of a dataset."""
    data = load_dataset(dataset, dataset_name(recipe))
    labels = make_labels(data, recipe, noise, roots)
    if noise.file is not None and noise.manifest is not None:
        check_unchanged(noise.manifest, labels_manifest(noise.file, roots), noise.file)
    save_labels(output, labels, data, labels_name(recipe, noise))
    changed = int((labels.train.clean != labels.train.given).sum())
    total = len(labels.train.clean)
    print(f"{changed} of {total} training labels are not the dataset's own ({changed / total:.4f})")
