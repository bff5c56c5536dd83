"""Someone's own images, whose labels are in a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from dsd2.data.locate import OwnDataset
from dsd2.data.photos import Photos
from dsd2.escaping import one_line
from dsd2.keys import Doc, MinLen
from dsd2.recipe import DATASETS, Contents

if TYPE_CHECKING:
    from dsd2.data.label_tables import Tabulated
    from dsd2.data.listing import Listing
    from dsd2.data.source import Source


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class LabelTable(Photos, OwnDataset):
    """Images in a folder, their labels in a table there (CSV or JSON lines), or one a split."""

    table: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Table of the labels, as a path below the folder; when null the one that is there, or"
            " one for each split (train.csv, val.csv, test.csv, or metadata.csv in such folders)."
        ),
    ] = None
    image_column: Annotated[
        str | None,
        MinLen(1),
        Doc("Column of the images' names; when null it is found by usual names."),
    ] = None
    label_column: Annotated[
        str | None, MinLen(1), Doc("Column of the labels; when null it is found by usual names.")
    ] = None
    split_column: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Column that says train, validation or test; when null it is found by usual names, if"
            " there is one."
        ),
    ] = None

    def files(self) -> list[str]:
        found = self._tabulated()
        splits = found.listing.splits.values()
        return [*found.tables, *(name for split in splits for name in split.names)]

    def listing(self) -> Listing:
        """The images that the tables name.

        Raises:
            UserError: it is not plain what a table says, or an image or a label is missing.
        """
        return self._tabulated().listing

    def sources(self, names: Iterable[str]) -> Iterator[Path | bytes]:
        """The file of each listed name."""
        return (self.folder / name for name in names)

    def contents(self, roots: Sequence[Path]) -> Contents:
        from dsd2.data.listed_files import listed_contents

        return listed_contents(self.folder, self.listing(), self.image_size)

    def read(self, roots: Sequence[Path], download: bool) -> Source:
        from dsd2.data.listed_files import listed_source

        found = self._tabulated()
        tables = ", ".join(map(one_line, found.tables))
        origin = f"image files in {one_line(self.folder.name)}, labels in {tables}"
        return listed_source(self.folder, found.listing, self.image_size, origin)

    def _tabulated(self) -> Tabulated:
        from dsd2.data.label_tables import list_tables
        from dsd2.data.sheet_columns import Columns

        wanted = Columns(self.image_column, self.label_column, self.split_column)
        return list_tables(self.folder, self.table, wanted)
