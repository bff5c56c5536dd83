"""Parquet files that are not the workflow's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd2.data.decoding import open_image
from dsd2.data.listing import SPLITS
from dsd2.errors import UserError
from dsd2.files.reading import check_file, not_read
from dsd2.recipe import Contents

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A Parquet file as pyarrow reads it, which takes a path with a colon for a net address.

    Raises:
        UserError: it cannot be read, here or inside the ``with`` block.
    """
    import pyarrow as pa

    try:
        check_file(path)
        with pa.OSFile(str(path)) as source:
            yield source
    except (pa.ArrowException, OSError) as error:
        raise not_read(error, f"{path}: cannot be read as parquet ({error})") from error


def read_foreign_parquet(path: Path, columns: list[str] | None = None) -> Any:
    """The table of a Parquet file, or some of its columns.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow.parquet as pq

    # Its pages are checked where they have checksums, which few writers give them.
    with opened(path) as source:
        return pq.ParquetFile(source, page_checksum_verification=True).read(columns=columns)


def row_count(path: Path) -> int:
    """How many rows a Parquet file has.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow.parquet as pq

    with opened(path) as source:
        return int(pq.read_metadata(source).num_rows)


def parquet_schema(path: Path) -> Any:
    """The columns of a Parquet file, without its rows.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow.parquet as pq

    with opened(path) as source:
        return pq.read_schema(source)


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
    import pyarrow.parquet as pq

    for path in files:
        with opened(path) as source:
            batches = pq.ParquetFile(source).iter_batches(batch_size=1, columns=[column])
            batch = next(batches, None)
        if batch is not None and len(batch):
            where = f"{path} row 0"
            return open_image(encoded(where, batch.column(0)[0]), where)
    raise UserError(f"{files[0]}: has no rows")


def parquet_contents(folder: Path, image_column: str, label_column: str) -> Contents:
    """What the parquet files of a folder hold; of their images the first alone is decoded.

    Raises:
        UserError: the files are not what they should be.
    """
    from dsd2.preprocessing import is_grey, upright_size

    files = {split: sorted(folder.glob(f"{split}*.parquet")) for split in SPLITS}
    if not files["train"]:
        raise UserError(f"{folder}: has no train*.parquet")
    first = files["train"][0]
    schema = parquet_schema(first)
    for column in (image_column, label_column):
        if column not in schema.names:
            raise UserError(f"{first}: has no column {column!r}; it has {', '.join(schema.names)}")
    count: dict[str, int | None] = {
        split: sum(map(row_count, parts)) if parts else None for split, parts in files.items()
    }
    if not count["train"]:
        raise UserError(f"{first}: has no rows")
    with first_image(files["train"], image_column) as image:
        width, height = upright_size(image)
        shape = (1 if is_grey(image) else 3, height, width)
    classes = len(class_names(first, schema, label_column)) or 1 + max(
        int(whole_numbers(part, read_foreign_parquet(part, [label_column]), label_column).max())
        for parts in files.values()
        for part in parts
        if row_count(part)
    )
    return Contents(shape, classes, count["train"], count["validation"], count["test"])
