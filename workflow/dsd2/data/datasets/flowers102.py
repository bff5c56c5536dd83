"""Oxford's Flowers-102: a folder of JPEG files and two MATLAB files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsd2.data.locate import RootedDataset
from dsd2.data.photos import Photos
from dsd2.errors import UserError
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.source import Images, Source

FOLDER = "flowers-102"
FILES = ("imagelabels.mat", "setid.mat")
"""Labels and splits, beside the folder ``jpg``."""


@DATASETS.register("flowers102")
@dataclass(frozen=True, kw_only=True)
class Flowers102(Photos, RootedDataset):
    """A folder flowers-102 in one of data_roots, as torchvision makes it."""

    needs = "flowers-102 with the folder jpg, imagelabels.mat and setid.mat"
    downloadable = True
    stand_in_classes = 102

    def lies_in(self, root: Path) -> bool:
        folder = root / FOLDER
        return (folder / "jpg").is_dir() and all((folder / file).is_file() for file in FILES)

    def contents_in(self, root: Path | None) -> Contents:
        return Contents((3, self.image_size, self.image_size), 102, 1020, 1020, 6149)

    def read_from(self, root: Path, download: bool) -> Source:
        """See :meth:`RootedDataset.read_from`.

        torchvision checks the MATLAB files' checksums whenever it reads them. Here that is done
        on downloading alone, so that a part of the images can be used, too. Reading such a file
        runs no code.
        """
        import torch

        from dsd2.compat import import_torchvision
        from dsd2.data.files import image_files
        from dsd2.data.source import Images, Source

        datasets, there = import_torchvision("torchvision.datasets"), self.lies_in
        folder = root / FOLDER

        class Flowers(datasets.Flowers102):  # type: ignore[name-defined, misc]
            def _check_integrity(self) -> bool:
                return there(root)

        def images(split: str) -> Images:
            try:
                # With this loader an item is a path with its label.
                data = Flowers(str(root), split=split, download=download, loader=str)
                items = [data[row] for row in range(len(data))]
            except Exception as error:  # scipy has an exception of its own for a damaged file
                reason = f"no entry {error}" if isinstance(error, KeyError) else error
                raise UserError(f"dataset {self.name} in {root}: {reason}") from error
            names = [os.path.relpath(path, folder) for path, _ in items]
            labels = torch.tensor([label for _, label in items], dtype=torch.int64)
            return Images(image_files(folder, names, "RGB", self.image_size), labels)

        return Source(
            train=images("train"),
            validation=images("val"),
            test=images("test"),
            classes=tuple(datasets.Flowers102.classes),
            origin="the original files of Flowers102",
        )

    def write_stand_in(self, root: Path) -> None:
        """Numbered JPEG files; labels and the splits' numbers count from 1."""
        from scipy.io import savemat

        from dsd2.data.synthetic import PHOTO, pictures, stand_in_sizes

        folder, sizes = root / FOLDER, stand_in_sizes(self)
        (folder / "jpg").mkdir(parents=True, exist_ok=True)
        labels: list[int] = []
        splits: dict[str, list[int]] = {"trnid": [], "valid": [], "tstid": []}
        for (split, numbers), count in zip(splits.items(), sizes, strict=True):
            for label, picture in pictures(split, count, self.stand_in_classes, *PHOTO):
                labels.append(label + 1)
                numbers.append(len(labels))
                picture.save(folder / "jpg" / f"image_{len(labels):05d}.jpg")
        for file, content in zip(FILES, ({"labels": labels}, splits), strict=True):
            savemat(folder / file, content)
