"""Faster arithmetic that rounds otherwise: number formats and memory layouts, each by choice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from dsd2.recipe import TrainingRecipe


def arithmetic(
    recipe: TrainingRecipe, device: torch.device
) -> Callable[[], AbstractContextManager[object]]:
    """What makes the context of one training step's forward pass; bf16 weights are cast once in it.

    With ``bf16`` convolutions and matrix products take bfloat16 numbers (torch's autocast), while
    weights, their updates and the loss stay in single precision. ``tf32`` lets a GPU round the
    factors of products to 10 bits, and changes nothing on a CPU. ``fp32`` is single precision
    throughout, where torch by itself would take TF32 for a GPU's convolutions; measuring after the
    training keeps to what is said here.
    """
    if device.type == "cuda":
        torch.backends.cudnn.allow_tf32 = recipe.precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = recipe.precision == "tf32"
    if recipe.precision == "bf16":
        return partial(torch.autocast, device.type, torch.bfloat16)
    return nullcontext


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
