"""The criteria that He et al. (2022) compare: which weights are pruned first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsd2.recipe import CRITERIA

if TYPE_CHECKING:
    from torch import Tensor

    from dsd2.nn.scores import Trained

    Tensors = dict[str, Tensor]


@CRITERIA.register("magnitude")
def magnitude(weights: Tensors, trained: Trained) -> Tensors:
    """The smallest weights."""
    return {name: weight.abs() for name, weight in weights.items()}


@CRITERIA.register("gradient")
def gradient(weights: Tensors, trained: Trained) -> Tensors:
    """Those with the smallest product of weight and gradient of the loss over the training set."""
    gradients = trained.loss_gradients()
    return {name: (gradients[name] * weight).abs() for name, weight in weights.items()}


@CRITERIA.register("random")
def random(weights: Tensors, trained: Trained) -> Tensors:
    """Any."""
    import torch

    return {n: torch.rand(w.shape, generator=trained.draws) for n, w in weights.items()}
