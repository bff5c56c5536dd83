"""Someone's own images in parquet files, in the layouts of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from dsd2.data.own import OwnDataset, Survey
from dsd2.errors import UserError
from dsd2.keys import Doc, Ge, Le, MinLen
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.listing import Listing
    from dsd2.data.source import Source


@DATASETS.register("parquet")
@dataclass(frozen=True, kw_only=True)
class Parquet(OwnDataset):
    """train*.parquet, and perhaps validation and test, in any of the hub's layouts."""

    image_column: Annotated[
        str, MinLen(1), Doc("Column of the images; others are looked for where image is not there.")
    ] = "image"
    label_column: Annotated[
        str, MinLen(1), Doc("Column of the labels; others are looked for where label is not there.")
    ] = "label"
    image_size: Annotated[
        int | None,
        Ge(4),
        Le(1024),
        Doc("As for photos; where it is null images must have one size."),
    ] = None

    def files(self) -> list[str]:
        from dsd2.data.parquet_layout import parquet_files

        splits = parquet_files(self.folder).splits.values()
        return [str(file.relative_to(self.folder)) for files in splits for file in files]

    def listing(self) -> Listing:
        """The rows with their labels, each named by its file, ``#`` and its number from 0.

        Raises:
            UserError: a file cannot be read, or a label is not as it should be.
        """
        from dsd2.data.parquet_data import open_parquet

        return open_parquet(self.folder, self.image_column, self.label_column).listing()

    def sources(self, names: Sequence[str]) -> Iterator[Path | bytes]:
        """The encoded image of each listed name; empty where its cell holds none."""
        from dsd2.data.parquet_data import parquet_sources

        return parquet_sources(self.folder, self.image_column, names)

    def survey(self, sample: int) -> Survey:
        from dsd2.data.parquet_data import find_parquet

        found = find_parquet(self.folder, self.image_column, sample)
        if found is None:
            raise UserError(f"{self.folder}: has no parquet file of training images")
        return Survey(found.rows, [min(size) for size in found.sizes], found.one_size)

    def contents(self, roots: Sequence[Path]) -> Contents:
        from dsd2.data.parquet_data import parquet_contents

        return parquet_contents(self.folder, self.image_column, self.label_column, self.image_size)

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        from dsd2.data.parquet import parquet_source

        return parquet_source(self.folder, self.image_column, self.label_column, self.image_size)
