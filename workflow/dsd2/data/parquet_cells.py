"""Images that stay encoded in the cells of parquet files until they are needed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from dsd2.data.decoding import decoded, open_image
from dsd2.data.files import Encoded
from dsd2.data.parquet_io import encoded
from dsd2.errors import UserError
from dsd2.preprocessing import as_array, fitted, is_grey, upright_size

if TYPE_CHECKING:
    import pyarrow as pa

PNG = b"\x89PNG\r\n\x1a\n"

Cells = tuple[Path, "pa.ChunkedArray"]
"""A file and its column of encoded images."""


@dataclass(frozen=True)
class ImageCells(Encoded):
    """Encoded images in memory; with a length, a shape and rows like the tensor of the images.

    Attributes:
        files: that they are from.
        rows: the place of each image in all rows of the files, int64 [N].
        mode: ``L`` or ``RGB``: what images are converted to.
        height: in pixels.
        width: in pixels.
        fit: whether images are brought to that size; otherwise they must have it.
    """

    files: tuple[Cells, ...]
    rows: Tensor
    mode: str
    height: int
    width: int
    fit: bool

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W) of the images once decoded."""
        return len(self.rows), 1 if self.mode == "L" else 3, self.height, self.width

    @property
    def reading(self) -> dict[str, Any]:
        """See :attr:`Encoded.reading`; the ``fit`` of images that have their size is ``none``."""
        size = self.height if self.height == self.width else [self.height, self.width]
        return {"mode": self.mode, "size": size, "fit": "square" if self.fit else "none"}

    def __getitem__(self, rows: Tensor) -> Self:
        return replace(self, rows=self.rows[rows])

    def decode(self, row: int, seed: int | None = None) -> Tensor:
        """One image, uint8 [C, H, W].

        Raises:
            UserError: it cannot be decoded, or is of another size.
        """
        assert seed is None, "random views are for streamed images, and cells are not streamed"
        where, data = cell(self.files, int(self.rows[row]))
        with open_image(data, where) as image:
            pixels = decoded(image, self.mode, where)
        if self.fit:
            pixels = fitted(pixels, self.width, "square")
        elif pixels.size != (self.width, self.height):
            raise UserError(
                f"{where}: the image is {pixels.height}×{pixels.width}, the first is"
                f" {self.height}×{self.width}; set dataset.image_size to bring all to one size"
            )
        return torch.from_numpy(as_array(pixels))


def cell(files: Sequence[Cells], row: int) -> tuple[str, bytes]:
    """A row of all files: its file and row there, for messages, and the encoded image.

    Raises:
        UserError: it holds none.
    """
    ends = list(accumulate(len(column) for _, column in files))
    place = bisect_right(ends, row)
    file, column = files[place]
    inside = row - (ends[place] - len(column))
    where = f"{file} row {inside}"
    return where, encoded(where, column[inside])


def image_cells_of(splits: dict[str, tuple[Cells, ...]], size: int | None) -> dict[str, ImageCells]:
    """The images of each split. They are greyscale if all are, and RGB otherwise.

    Args:
        splits: the files of each; ``train`` is there.
        size: side of the square that images become; None where they must have the size of the
            first training image.

    Raises:
        UserError: no training image can be read, whose size is to be known.
    """
    mode = "L" if all(map(_is_all_grey, splits.values())) else "RGB"
    width, height = (size, size) if size else _first_size(splits["train"])
    return {
        split: ImageCells(
            files,
            torch.arange(sum(len(column) for _, column in files)),
            mode,
            height,
            width,
            size is not None,
        )
        for split, files in splits.items()
    }


def _is_all_grey(files: Sequence[Cells]) -> bool:
    """Whether all images of a split are greyscale that are images; stops at the first other."""
    for row in range(sum(len(column) for _, column in files)):
        try:
            where, data = cell(files, row)
            # Most of such images are PNGs, whose type of colour is their 26th byte.
            if data.startswith(PNG) and data[25:26] in (b"\0", b"\4"):
                continue
            with open_image(data, where) as image:
                if not is_grey(image):
                    return False
        except UserError:
            continue
    return True


def _first_size(files: Sequence[Cells]) -> tuple[int, int]:
    """Width and height of the first image that can be read."""
    first: UserError | None = None
    for row in range(sum(len(column) for _, column in files)):
        try:
            where, data = cell(files, row)
            with open_image(data, where) as image:
                return upright_size(image)
        except UserError as error:
            first = first or error
    assert first is not None, "there are rows"
    raise first
