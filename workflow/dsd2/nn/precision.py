"""Faster arithmetic that rounds otherwise: number formats and memory layouts, each by choice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.recipe import TrainingRecipe
from dsd2.seeds import allow_tf32


def arithmetic(
    recipe: TrainingRecipe, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """What makes the context of one training step's forward pass; bf16 weights are cast once in it.

    With ``bf16`` convolutions and matrix products take bfloat16 numbers (torch's autocast), while
    weights, their updates and the loss stay in single precision.
    """
    if recipe.precision == "bf16":
        return partial(torch.autocast, device.type, torch.bfloat16)
    return nullcontext


@contextmanager
def training_products(recipe: TrainingRecipe) -> Iterator[None]:
    """Let a GPU round the factors of products to 10 bits while a ``tf32`` recipe trains.

    On a CPU that changes nothing. What is measured before and after a training is in single
    precision (:func:`dsd2.seeds.be_deterministic`), so it is put back as it was.
    """
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    allow_tf32(*[recipe.precision == "tf32"] * 2)
    try:
        yield
    finally:
        allow_tf32(*before)


def memory_layout(recipe: TrainingRecipe) -> torch.memory_format:
    """How the pixels of images and feature maps lie in memory while training."""
    return torch.channels_last if recipe.channels_last else torch.contiguous_format


def lay_out(network: nn.Module, layout: torch.memory_format) -> None:
    """Move a network's filters into a memory layout, in place."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=layout)


def laid_like(tensor: Tensor, model: Tensor) -> Tensor:
    """A tensor's numbers in the order in memory that another of its shape has."""
    return torch.empty_like(model, dtype=tensor.dtype).copy_(tensor)


def bf16_warning(recipe: TrainingRecipe, device: torch.device) -> str | None:
    """A sentence where a recipe asks a CPU for bfloat16 that has no instructions for it, or None.

    It computes with them all the same, bit by bit: ten times slower than in single precision.
    """
    if recipe.precision != "bf16" or device.type != "cpu":
        return None
    single, half = products_a_second(torch.float32), products_a_second(torch.bfloat16)
    if half >= single:
        return None
    return (
        "training.precision is bf16, in which this processor convolves"
        f" {half / 1e9:.3g} GMAC/s, against {single / 1e9:.3g} in fp32: fp32 is faster here, and"
        " exact"
    )


def products_a_second(kind: torch.dtype) -> float:
    """Multiply-accumulates a second of a small network's convolution on the CPU, in a format."""
    images, filters = torch.ones(8, 64, 16, 16, dtype=kind), torch.ones(64, 64, 3, 3, dtype=kind)
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        F.conv2d(images, filters, padding=1)
        seconds.append(time.perf_counter() - start)
    # The first has the library choose its way.
    return images.numel() * filters[0].numel() / min(seconds[1:])
