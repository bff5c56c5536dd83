"""Parquet files that are not the workflow's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.data.scan import open_image
from dsd2.errors import UserError
from dsd2.files.reading import check_file, not_read

if TYPE_CHECKING:
    import numpy as np


def read_foreign_parquet(path: Path, columns: list[str] | None = None) -> Any:
    """The table of a Parquet file, or some of its columns.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Where its pages have checksums, which few writers give them.
        with opened(path) as source:
            file = pq.ParquetFile(source, page_checksum_verification=True)
            return file.read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise not_read(error, f"{path}: cannot be read as parquet ({error})") from error


def opened(path: Path) -> Any:
    """A file as pyarrow reads it, which takes a path with a colon for an address on the net."""
    import pyarrow as pa

    check_file(path)
    return pa.OSFile(str(path))


def row_count(path: Path) -> int:
    """How many rows a Parquet file has.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as source:
            return int(pq.read_metadata(source).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise not_read(error, f"{path}: cannot be read as parquet ({error})") from error


def parquet_schema(path: Path) -> Any:
    """The columns of a Parquet file, without its rows.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with opened(path) as source:
            return pq.read_schema(source)
    except (pa.ArrowException, OSError) as error:
        raise not_read(error, f"{path}: cannot be read as parquet ({error})") from error


def class_names(path: Path, schema: Any, label_column: str) -> tuple[str, ...]:
    """The class names that the hub's libraries leave in a schema's metadata, if any.

    Raises:
        UserError: the metadata is not as it should be.
    """
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(text).get("info", {}).get("features", {})
        return tuple(str(name) for name in features.get(label_column, {}).get("names", ()))
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{path}: its metadata huggingface is damaged ({error})") from error


def whole_numbers(path: Path, table: Any, column: str) -> np.ndarray:
    """A column of a table as whole numbers, int64 [rows].

    Raises:
        UserError: a value is none; the message names its row.
    """
    import pyarrow as pa

    from dsd2.files.columns import numbers

    values = table.column(column)
    try:
        if not values.null_count and not pa.types.is_string(values.type):
            held = values.cast(pa.int64()).combine_chunks()
            return numbers(held).copy()
    except pa.ArrowException:
        pass
    for row, value in enumerate(values.to_pylist()):
        if not isinstance(value, int | float) or not -(2**63) <= value < 2**63 or value % 1:
            raise UserError(f"{path} row {row}: {column} is {value!r}, which is no whole number")
    raise UserError(f"{path}: column {column} holds {values.type}, not whole numbers")


def encoded(where: str, value: Any) -> bytes:
    """The image file in a cell of an image column; ``where`` names the cell in messages.

    Raises:
        UserError: there is none.
    """
    data = value.as_py()
    if isinstance(data, dict):
        data = data.get("bytes")
    if not isinstance(data, bytes):
        raise UserError(f"{where}: the image cannot be decoded (it holds no bytes of an image)")
    return data


def first_image(files: list[Path], column: str) -> Any:
    """The PIL image in the first row of the first file that has rows.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in files:
        try:
            with opened(path) as source:
                batch = next(
                    pq.ParquetFile(source).iter_batches(batch_size=1, columns=[column]), None
                )
        except (pa.ArrowException, OSError) as error:
            raise not_read(error, f"{path}: cannot be read as parquet ({error})") from error
        if batch is not None and len(batch):
            where = f"{path} row 0"
            return open_image(encoded(where, batch.column(0)[0]), where)
    raise UserError(f"{files[0]}: has no rows")


def cifar_columns(name: str, root: Path) -> tuple[str, str]:
    """Columns of images and labels of CIFAR as parquet, in a folder of its name below a root.

    The hub's files have ``img`` and, of CIFAR-100, ``fine_label``; others ``image`` and ``label``.

    Raises:
        UserError: the files cannot be read.
    """
    columns = parquet_schema(min((root / name).glob("train*.parquet"))).names
    image = "img" if "img" in columns else "image"
    fine = name == "cifar100" and "fine_label" in columns
    return image, "fine_label" if fine else "label"
