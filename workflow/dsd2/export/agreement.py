"""Whether an exported file computes what the trained network does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dsd2.data.dataset import Dataset
from dsd2.data.files import Encoded
from dsd2.data.streaming import DecodingStream
from dsd2.nn.images import ImageSet
from dsd2.nn.sizes import EVALUATED


@dataclass(frozen=True)
class Agreement:
    """How a file's answers compare with the network's that was trained, on all test images.

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


def compare(
    trained: nn.Module, answers: Mapping[str, Callable[[Tensor], Tensor]], data: Dataset
) -> dict[str, Agreement]:
    """How functions of uint8 images agree with a trained network on all test images."""
    images = data.test.images
    stream = DecodingStream(images, 0) if isinstance(images, Encoded) else images
    test = ImageSet(stream, data.test.labels, data.mean, data.std)
    batches = list(test.batches(EVALUATED))
    expected = torch.cat([trained(test.normalise(batch)) for batch in batches])
    agreements = {}
    for name, answer in answers.items():
        logits = torch.cat([answer(batch) for batch in batches])
        agreements[name] = Agreement(
            accuracy=int((logits.argmax(1) == test.labels).sum()) / len(test),
            differing=int((logits.argmax(1) != expected.argmax(1)).sum()),
            difference=float((logits - expected).abs().max()),
            scale=float(expected.abs().max()),
        )
    return agreements
