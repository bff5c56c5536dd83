"""Someone's own images, whose labels are in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from dsd2.data.own import OwnPhotos
from dsd2.keys import Doc, MinLen
from dsd2.recipe import DATASETS

if TYPE_CHECKING:
    from dsd2.data.label_tables import Tabulated
    from dsd2.data.listing import Listing


@DATASETS.register("csv")
@dataclass(frozen=True, kw_only=True)
class LabelTable(OwnPhotos):
    """Images in a folder, their labels in a table there (CSV or JSON lines), or one a split."""

    table: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Table of the labels, as a path below the folder; by default the one that is there, or"
            " one for each split: train.csv, val.csv and test.csv, or metadata.csv in such folders."
        ),
    ] = None
    image_column: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Column of the images' names in a table, or of the encoded images in parquet files; by"
            " default it is found by usual names, as filename or image_id, and of parquet also by"
            " its type."
        ),
    ] = None
    label_column: Annotated[
        str | None,
        MinLen(1),
        Doc("Column of the labels; by default it is found by usual names, as label or class."),
    ] = None
    split_column: Annotated[
        str | None,
        MinLen(1),
        Doc(
            "Column that says train, validation or test; by default it is found by usual names, as"
            " split or set, if there is one."
        ),
    ] = None

    def files(self) -> list[str]:
        return [*self._tabulated().tables, *super().files()]

    def listing(self) -> Listing:
        return self._tabulated().listing

    def _tabulated(self) -> Tabulated:
        from dsd2.data.label_tables import list_tables
        from dsd2.data.sheet_columns import Columns

        wanted = Columns(self.image_column, self.label_column, self.split_column)
        return list_tables(self.folder, self.table, wanted, self.ignore)
