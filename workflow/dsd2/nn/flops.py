"""The cost of a training by three counts; one multiply-accumulate counts as one operation.

Paper: as the paper's printed values come out, priced without looking at sparsity or at the
teacher. Dense: convolutions and linear layers of the student's training and of the teacher's
forward passes. Sparse: the same, each layer times its density.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.nn.models import PooledLinear, prunable_weights
from dsd2.nn.sizes import BACKWARD

PRICED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Layers where each value of the output takes as many operations as one row of the weight has."""
BATCH_NORM = 5
"""Operations of a batch-normalisation in training per element, as common counters have it."""


@dataclass(frozen=True)
class ForwardCost:
    """Operations of one image's forward pass.

    Attributes:
        layers: multiply-accumulates of each convolution and linear layer, by weight name; of all
            calls of a layer that is called several times.
        extra: what the paper's count has beside them: batch-norm and adaptive pooling.
    """

    layers: dict[str, int]
    extra: int

    @property
    def dense(self) -> int:
        """Multiply-accumulates of all convolutions and linear layers."""
        return sum(self.layers.values())

    @property
    def paper(self) -> int:
        """The paper's count (67,831,296 for VGG-like δ=5, γ=5 on 32×32 images, 10 classes)."""
        return self.dense + self.extra

    def sparse(self, densities: Mapping[str, float]) -> float:
        """Multiply-accumulates with living weights."""
        return sum(macs * densities[name] for name, macs in self.layers.items())


@dataclass(frozen=True)
class TrainingCost:
    """Operations of one training by the three counts."""

    paper: float
    dense: float
    sparse: float


def forward_cost(model: nn.Module, image: tuple[int, int, int]) -> ForwardCost:
    """Count one image's forward pass, layer by layer, from the layers' shapes alone.

    Args:
        model: a network; it is not changed.
        image: (C, H, W).

    Raises:
        TypeError: it has prunable weights in a layer whose operations are not known.
    """
    unknown = prunable_weights(model).keys() - {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, PRICED)
    }
    if unknown:
        raise TypeError(f"the operations of {', '.join(sorted(unknown))} are not known")
    layers: dict[str, int] = {}
    extra = 0

    def count(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
            nonlocal extra
            if isinstance(module, PRICED):
                weight = f"{name}.weight"
                cost = module.weight[0].numel() * output[0].numel()
                layers[weight] = layers.get(weight, 0) + cost
            if isinstance(module, nn.BatchNorm2d):
                extra += BATCH_NORM * output[0].numel()
            elif isinstance(module, PooledLinear | nn.AdaptiveAvgPool2d):
                extra += inputs[0][0].numel()

        return hook

    modes = {module: module.training for module in model.modules()}
    handles = [m.register_forward_hook(count(name)) for name, m in model.named_modules()]
    try:
        with torch.no_grad():
            parameter = next(model.parameters())
            model.eval()(torch.zeros(1, *image, device=parameter.device, dtype=parameter.dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return ForwardCost(layers, extra)


def training_cost(
    student: ForwardCost,
    densities: Mapping[str, float],
    images: int,
    epochs: int,
    teacher: ForwardCost | None = None,
    teacher_densities: Mapping[str, float] | None = None,
    teacher_images: int = 0,
) -> TrainingCost:
    """The cost of one training.

    Args:
        student: forward pass of the network that is trained.
        densities: of its layers while it is.
        images: of the training set.
        epochs: passes over it.
        teacher: forward pass of the teacher, if any.
        teacher_densities: of the teacher's layers.
        teacher_images: how many images the teacher's forward passes saw in all.
    """
    seen = BACKWARD * images * epochs
    dense, sparse = float(seen * student.dense), seen * student.sparse(densities)
    if teacher is not None and teacher_densities is not None:
        dense += teacher_images * teacher.dense
        sparse += teacher_images * teacher.sparse(teacher_densities)
    return TrainingCost(paper=float(seen * student.paper), dense=dense, sparse=sparse)
