"""How much each prunable weight matters: the scores that pruning goes by."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights

BATCH = 512
"""Images a pass of :func:`loss_gradients`."""


def importance(
    model: nn.Module, criterion: str, data: ImageSet, draws: torch.Generator
) -> dict[str, Tensor]:
    """A score for each prunable weight, on the CPU; the lowest are pruned first.

    Args:
        model: the trained network, on the device of the data.
        criterion: ``magnitude`` is |w|, ``gradient`` |g·w| with the loss's gradient over the whole
            training set, ``random`` uniform (He et al. 2022 compare the three).
        data: the training images with their given labels; for ``gradient`` alone.
        draws: for ``random`` alone.
    """
    weights = {name: weight.detach() for name, weight in prunable_weights(model).items()}
    match criterion:
        case "magnitude":
            scores = {name: weight.abs() for name, weight in weights.items()}
        case "gradient":
            gradients = loss_gradients(model, data)
            scores = {name: (gradients[name] * w).abs() for name, w in weights.items()}
        case "random":
            return {name: torch.rand(w.shape, generator=draws) for name, w in weights.items()}
        case _:
            raise ValueError(f"no such criterion: {criterion}")
    return {name: score.cpu() for name, score in scores.items()}


def loss_gradients(model: nn.Module, data: ImageSet) -> dict[str, Tensor]:
    """The gradient of the mean cross-entropy by each prunable weight.

    Over all images, unaugmented, with the network in evaluation mode.
    """
    model.eval()
    weights = prunable_weights(model)
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for images, labels in zip(data.batches(BATCH), data.labels.split(BATCH), strict=True):
        loss = F.cross_entropy(model(data.normalise(images)), labels, reduction="sum")
        gradients = torch.autograd.grad(loss / len(data), list(weights.values()))
        torch._foreach_add_(list(total.values()), list(gradients))
    return total
