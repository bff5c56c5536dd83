"""Accuracy, loss, and the neurons' states, in evaluation mode and without augmentation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.nn.entropy import StateCounts, counting_states
from dsd2.nn.images import ImageSet
from dsd2.nn.sizes import EVALUATED, EVALUATED_ON_GPU


@dataclass(frozen=True)
class Evaluation:
    """How a network does on a set.

    Attributes:
        accuracy: against the set's labels.
        loss: mean cross-entropy in nats, which is the mean negative log-likelihood.
        predictions: the predicted classes, int64 [N].
        confidences: their probabilities, float32 [N].
    """

    accuracy: float
    loss: float
    predictions: Tensor
    confidences: Tensor


def evaluated_at_once(device: torch.device) -> int:
    """Images a forward pass; results do not depend on it beyond the rounding of the loss."""
    return EVALUATED_ON_GPU if device.type == "cuda" else EVALUATED


@torch.no_grad()
def evaluate(model: nn.Module, data: ImageSet, counts: StateCounts | None = None) -> Evaluation:
    """Evaluate a network on all images of a set; leaves it in evaluation mode.

    Args:
        model: on the device of the data.
        data: the images with the labels to compare with.
        counts: counts the network's states; gets the end of each batch.
    """
    model.eval()
    predictions, confidences = [], []
    loss = torch.zeros((), dtype=torch.float64, device=data.labels.device)
    size = evaluated_at_once(data.device)
    for images, labels in zip(data.batches(size), data.labels.split(size), strict=True):
        logits = model(data.normalise(images))
        loss += F.cross_entropy(logits, labels, reduction="sum")
        predictions.append(logits.argmax(1))
        confidences.append(logits.float().softmax(1).amax(1))
        if counts is not None:
            counts.end_batch(len(labels))
    predicted = torch.cat(predictions)
    correct = int((predicted == data.labels).sum())
    accuracy, mean_loss = correct / len(data), float(loss) / len(data)
    return Evaluation(accuracy, mean_loss, predicted, torch.cat(confidences))


def evaluate_with_states(model: nn.Module, data: ImageSet) -> tuple[Evaluation, StateCounts]:
    """Evaluate a network and count its neurons' states in the same passes (eq. 1's p)."""
    with counting_states(model) as counts:
        evaluation = evaluate(model, data, counts)
    return evaluation, counts
