"""What the parquet files of a folder hold, before any of its images is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dsd2.data.decoding import open_image
from dsd2.data.listing import LeftOut, Listed, Listing
from dsd2.data.parquet_columns import IMAGE, image_column, label_column
from dsd2.data.parquet_io import (
    encoded,
    first_image,
    opened,
    parquet_schema,
    read_foreign_parquet,
    row_count,
)
from dsd2.data.parquet_labels import Labels, read_labels
from dsd2.data.parquet_layout import parquet_files
from dsd2.errors import UserError
from dsd2.recipe import Contents

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 200
"""Images whose size is looked at."""


@dataclass(frozen=True)
class ParquetData:
    """Parquet files of images with their labels.

    Attributes:
        folder: that they lie in.
        splits: the files of each split that has labels.
        image_column: of the encoded images.
        labels: of the rows.
        left_out: files that are not used.
        remarks: what was taken for what.
    """

    folder: Path
    splits: Mapping[str, list[Path]]
    image_column: str
    labels: Labels
    left_out: tuple[LeftOut, ...]
    remarks: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Of all splits."""
        return [file for files in self.splits.values() for file in files]

    def labels_of(self, split: str) -> list[int]:
        """The labels of a split, in the order of its files and their rows."""
        return [int(n) for file in self.splits[split] for n in self.labels.of[file]]

    def listing(self) -> Listing:
        """The images, each named by its file, ``#`` and its row."""
        splits = {}
        for split, files in self.splits.items():
            names = [
                f"{file.relative_to(self.folder)}#{row}"
                for file in files
                for row in range(len(self.labels.of[file]))
            ]
            splits[split] = Listed(names, self.labels_of(split))
        return Listing(self.labels.classes, splits, self.left_out, self.remarks)


def open_parquet(folder: Path, image: str, label: str) -> ParquetData:
    """Find the files, columns and labels of a folder.

    Args:
        folder: in one of the hub's layouts (:func:`dsd2.data.parquet_layout.parquet_files`).
        image: the configured column of images.
        label: the configured column of labels.

    Raises:
        UserError: a file is missing or cannot be read, or a label is not as it should be.
    """
    found = parquet_files(folder)
    first = found.splits["train"][0]
    pictures = image_column(first, image)
    column = label_column(first, label)
    labels = read_labels(folder, found.splits, column)
    remarks = list(found.remarks)
    for what, wanted, taken in (("images", image, pictures), ("labels", label, column)):
        if wanted != taken:
            remarks.append(f"the {what} are those of the column {taken}")
    left_out = [LeftOut("parquet files of no split", found.others)] if found.others else []
    for split in labels.unlabelled:
        names = tuple(str(file.relative_to(folder)) for file in found.splits[split])
        left_out.append(LeftOut(f"{split} files without labels", names))
        remarks.append(f"all labels of the {split} images are missing or -1, so they are left out")
    splits = {
        split: files for split, files in found.splits.items() if split not in labels.unlabelled
    }
    for file in (file for files in splits.values() for file in files):
        names = parquet_schema(file).names
        if pictures not in names:
            raise UserError(
                f"{file}: has no column {pictures!r} (dataset.image_column); it has"
                f" {', '.join(names)}"
            )
    return ParquetData(folder, splits, pictures, labels, tuple(left_out), tuple(remarks))


def parquet_contents(folder: Path, image: str, label: str, size: int | None = None) -> Contents:
    """What the parquet files of a folder hold; of their images the first readable one is looked at.

    Args:
        folder: of the files.
        image: column of images.
        label: column of labels.
        size: side of the square that images become; None where they have one size.

    Raises:
        UserError: the files are not what they should be.
    """
    data = open_parquet(folder, image, label)
    seen = (one for file in data.splits["train"] for one in _seen(file, data.image_column))
    first = next(seen, None)
    if first is None:
        # It says why, and in which row.
        first_image(data.splits["train"], data.image_column).close()
    assert first is not None, "an image that cannot be read has been named"
    shape = (1 if first.is_grey else 3, size or first.height, size or first.width)
    count = {
        split: sum(len(data.labels.of[file]) for file in files)
        for split, files in data.splits.items()
    }
    return Contents(
        shape, len(data.labels.classes), count["train"], count.get("validation"), count.get("test")
    )


def parquet_sources(folder: Path, image: str, names: Iterable[str]) -> Iterator[bytes]:
    """The encoded image of each name of a listing; nothing, where a cell holds none.

    One file is held in memory at a time, so that names in a listing's order are the fastest.

    Args:
        folder: of the files.
        image: the configured column of images.
        names: as :meth:`ParquetData.listing` has them.

    Raises:
        UserError: a file cannot be read.
    """
    held, column = "", None
    for name in names:
        file, _, row = name.rpartition("#")
        if column is None or file != held:
            held, column = file, image_cells(folder / file, image_column(folder / file, image))
        try:
            yield encoded(name, column[int(row)])
        except UserError:
            yield b""


def image_cells(file: Path, column: str) -> pa.ChunkedArray:
    """The cells of encoded images of a file.

    Raises:
        UserError: it cannot be read.
    """
    return read_foreign_parquet(file, [column]).column(column)


@dataclass(frozen=True)
class FoundParquet:
    """Parquet files of images in a folder.

    Attributes:
        files: paths below the folder, of each split.
        rows: of the training files.
        sizes: width and height in pixels of some training images, turned upright.
    """

    files: dict[str, list[str]]
    rows: int
    sizes: list[tuple[int, int]]

    @property
    def one_size(self) -> bool:
        """Whether the images that were looked at have one size."""
        return len(set(self.sizes)) == 1


def find_parquet(folder: Path, image: str = IMAGE, sample: int = SAMPLE) -> FoundParquet | None:
    """Look for parquet files of images; None where there are no parquet files at all.

    Args:
        folder: to look in.
        image: column of images; of :data:`IMAGE` another may take the place.
        sample: images whose header is looked at, at most, from all files.

    Raises:
        UserError: there are some but it is not plain which are meant, or no image can be read.
    """
    if next(folder.rglob("*.parquet"), None) is None:
        return None
    found = parquet_files(folder)
    train = found.splits["train"]
    column = image_column(train[0], image)
    sizes: list[tuple[int, int]] = []
    for file in train[:sample]:
        some = islice(_seen(file, column), -(-sample // len(train)))
        sizes += [(one.width, one.height) for one in some]
    if not sizes:
        first_image(train, column).close()
    names = {
        split: [str(file.relative_to(folder)) for file in files]
        for split, files in found.splits.items()
    }
    return FoundParquet(names, sum(map(row_count, train)), sizes)


class _Seen(NamedTuple):
    width: int
    height: int
    is_grey: bool


def _seen(file: Path, column: str) -> Iterator[_Seen]:
    """What the headers of a file's images say; of those that cannot be read, nothing."""
    import pyarrow.parquet as pq

    from dsd2.preprocessing import is_grey, upright_size

    with opened(file) as source:
        for batch in pq.ParquetFile(source).iter_batches(SAMPLE, columns=[column]):
            for value in batch.column(0):
                try:
                    with open_image(encoded(str(file), value), str(file)) as image:
                        one = _Seen(*upright_size(image), is_grey(image))
                except UserError:
                    continue
                yield one
