"""The entropy of the neurons' on/off states (eq. 1), from integer counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from dsd2.nn.calls import ACTIVATIONS, CONVOLUTIONS, LINEAR, watching


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
    """Counts, per layer of neurons, of the images that had each neuron on (input strictly above 0).

    A layer is a call of an activation (:data:`dsd2.nn.calls.ACTIVATIONS`). Its key is the name of
    the module that is the activation, or of the module that calls the function and the function's,
    and the number of the call in a forward pass: ``layer1.0.relu:1``, ``block.gelu:0``. Its counts
    are [C, …]: the channels first, whichever axis of the input they are.
    """

    def __init__(self) -> None:
        self.images = 0
        self._on: dict[str, Tensor] = {}
        self._calls: dict[str, int] = {}
        self._others: set[str] = set()

    def __getitem__(self, layer: str) -> Tensor:
        return self._on[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._on)

    def __len__(self) -> int:
        return len(self._on)

    def add(self, name: str, before: Tensor, images: int, channels_last: bool = False) -> None:
        """Count one batch of an activation's inputs, [B, …].

        What has another first axis than the images is made from no image alone, and not counted.
        """
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        layer = f"{name}:{call}"
        if len(before) != images or layer in self._others:
            self._others.add(layer)
            self._on.pop(layer, None)
            return
        on = count_on(before)
        if channels_last and on.dim() > 1:
            on = on.movedim(-1, 0)
        self._on[layer] = self._on[layer] + on if layer in self._on else on

    def end_batch(self, images: int) -> None:
        """Say that a forward pass over so many images is complete."""
        self.images += images
        self._calls.clear()


@contextmanager
def counting_states(model: nn.Module) -> Iterator[StateCounts]:
    """Count the states of all neurons during the forward passes inside the ``with`` block.

    Channels are the last axis behind a linear layer, and the second one otherwise.
    """
    counts = StateCounts()
    leaves = {name for name, module in model.named_modules() if not any(module.children())}
    leaves -= {name for name, m in model.named_modules() if any(True for _ in m.parameters())}
    images, channels_last = 0, False

    def begin(_model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        nonlocal images, channels_last
        images, channels_last = len(inputs[0]), False

    def see(within: str, function: Any, args: Any, kwargs: Any, _result: Any) -> None:
        nonlocal channels_last
        word = ACTIVATIONS.get(function)
        if word is not None:
            name = within if within in leaves else f"{within}.{word}".removeprefix(".")
            value = args[0] if args else kwargs["input"]
            counts.add(name, value, images, channels_last)
        elif function in LINEAR:
            channels_last = True
        elif function in CONVOLUTIONS:
            channels_last = False

    handle = model.register_forward_pre_hook(begin)
    try:
        with watching(model, see):
            yield counts
    finally:
        handle.remove()
