"""Someone's own images in parquet files, in the layout of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from dsd2.data.own import OwnDataset
from dsd2.keys import Doc, MinLen
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.source import Source


@DATASETS.register("parquet")
@dataclass(frozen=True, kw_only=True)
class Parquet(OwnDataset):
    """train*.parquet and perhaps validation*.parquet and test*.parquet, as the hub has them."""

    image_column: Annotated[str, MinLen(1), Doc("Column of the encoded images.")] = "image"
    label_column: Annotated[str, MinLen(1), Doc("Column of the integer labels.")] = "label"

    def files(self) -> list[str]:
        from dsd2.data.listing import SPLITS

        return [file.name for split in SPLITS for file in self.folder.glob(f"{split}*.parquet")]

    def contents(self, roots: Sequence[Path]) -> Contents:
        from dsd2.data.parquet_io import parquet_contents

        return parquet_contents(self.folder, self.image_column, self.label_column)

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        from dsd2.data.parquet import read_parquet

        return read_parquet(self.folder, self.image_column, self.label_column)
