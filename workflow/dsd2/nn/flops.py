"""The cost of a training by three counts; one multiply-accumulate counts as one operation.

Paper: as the paper's printed values come out, priced without looking at sparsity or at the
teacher. Dense: convolutions and linear layers of the student's training and of the teacher's
forward passes. Sparse: the same, each layer times its density.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsd2.nn.sizes import BACKWARD, Sizes


@dataclass(frozen=True)
class TrainingCost:
    """Operations of one training by the three counts."""

    paper: float
    dense: float
    sparse: float


def training_cost(
    student: Sizes,
    densities: Mapping[str, float],
    images: int,
    epochs: int,
    teacher: Sizes | None = None,
    teacher_densities: Mapping[str, float] | None = None,
    teacher_images: int = 0,
) -> TrainingCost:
    """The cost of one training.

    Args:
        student: the network that is trained.
        densities: of its layers while it is.
        images: of the training set.
        epochs: passes over it.
        teacher: the teacher, if any.
        teacher_densities: of the teacher's layers.
        teacher_images: how many images the teacher's forward passes saw in all.
    """
    seen = BACKWARD * images * epochs
    dense, sparse = float(seen * student.dense), seen * student.sparse(densities)
    if teacher is not None and teacher_densities is not None:
        dense += teacher_images * teacher.dense
        sparse += teacher_images * teacher.sparse(teacher_densities)
    return TrainingCost(paper=float(seen * student.paper), dense=dense, sparse=sparse)
