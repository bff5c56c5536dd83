"""Images in parquet files, in the layouts of the Hugging Face hub's image datasets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from dsd2.data.files import Encoded
from dsd2.data.parquet_cells import image_cells_of
from dsd2.data.parquet_data import image_cells, open_parquet
from dsd2.data.source import Images, Source
from dsd2.escaping import one_line


def parquet_source(folder: Path, image: str, label: str, size: int | None = None) -> Source:
    """A folder of parquet files, whose images are decoded later.

    A column of structs has the encoded file in ``bytes``, another one labels. Images are greyscale
    if all of them are, and RGB otherwise.

    Args:
        folder: in one of the hub's layouts (:func:`dsd2.data.parquet_layout.parquet_files`).
        image: column of the images.
        label: column of the labels.
        size: side of the square that images become: the shorter side brought to it, the middle cut
            out; None where they have one size.

    Raises:
        UserError: a file is missing or unreadable, or a label is not as it should be.
    """
    data = open_parquet(folder, image, label)
    cells = {
        split: tuple((file, image_cells(file, data.image_column)) for file in files)
        for split, files in data.splits.items()
    }
    parts = {
        split: Images(images, torch.tensor(data.labels_of(split), dtype=torch.int64))
        for split, images in image_cells_of(cells, size).items()
    }
    return Source(
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        classes=data.labels.classes,
        origin=f"parquet files in {one_line(folder.name)}",
    )


def read_parquet(folder: Path, image: str, label: str) -> Source:
    """The same with all images decoded, which must have one size: uint8 [N, C, H, W].

    Raises:
        UserError: also where an image is not as it should be.
    """
    source = parquet_source(folder, image, label)
    return replace(
        source,
        train=_decoded(source.train),
        validation=None if source.validation is None else _decoded(source.validation),
        test=None if source.test is None else _decoded(source.test),
    )


def _decoded(part: Images) -> Images:
    assert isinstance(part.images, Encoded), "parquet is not decoded when it is read"
    return Images(part.images.decode_all(), part.labels)
