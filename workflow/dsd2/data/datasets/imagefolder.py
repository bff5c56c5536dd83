"""Someone's own images in a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass

from dsd2.data.listing import Listing
from dsd2.data.own import OwnPhotos
from dsd2.data.scan import list_class_folders
from dsd2.recipe import DATASETS


@DATASETS.register("imagefolder")
@dataclass(frozen=True, kw_only=True)
class ImageFolder(OwnPhotos):
    """Folders of images, one a class; or such folders train and perhaps validation and test."""

    def listing(self) -> Listing:
        return list_class_folders(self.folder, self.ignore)
