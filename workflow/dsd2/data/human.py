"""Labels that people gave: a column of a table, a row a training image in the source's order."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from dsd2.data.source import read_foreign_parquet
from dsd2.errors import UserError


def read_human_labels(
    file: str, column: str, roots: list[Path], clean: Tensor, classes: int
) -> Tensor:
    """The given labels of all training images of a source, int64 [N].

    Args:
        file: a Parquet file, as a path, or as one below any of the roots.
        column: its column of integer labels; one called ``clean_label`` is compared, if there.
        roots: folders that may hold the file, searched in order.
        clean: the source's own labels, in its order.
        classes: how many classes there are.

    Raises:
        UserError: the file or column is missing, or its rows are not the source's.
    """
    places = [Path(file), *(root / file for root in roots)]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise UserError(
            f"config key noise.file is {file!r}, which is no file, nor below any of data_roots"
            f" ({', '.join(map(str, roots))})"
        )
    table = read_foreign_parquet(path)
    if column not in table.column_names:
        raise UserError(
            f"config key noise.column is {column!r} but {path} has {', '.join(table.column_names)}"
        )
    if len(table) != len(clean):
        raise UserError(f"{path}: has {len(table)} rows for {len(clean)} training images")
    given = torch.tensor(table.column(column).to_pylist(), dtype=torch.int64)
    outside = torch.nonzero((given < 0) | (given >= classes)).flatten()
    if len(outside):
        row = int(outside[0])
        raise UserError(f"{path} row {row}: label {int(given[row])} is outside 0 to {classes - 1}")
    if "clean_label" in table.column_names:
        theirs = torch.tensor(table.column("clean_label").to_pylist())
        differing = torch.nonzero(theirs != clean).flatten()
        if len(differing):
            raise UserError(
                f"{path} row {int(differing[0])}: its clean label is not the dataset's,"
                " so its rows are in another order"
            )
    return given
