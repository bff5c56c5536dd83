"""Whether an exported file computes what the trained network does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dsd2.data.dataset import Dataset
from dsd2.data.streaming import batchable
from dsd2.nn.images import ImageSet
from dsd2.nn.sizes import EVALUATED


@dataclass(frozen=True)
class Agreement:
    """How a file's answers compare with another's, or the trained network's, on all test images.

    Attributes:
        accuracy: of the file.
        differing: test images that get another class.
        difference: largest absolute one of logits.
        scale: largest absolute logit.
    """

    accuracy: float
    differing: int
    difference: float
    scale: float


def test_set(data: Dataset) -> ImageSet:
    """The test images of a dataset, decoded as they are asked for where it holds files."""
    return ImageSet(batchable(data.test.images), data.test.labels, data.mean, data.std)


def compare(
    expected: Callable[[Tensor], Tensor],
    answers: Mapping[str, Callable[[Tensor], Tensor]],
    test: ImageSet,
) -> dict[str, Agreement]:
    """How answers agree with those expected, on all test images.

    Args:
        expected: logits [N, classes] of uint8 images [N, C, H, W].
        answers: likewise, by name.
        test: the images.
    """
    batches = list(test.batches(EVALUATED))
    wanted = all_logits(expected, batches)
    return {
        name: agreement(all_logits(answer, batches), wanted, test.labels)
        for name, answer in answers.items()
    }


def agreement(logits: Tensor, expected: Tensor, labels: Tensor) -> Agreement:
    """How logits agree with those expected, [N, classes] each, of images with labels [N]."""
    return Agreement(
        accuracy=int((logits.argmax(1) == labels).sum()) / len(labels),
        differing=int((logits.argmax(1) != expected.argmax(1)).sum()),
        difference=float((logits - expected).abs().max()),
        scale=float(expected.abs().max()),
    )


def all_logits(answer: Callable[[Tensor], Tensor], batches: Iterable[Tensor]) -> Tensor:
    """The logits [N, classes] that a function gives of batches of uint8 images."""
    return torch.cat([answer(batch) for batch in batches])
