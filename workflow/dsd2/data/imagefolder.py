"""Anyone's images: a folder for each class, images of any size and format, resized."""

from __future__ import annotations

from pathlib import Path

import torch

from dsd2.data.files import image_files
from dsd2.data.scan import Listed, folders_mode, list_class_folders
from dsd2.data.source import Images, Source
from dsd2.escaping import one_line


def read_imagefolder(folder: Path, size: int) -> Source:
    """List class folders, or such folders in ``train``, ``validation`` and ``test``.

    The shorter side of every image is brought to the size, and the middle square cut out. Images
    are greyscale if all of them are, and RGB otherwise.

    Args:
        folder: holds a folder for each class, or ``train`` and perhaps the others with those.
        size: side of the images in pixels.

    Raises:
        UserError: there are no images, or one is none, or splits have different classes.
    """
    listed = list_class_folders(folder)
    mode = folders_mode(folder, listed)

    def images(split: Listed) -> Images:
        files = image_files(folder, split.names, mode, size)
        return Images(files, torch.tensor(split.labels, dtype=torch.int64))

    parts = {name: images(split) for name, split in listed.splits.items()}
    return Source(
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts.get("test"),
        classes=listed.classes,
        origin=f"image files in {one_line(folder.name)}",
    )
