"""What every dataset gives, and what reading one takes, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsd2.errors import UserError


@dataclass(frozen=True)
class Images:
    """Labelled images: uint8 [N, C, H, W], int64 [N]."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Source:
    """A dataset as it comes.

    Attributes:
        train: its training images.
        test: its test images; None where it has no test set of its own.
        classes: names of the classes, in the order of the labels.
        origin: one line that says what was read.
    """

    train: Images
    test: Images | None
    classes: tuple[str, ...]
    origin: str


def channels_first(pixels: np.ndarray) -> Tensor:
    """uint8 pixels [N, H, W, C] as images are decoded, as a tensor [N, C, H, W]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))


def read_foreign_parquet(path: Path) -> Any:
    """The table of a Parquet file that is not the workflow's own.

    Raises:
        UserError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read as parquet ({error})") from error
