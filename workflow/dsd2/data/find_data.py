"""Which kind of dataset a folder of someone's own images is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dsd2.data.find_tables import find_tables
from dsd2.data.label_tables import list_tables
from dsd2.data.listing import Listing
from dsd2.data.parquet_data import find_parquet
from dsd2.data.scan import ignored_paths, list_class_folders
from dsd2.data.sheet_columns import Columns
from dsd2.errors import UserError


def kind_of(folder: Path, ignore: Sequence[str] = ()) -> str:
    """The name of the dataset that reads a folder.

    Class folders win over a table of labels that says the same.

    Args:
        folder: of class folders, of images with a table of their labels, or of parquet files.
        ignore: paths below it that are passed over.

    Raises:
        UserError: it is none of these, or it may be several.
    """
    ignore = ignored_paths(ignore)
    try:
        listing = list_class_folders(folder, ignore)
    except UserError as error:
        refused = error
    else:
        _check_tables(folder, listing, ignore)
        _check_parquet(folder)
        return "imagefolder"
    tables = find_tables(folder, ignore)
    if tables.tables or tables.ambiguous:
        return "csv"
    if find_parquet(folder) is not None:
        return "parquet"
    raise refused


def _check_tables(folder: Path, listing: Listing, ignore: Sequence[str]) -> None:
    """See that a table beside class folders gives images the classes of their folders."""
    try:
        tabulated = list_tables(folder, None, Columns(), ignore)
    except UserError:
        return  # There are none, or they cannot be read as labels.
    in_table, in_folders = _names(tabulated.listing), _names(listing)
    for name in sorted(in_table.keys() & in_folders.keys()):
        if in_table[name] != in_folders[name]:
            raise UserError(
                f"{folder}: the table {tabulated.tables[0]} says {in_table[name]!r} of"
                f" {name}, which lies in the class folder {in_folders[name]!r}; say"
                " dataset.name: csv to go by the table, or dataset.name: imagefolder to go by"
                " the folders"
            )


def _check_parquet(folder: Path) -> None:
    try:
        found = find_parquet(folder)
    except UserError:
        return
    if found is not None:
        raise UserError(
            f"{folder}: has class folders and parquet files; say dataset.name: imagefolder or"
            " dataset.name: parquet"
        )


def _names(listing: Listing) -> dict[str, str]:
    """The class of each image."""
    return {
        name: listing.classes[label]
        for listed in listing.splits.values()
        for name, label in zip(listed.names, listed.labels, strict=True)
    }
