"""The entropy of the neurons' on/off states (eq. 1), from integer counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def binary_entropy(probability: Tensor) -> Tensor:
    """−p·log₂p − (1−p)·log₂(1−p) in bits, elementwise, 0 at 0 and 1; float64."""
    p = probability.double()
    return -(torch.special.xlogy(p, p) + torch.special.xlogy(1 - p, 1 - p)) / torch.log(
        torch.tensor(2.0, dtype=torch.float64)
    )


def position_entropy(on: Tensor, images: int) -> float:
    """H̄ of a layer whose neurons are the positions of its feature map.

    Args:
        on: how many images switched each neuron on, an integer tensor of any shape.
        images: how many images were seen.
    """
    return float(binary_entropy(on.double() / images).mean())


def channel_entropy(on: Tensor, images: int) -> float:
    """H̄ of a layer whose neurons are its channels, the positions counted as further samples.

    Args:
        on: as in :func:`position_entropy`, [C, ...].
        images: how many images were seen.
    """
    per_channel = on.flatten(1).double() if on.dim() > 1 else on.double().unsqueeze(1)
    return float(binary_entropy(per_channel.mean(1) / images).mean())


def count_on(before: Tensor) -> Tensor:
    """How many images have each neuron on, int64: its input is strictly above 0.

    Args:
        before: the neurons' inputs, [B, ...].
    """
    on = (before > 0).view(torch.uint8)
    # As many as a byte can count: bytes are summed eight times as fast as longer integers.
    parts = [part.sum(0, dtype=torch.uint8).long() for part in on.split(255)]
    return torch.stack(parts).sum(0)


class StateCounts(Mapping[str, Tensor]):
    """Counts, per ReLU layer, of the images that had each neuron on (input strictly above 0).

    Keys are module names; a module called more than once in a forward pass (as in torchvision's
    residual blocks) has one entry per call, ``name:0``, ``name:1``.
    """

    def __init__(self) -> None:
        self.images = 0
        self._on: dict[str, Tensor] = {}
        self._calls: dict[str, int] = {}

    def __getitem__(self, layer: str) -> Tensor:
        return self._on[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._on)

    def __len__(self) -> int:
        return len(self._on)

    def add(self, module: str, before: Tensor) -> None:
        """Count one batch of a module's inputs, [B, ...]."""
        call = self._calls.get(module, 0)
        self._calls[module] = call + 1
        layer = f"{module}:{call}"
        on = count_on(before)
        self._on[layer] = self._on[layer] + on if layer in self._on else on

    def end_batch(self, images: int) -> None:
        """Say that a forward pass over so many images is complete."""
        self.images += images
        self._calls.clear()


@contextmanager
def counting_states(model: nn.Module) -> Iterator[StateCounts]:
    """Count the states of all ReLU neurons during the forward passes inside the ``with`` block."""
    counts = StateCounts()

    def hook(name: str) -> Any:
        return lambda _module, inputs: counts.add(name, inputs[0])

    handles = [
        module.register_forward_pre_hook(hook(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.ReLU)
    ]
    try:
        yield counts
    finally:
        for handle in handles:
            handle.remove()
