"""Parquet files that are not the workflow's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dsd2.errors import UserError


def read_foreign_parquet(path: Path, columns: list[str] | None = None) -> Any:
    """The table of a Parquet file, or some of its columns.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error})") from error


def parquet_schema(path: Path) -> Any:
    """The columns of a Parquet file, without its rows.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error})") from error


def class_names(schema: Any, label_column: str) -> tuple[str, ...]:
    """The class names that the hub's libraries leave in a schema's metadata, if any."""
    text = (schema.metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(text).get("info", {}).get("features", {})
    return tuple(str(name) for name in features.get(label_column, {}).get("names", ()))


def encoded(value: Any) -> bytes:
    """The image file in a cell of an image column."""
    data = value.as_py()
    return bytes(data["bytes"] if isinstance(data, dict) else data)


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
