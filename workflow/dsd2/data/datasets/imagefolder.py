"""Someone's own images in a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.data.locate import OwnDataset
from dsd2.data.photos import Photos
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.source import Source


@DATASETS.register("imagefolder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(Photos, OwnDataset):
    """Folders of images, one a class; or such folders train and perhaps validation and test."""

    def files(self) -> list[str]:
        from dsd2.data.scan import list_class_folders

        splits = list_class_folders(self.folder).splits.values()
        return [name for split in splits for name in split.names]

    def contents(self, roots: Sequence[Path]) -> Contents:
        from dsd2.data.scan import folders_mode, list_class_folders

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
        from dsd2.data.imagefolder import read_imagefolder

        return read_imagefolder(self.folder, self.image_size)
