"""What the images of a dataset are called, so that people find them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dsd2.data.dataset import Dataset

Row = Mapping[str, Any]


def image_names(dataset: Dataset, images: Sequence[Row] | None) -> dict[str, list[str]]:
    """The name of each image by split: its file, or its row in the source.

    The test images of a dataset that was made by an earlier version have none.

    Args:
        dataset: it.
        images: of :data:`dsd2.files.records.IMAGES` where they are a user's own, all of them.
    """
    rows = {"train": dataset.train_rows, "validation": dataset.validation_rows}
    if dataset.test_rows is not None:
        rows["test"] = dataset.test_rows
    if images is None:
        return {split: [str(row) for row in own.tolist()] for split, own in rows.items()}
    files: dict[str, list[str]] = {}
    for image in images:
        files.setdefault(image["given_split"], []).append(image["file"])
    part = {
        "train": "train",
        "validation": "validation" if dataset.own_validation else "train",
        "test": "test" if "test" in files else "train",
    }
    return {split: [files[part[split]][row] for row in own.tolist()] for split, own in rows.items()}
