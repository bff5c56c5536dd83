"""Someone's own images in a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.data.locate import OwnDataset
from dsd2.data.photos import Photos
from dsd2.data.scan import Listed, folders_mode, list_class_folders
from dsd2.escaping import one_line
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.source import Images, Source


@DATASETS.register("imagefolder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(Photos, OwnDataset):
    """Folders of images, one a class; or such folders train and perhaps validation and test."""

    def files(self) -> list[str]:
        splits = list_class_folders(self.folder).splits.values()
        return [name for split in splits for name in split.names]

    def contents(self, roots: Sequence[Path]) -> Contents:
        listed = list_class_folders(self.folder)
        channels = 1 if folders_mode(self.folder, listed) == "L" else 3
        count = {split: len(files.names) for split, files in listed.splits.items()}
        return Contents(
            (channels, self.image_size, self.image_size),
            len(listed.classes),
            count["train"],
            count.get("validation"),
            count.get("test"),
        )

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        return read_imagefolder(self.folder, self.image_size)


def read_imagefolder(folder: Path, size: int) -> Source:
    """List class folders, or such folders in ``train``, ``validation`` and ``test``.

    The shorter side of every image is brought to the size, and the middle square cut out. Images
    are greyscale if all of them are, and RGB otherwise.

    Raises:
        UserError: there are no images, or one is none, or splits have different classes.
    """
    import torch

    from dsd2.data.files import image_files
    from dsd2.data.source import Images, Source

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
