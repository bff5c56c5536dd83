"""Faster arithmetic that rounds otherwise: number formats and memory layouts, each by choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
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
