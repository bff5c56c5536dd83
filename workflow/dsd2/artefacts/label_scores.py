"""What a chain's networks say of the labels of each image, by split: the artefact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from dsd2.analysis.label_scores import ChainScores
from dsd2.errors import UserError, remake
from dsd2.files.identity import Identity
from dsd2.files.tensors import load_tensors, save_tensors

_KIND = "label scores"
_FORMAT = 1

Scores = dict[str, ChainScores]
"""By the name of the split."""


def save_label_scores(path: Path, scores: Scores, identity: Identity, iterations: int) -> None:
    """Write what so many iterations of a chain say.

    Args:
        path: the file.
        scores: of each split.
        identity: the chain and the labels that they belong to.
        iterations: how many were taken.
    """
    tensors = {
        f"{split}/{name}": torch.from_numpy(array)
        for split, of_split in scores.items()
        for name, array in of_split.state().items()
    }
    about = {**identity, "kind": _KIND, "format": _FORMAT, "iterations": iterations}
    save_tensors(path, tensors, about)


def load_label_scores(path: Path, identity: Identity) -> tuple[Scores, int]:
    """What :func:`save_label_scores` wrote, and how many iterations were taken.

    Args:
        path: the file.
        identity: what the scores must belong to.

    Raises:
        UserError: the file is missing or damaged, or of another chain or other labels.
    """
    tensors, about = load_tensors(path, _KIND, _FORMAT, identity)
    states: dict[str, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        split, _, name = key.partition("/")
        states.setdefault(split, {})[name] = tensor.numpy()
    try:
        scores = {split: ChainScores.from_state(state) for split, state in states.items()}
        return scores, int(about["iterations"])
    except KeyError as error:
        raise UserError(
            f"{path}: was written by another version of the workflow; {remake(path)}"
        ) from error
