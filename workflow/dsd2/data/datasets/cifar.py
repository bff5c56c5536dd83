"""CIFAR-10 and CIFAR-100: the original files, or parquet files as the Hugging Face hub has them."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dsd2.data.locate import RootedDataset
from dsd2.errors import UserError
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from torch import Tensor

    from dsd2.data.source import Source

SIDE = 32
"""Height and width of the images in pixels."""


@dataclass(frozen=True, kw_only=True)
class CIFAR(RootedDataset):
    """50,000 training and 10,000 test images of 32×32 pixels.

    Attributes:
        release: torchvision's class, which knows the names and checksums of the original files.
        original: folder of those below a data root.
        label_columns: where labels are in parquet files; the first of them that is there.
    """

    release: ClassVar[str]
    original: ClassVar[str]
    label_columns: ClassVar[tuple[str, ...]]
    stand_in_classes: ClassVar[int]
    downloadable = True

    def lies_in(self, root: Path) -> bool:
        return (root / self.original).is_dir() or any((root / self.name).glob("train*.parquet"))

    def contents_in(self, root: Path | None) -> Contents:
        if root is None or (root / self.original).is_dir():
            return Contents((3, SIDE, SIDE), self.stand_in_classes, 50_000, None, 10_000)
        from dsd2.data.parquet_data import parquet_contents

        return parquet_contents(root / self.name, *self._columns(root))

    def read_from(self, root: Path, download: bool) -> Source:
        if download or (root / self.original).is_dir():
            return _read_original(self.name, self.release, root, download)
        from dsd2.data.parquet import read_parquet

        return read_parquet(root / self.name, *self._columns(root))

    def _columns(self, root: Path) -> tuple[str, str]:
        """Columns of images and labels: of the hub's files, or the usual ones."""
        from dsd2.data.parquet_io import parquet_schema

        columns = parquet_schema(min((root / self.name).glob("train*.parquet"))).names
        label = next((c for c in self.label_columns if c in columns), "label")
        return "img" if "img" in columns else "image", label

    def class_names(self) -> list[str]:
        """Names of the classes of a stand-in."""
        return [f"class {label}" for label in range(self.stand_in_classes)]

    def write_stand_in(self, root: Path) -> None:
        """Parquet files with the columns that the Hugging Face hub's have."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from dsd2.data.synthetic import pictures, stand_in_sizes

        folder, column = root / self.name, self.label_columns[0]
        features = {
            "img": {"_type": "Image"},
            column: {"names": self.class_names(), "_type": "ClassLabel"},
        }
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        folder.mkdir(parents=True, exist_ok=True)
        sizes = stand_in_sizes(self)
        for split, count in (("train", sizes.train), ("test", sizes.test)):
            images, labels = [], []
            for label, picture in pictures(split, count, self.stand_in_classes, SIDE, SIDE):
                data = io.BytesIO()
                picture.save(data, "PNG")
                images.append({"bytes": data.getvalue(), "path": None})
                labels.append(label)
            table = pa.table({"img": pa.array(images), column: pa.array(labels, pa.int64())})
            pq.write_table(table.replace_schema_metadata(metadata), folder / f"{split}.parquet")


@DATASETS.register("cifar10")
@dataclass(frozen=True, kw_only=True)
class CIFAR10(CIFAR):
    """torchvision's files in one of data_roots, or the hub's parquet files in a folder cifar10."""

    release = "CIFAR10"
    original = "cifar-10-batches-py"
    needs = "cifar-10-batches-py, or cifar10/train.parquet and test.parquet,"
    label_columns = ("label",)
    stand_in_classes = 10
    human_labels = ("cifar10/labels_human.parquet", "CIFAR-10_human.pt")

    def class_names(self) -> list[str]:
        """In the order of the labels; asymmetric noise goes by these names."""
        return [
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ]


@DATASETS.register("cifar100")
@dataclass(frozen=True, kw_only=True)
class CIFAR100(CIFAR):
    """torchvision's files in one of data_roots, or the hub's parquet files in a folder cifar100."""

    release = "CIFAR100"
    original = "cifar-100-python"
    needs = "cifar-100-python, or cifar100/train.parquet and test.parquet,"
    label_columns = ("fine_label", "label")
    stand_in_classes = 100
    human_labels = ("cifar100/labels_human.parquet", "CIFAR-100_human.pt")


def _read_original(name: str, release: str, root: Path, download: bool) -> Source:
    """CIFAR from its original files, whose names and checksums torchvision knows.

    They are pickles. torchvision's own reader would run what is in them once their checksums are
    right; this one reads arrays alone.

    Raises:
        UserError: the files are damaged or cannot be fetched.
    """
    import torch

    from dsd2.compat import import_torchvision
    from dsd2.data.source import Images, Source

    known = getattr(import_torchvision("torchvision.datasets"), release)
    if download:
        try:
            fetch = import_torchvision("torchvision.datasets.utils").download_and_extract_archive
            fetch(known.url, str(root), filename=known.filename, md5=known.tgz_md5)
        except (RuntimeError, OSError) as error:
            raise UserError(f"dataset {name} in {root}: {error}") from error
    folder = root / known.base_folder
    meta = _read_file(folder / known.meta["filename"], known.meta["md5"], release)
    classes = tuple(map(str, meta[known.meta["key"]]))

    def part(files: list[list[str]]) -> Images:
        batches = []
        for file, md5 in files:
            content = _read_file(folder / file, md5, release)
            batches.append(_batch(folder / file, content, len(classes)))
        images, labels = zip(*batches, strict=True)
        return Images(torch.cat(images), torch.cat(labels))

    origin = f"the original files of {release}"
    return Source(part(known.train_list), part(known.test_list), classes, origin)


def _read_file(path: Path, md5: str, release: str) -> dict[str, Any]:
    """What a file of CIFAR holds, after checking that it is the release's, byte for byte."""
    from dsd2.data.pickles import read_arrays
    from dsd2.files.reading import check_file

    try:
        check_file(path)
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
        raise UserError(
            f"{path}: is damaged or no file of {release} (its checksum is not {md5}); get it again"
        )
    try:
        content = read_arrays(data)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path}: holds more than images and labels ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no images and labels")
    return content


def _batch(path: Path, content: dict[str, Any], classes: int) -> tuple[Tensor, Tensor]:
    """Images [N, 3, 32, 32] and labels of a file."""
    import numpy as np
    import torch

    pixels, labels = content.get("data"), content.get("labels", content.get("fine_labels"))
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape[1:] != (3 * SIDE * SIDE,)
        or not isinstance(labels, list)
    ):
        raise UserError(f"{path}: holds no rows of 3072 bytes with their labels")
    if len(labels) != len(pixels):
        raise UserError(f"{path}: has {len(labels)} labels for {len(pixels)} images")
    for row, label in enumerate(labels):
        if not isinstance(label, int) or not 0 <= label < classes:
            raise UserError(f"{path} row {row}: label {label!r} is outside 0 to {classes - 1}")
    return torch.from_numpy(pixels.reshape(-1, 3, SIDE, SIDE)), torch.tensor(labels)
