"""The stages that make data: the dataset and its noisy labels."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import ExitStack
from pathlib import Path

from dsd2.analysis.label_issues import judge
from dsd2.artefacts.label_scores import load_label_scores
from dsd2.data.corrections import (
    apply_corrections,
    emptied_classes,
    read_corrections,
    suspects,
    without_dropped,
)
from dsd2.data.dataset import (
    Dataset,
    classes_without_images,
    load_dataset,
    save_dataset,
    split_source,
)
from dsd2.data.image_names import image_names
from dsd2.data.labels import Labels, make_labels, save_labels
from dsd2.data.locate import find_file
from dsd2.data.manifest import check_unchanged, dataset_manifest, labels_manifest
from dsd2.data.source import judged
from dsd2.errors import UserError
from dsd2.files.decision import chain_identity
from dsd2.files.records import IMAGES, read_rows
from dsd2.paths import dataset_name, labels_name
from dsd2.recipe import CorrectionsRecipe, DatasetRecipe, NoiseRecipe


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
    dataset: Path,
    recipe: DatasetRecipe,
    noise: NoiseRecipe,
    roots: list[Path],
    output: Path,
    images: Path | None = None,
    scores: Path | None = None,
) -> None:
    """Draw or read the noisy labels of a dataset, and correct them.

    Args:
        dataset: the images.
        recipe: of the dataset.
        noise: of the labels, with their corrections.
        roots: folders that may hold files of labels.
        output: the labels.
        images: what was found in a user's own images, whose names a file of corrections has.
        scores: what the networks of a chain say of the labels, where those correct them.

    Raises:
        UserError: a file is missing, damaged, or does not fit the dataset.
    """
    data = load_dataset(dataset, dataset_name(recipe))
    labels = make_labels(data, recipe, noise, roots)
    if noise.file is not None and noise.manifest is not None:
        check_unchanged(noise.manifest, labels_manifest(noise.file, roots), noise.file)
    corrections = noise.corrections
    if corrections is not None and corrections.run is not None:
        assert scores is not None, "the rule gives the scores of the chain that corrects"
        labels = _corrected_by_chain(labels, data, scores, recipe, noise, corrections)
    elif corrections is not None:
        labels = _corrected_by_file(labels, data, recipe, corrections, roots, images)
    save_labels(output, labels, data, labels_name(recipe, noise))
    if done := labels.corrected:
        print(
            f"corrections: {done.dropped} training images dropped, {done.relabelled} relabelled;"
            f" {done.held_out} validation labels changed"
        )
    data, labels, _ = without_dropped(data, labels)
    changed = int((labels.train.clean != labels.train.given).sum())
    total = len(labels.train.clean)
    print(f"{changed} of {total} training labels are not the dataset's own ({changed / total:.4f})")


def _corrected_by_file(
    labels: Labels,
    data: Dataset,
    recipe: DatasetRecipe,
    corrections: CorrectionsRecipe,
    roots: list[Path],
    images: Path | None,
) -> Labels:
    """Labels as a file of the user's corrects them."""
    given = str(corrections.file)
    path = find_file(given, roots)
    if path is None:
        raise UserError(f"config key dataset.corrections is {given!r}, which is no file")
    check_unchanged(corrections.manifest, labels_manifest(given, roots), given)
    found = None
    if images is not None:
        found = read_rows(images, IMAGES, {"dataset": dataset_name(recipe)})
    names = image_names(data, found)
    if found is None:
        known = [str(row) for row in range(len(data.source_labels))]
    else:
        known = [row["file"] for row in found]
    decisions, unused = read_corrections(path, data, names, known)
    if unused:
        print(f"{given}: {unused} of the corrected images are not used by this dataset")
    made = apply_corrections(labels, decisions)
    if gone := emptied_classes(labels.train.given, made.train.given, data.classes):
        raise UserError(f"{path}: leaves no training image of class {', '.join(gone)}")
    return made


def _corrected_by_chain(
    labels: Labels,
    data: Dataset,
    scores: Path,
    recipe: DatasetRecipe,
    noise: NoiseRecipe,
    corrections: CorrectionsRecipe,
) -> Labels:
    """Labels without those that look wrong to a chain's networks, or with what they suggest."""
    judged = dataclasses.replace(noise, corrections=None)
    identity = {
        **chain_identity(str(corrections.run), str(corrections.stop), int(corrections.last or 0)),
        "labels": labels_name(recipe, judged),
    }
    chain, _ = load_label_scores(scores, identity)
    found = judge([chain["train"]], labels.train.given.numpy(), seen=True)
    wrong = found.suspects
    decisions = suspects(wrong.tolist(), found.suggested[wrong].tolist(), str(corrections.action))
    made = apply_corrections(labels, decisions)
    if gone := emptied_classes(labels.train.given, made.train.given, data.classes):
        print(f"corrections leave no training image of class {', '.join(gone)}")
    return made
