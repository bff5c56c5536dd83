"""How much each prunable weight matters: the scores that pruning goes by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.compat import foreach
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.recipe import CRITERIA

BATCH = 512
"""Images a pass of :func:`loss_gradients`."""


@dataclass(frozen=True)
class Trained:
    """What a pruning criterion may look at beside the weights.

    Attributes:
        model: the trained network, on the device of the data.
        data: the training images with their given labels.
        draws: random generator, of the CPU.
    """

    model: nn.Module
    data: ImageSet
    draws: torch.Generator

    def loss_gradients(self) -> dict[str, Tensor]:
        """See :func:`loss_gradients`."""
        return loss_gradients(self.model, self.data)


def scores(trained: Trained, criterion: str) -> dict[str, Tensor]:
    """A score for each prunable weight, of its shape, on the CPU; the lowest are pruned first.

    Args:
        trained: the network, its data and a random generator.
        criterion: name of a registered criterion.
    """
    weights = {name: weight.detach() for name, weight in prunable_weights(trained.model).items()}
    return {name: score.cpu() for name, score in CRITERIA[criterion](weights, trained).items()}


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
        foreach("add_")(list(total.values()), list(gradients))
    return total
