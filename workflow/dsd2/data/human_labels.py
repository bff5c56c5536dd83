"""Labels that people gave: a column of a table, a row a training image in the source's order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsd2.data.parquet_io import read_foreign_parquet, whole_numbers
from dsd2.errors import UserError
from dsd2.files.reading import check_file, not_read

Columns = dict[str, Callable[[], np.ndarray]]
"""What gives the labels of each column; others than the wanted ones need not be numbers."""


def read_human_labels(path: Path, column: str, clean: Tensor, classes: int) -> Tensor:
    """The given labels of all training images of a source, int64 [N].

    Args:
        path: a Parquet file, or a ``.pt`` file as CIFAR-N releases them (Wei et al. 2022).
        column: its column of integer labels; one called ``clean_label`` is compared, if there.
        clean: the source's own labels, in its order.
        classes: how many classes there are.

    Raises:
        UserError: the file or column is missing, or its rows are not the source's.
    """
    table = _read_release(path) if path.suffix == ".pt" else _read_parquet(path)
    if column not in table:
        raise UserError(f"config key noise.column is {column!r} but {path} has {', '.join(table)}")
    given = _labels(table, column)
    if len(given) != len(clean):
        raise UserError(f"{path}: has {len(given)} rows for {len(clean)} training images")
    outside = torch.nonzero((given < 0) | (given >= classes)).flatten()
    if len(outside):
        row = int(outside[0])
        raise UserError(f"{path} row {row}: label {int(given[row])} is outside 0 to {classes - 1}")
    if "clean_label" in table:
        differing = torch.nonzero(_labels(table, "clean_label") != clean).flatten()
        if len(differing):
            raise UserError(
                f"{path} row {int(differing[0])}: its clean label is not the dataset's,"
                " so its rows are in another order"
            )
    return given


def _labels(columns: Columns, name: str) -> Tensor:
    return torch.from_numpy(columns[name]())


def _read_parquet(path: Path) -> Columns:
    table = read_foreign_parquet(path)
    return {name: partial(whole_numbers, path, table, name) for name in table.column_names}


def _read_release(path: Path) -> Columns:
    """A dictionary of numpy arrays that torch pickled; nothing but arrays is allowed in it.

    The release was written with a numpy that called its modules otherwise.
    """
    rebuild = np.array(0).__reduce__()[0]
    numbers = [np.dtype(kind) for kind in ("i1", "i2", "i4", "i8", "u1", "f4", "f8")]
    allowed: list[object] = [np.ndarray, np.dtype, *(type(number) for number in numbers)]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        allowed.append((rebuild, f"{module}._reconstruct"))
    check_file(path)
    try:
        with torch.serialization.safe_globals(allowed):  # type: ignore[arg-type]
            content = torch.load(path, map_location="cpu", weights_only=True)
        arrays = {str(name): np.asarray(values) for name, values in content.items()}
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise not_read(
            error, f"{path}: is no file of human labels of CIFAR-N ({reason})"
        ) from error
    return {name: partial(_numbers, path, name, array) for name, array in arrays.items()}


def _numbers(path: Path, column: str, array: np.ndarray) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UserError(
            f"{path}: {column} is an array {list(array.shape)} of {array.dtype}, not a column of"
            " whole numbers"
        )
    return array.astype(np.int64)
