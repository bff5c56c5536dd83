"""Which columns of parquet files hold images and labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsd2.data.column_names import IMAGE_NAMES, LABEL_NAMES, usual
from dsd2.data.parquet_io import class_names, parquet_schema
from dsd2.errors import UserError

IMAGE = "image"
LABEL = "label"
"""The hub's usual columns; where they are not there, others are looked for."""


def image_column(path: Path, wanted: str) -> str:
    """The column of encoded images: the wanted one, else the one of a usual name or type.

    Args:
        path: a parquet file.
        wanted: the configured column; another is looked for where it is :data:`IMAGE`.

    Raises:
        UserError: there is none, or it is not plain which.
    """
    schema = parquet_schema(path)
    if wanted in schema.names:
        return wanted
    held = [column.name for column in schema if _holds_images(column.type)]
    return _found(path, schema, "image", wanted, usual(held, IMAGE_NAMES) or held)


def label_column(path: Path, wanted: str) -> str:
    """The column of labels: the wanted one, else the one of a usual name.

    Args:
        path: a parquet file.
        wanted: the configured column; another is looked for where it is :data:`LABEL`.

    Raises:
        UserError: there is none, or it is not plain which.
    """
    schema = parquet_schema(path)
    if wanted in schema.names:
        return wanted
    named = usual(schema.names, LABEL_NAMES)
    named = named or [name for name in schema.names if class_names(path, schema, name)]
    return _found(path, schema, "label", wanted, named)


def _holds_images(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _found(path: Path, schema: Any, what: str, wanted: str, found: Sequence[str]) -> str:
    search = wanted in (IMAGE, LABEL)
    if search and len(found) == 1:
        return found[0]
    if search and found:
        raise UserError(
            f"{path}: {' or '.join(found)} may be the column of the {what}s; set"
            f" dataset.{what}_column to one of them"
        )
    raise UserError(
        f"{path}: has no column {wanted!r} (dataset.{what}_column); it has"
        f" {', '.join(schema.names)}"
    )
