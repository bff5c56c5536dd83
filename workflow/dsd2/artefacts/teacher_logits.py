"""Cached teacher logits of every view of every training image, shared by all its students."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from dsd2.errors import UserError, remake
from dsd2.files.tensors import load_tensors, save_tensors

_KIND = "teacher table"
_FORMAT = 1


def save_teacher_logits(path: Path, logits: Tensor, run: str, iteration: int) -> None:
    """Write the logits, float32 [N, views, classes], of an iteration of a run."""
    about = {"kind": _KIND, "format": _FORMAT, "run": run, "iteration": iteration}
    save_tensors(path, {"logits": logits}, about)


def load_teacher_logits(path: Path, run: str, iteration: int, images: int) -> Tensor:
    """The logits, [N, views, classes], backed by the file's memory map.

    Args:
        path: the file.
        run: whose they must be.
        iteration: likewise.
        images: N, as it must be.

    Raises:
        UserError: the file is missing or damaged, or of another teacher or dataset.
    """
    tensors, _ = load_tensors(path, _KIND, _FORMAT, {"run": run, "iteration": iteration})
    logits = tensors["logits"]
    if len(logits) != images:
        raise UserError(f"{path}: has {len(logits)} images, not {images}; {remake(path)}")
    return logits
