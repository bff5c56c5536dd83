"""ImageNet 2012, extracted: a folder for each class."""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.data.locate import RootedDataset
from dsd2.data.photos import Photos
from dsd2.errors import UserError
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.source import Images, Source

DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"
"""Archive with the class names, from which torchvision makes ``meta.bin``."""


@DATASETS.register("imagenet")
@dataclass(frozen=True, kw_only=True)
class ImageNet(Photos, RootedDataset):
    """A folder imagenet with train, val and the devkit archive or meta.bin; val is the test set."""

    needs = (
        "imagenet with the folders train and val, which have a folder for each class,"
        f" and {DEVKIT} or meta.bin"
    )
    stand_in_classes = 10

    def lies_in(self, root: Path) -> bool:
        folder = root / self.name
        named = (folder / "meta.bin").is_file() or (folder / DEVKIT).is_file()
        return named and all((folder / split).is_dir() for split in ("train", "val"))

    def contents_in(self, root: Path | None) -> Contents:
        return Contents((3, self.image_size, self.image_size), 1000, 1_281_167, None, 50_000)

    def read_from(self, root: Path, download: bool) -> Source:
        """See :meth:`RootedDataset.read_from`; the release's validation images are the test set.

        Classes are named by WordNet identifier and first word, since words alone are not unique.
        """
        import torch

        from dsd2.compat import import_torchvision
        from dsd2.data.files import image_files
        from dsd2.data.source import Images, Source

        folder = root / self.name
        reader = import_torchvision("torchvision.datasets").ImageNet

        def part(split: str) -> Any:
            try:
                return reader(str(folder), split=split)
            except pickle.UnpicklingError as error:
                raise UserError(
                    f"{folder / 'meta.bin'}: is damaged or holds more than names of classes"
                ) from error
            except (RuntimeError, OSError, LookupError, ValueError, TypeError) as error:
                reason = f"no entry {error}" if isinstance(error, KeyError) else error
                raise UserError(f"dataset {self.name} in {folder}: {reason}") from error

        def images(data: Any) -> Images:
            names = [os.path.relpath(path, folder) for path, _ in data.samples]
            labels = torch.tensor(data.targets, dtype=torch.int64)
            return Images(image_files(folder, names, "RGB", self.image_size, "imagenet"), labels)

        train, test = part("train"), part("val")
        if train.wnids != test.wnids:
            raise UserError(f"{folder}: train and val have different class folders")
        words = zip(train.wnids, train.classes, strict=True)
        return Source(
            train=images(train),
            test=images(test),
            classes=tuple(f"{wnid} {names[0]}" for wnid, names in words),
            origin="the original files of ImageNet",
        )

    def write_stand_in(self, root: Path) -> None:
        """A folder of JPEG files for each class and split, and torchvision's file of names."""
        import torch

        from dsd2.data.synthetic import PHOTO, pictures, stand_in_sizes

        folder, sizes = root / self.name, stand_in_sizes(self)
        wnids = [f"n{label:08d}" for label in range(self.stand_in_classes)]
        truth: list[str] = []
        for split, count in (("train", sizes.train), ("val", sizes.test)):
            for row, (label, picture) in enumerate(pictures(split, count, len(wnids), *PHOTO)):
                place = folder / split / wnids[label]
                place.mkdir(parents=True, exist_ok=True)
                picture.save(place / f"{split}_{row:08d}.JPEG")
                if split == "val":
                    truth.append(wnids[label])
        words = {wnid: (f"class {label}",) for label, wnid in enumerate(wnids)}
        torch.save((words, truth), folder / "meta.bin")
