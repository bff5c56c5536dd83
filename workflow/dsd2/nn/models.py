"""Layers of networks, and which of their weights pruning may remove."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PRUNABLE = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.Linear,
)
"""Layers whose ``weight`` pruning may remove from, with all their subclasses."""


@lru_cache(maxsize=16)
def pooling_matrix(
    height: int, width: int, pooled: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The matrix [pooled², H·W] with which adaptive average pooling of a flat map is a product.

    Along an axis of size *n*, cell *i* averages positions ``floor(i·n/pooled)`` to
    ``ceil((i+1)·n/pooled) − 1``.
    """

    def along(size: int) -> Tensor:
        matrix = torch.zeros(pooled, size, device="cpu")
        for i in range(pooled):
            start, stop = i * size // pooled, -(-(i + 1) * size // pooled)
            matrix[i, start:stop] = 1.0 / (stop - start)
        return matrix

    return torch.kron(along(height), along(width)).to(device, dtype)


class PooledLinear(nn.Linear):
    """Adaptive average pooling of [B, C, H, W] to ``pooled``², then a linear layer: [B, classes].

    Both are linear, so the pool is folded into the weights, and the large pooled map is never
    made. ``nn.AdaptiveAvgPool2d`` and ``nn.Linear`` compute the same up to rounding, but the
    pool's backward pass is nondeterministic on CUDA, and slow on a CPU for small maps.
    """

    def __init__(self, channels: int, pooled: int, classes: int) -> None:
        super().__init__(channels * pooled**2, classes)
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        """Logits [B, classes] of a feature map [B, C, H, W]."""
        height, width = x.shape[-2:]
        matrix = pooling_matrix(height, width, self.pooled, x.device, x.dtype)
        folded = self.weight.view(-1, self.pooled**2) @ matrix
        return F.linear(x.flatten(1), folded.view(self.out_features, -1), self.bias)


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that pruning may remove: of all convolutions and linear layers (Appendix B.1)."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[2] == "weight" and parameter.dim() > 1
    }


def head_of(model: nn.Module) -> str:
    """Name of the module that makes the logits: the last linear layer or convolution.

    Raises:
        ValueError: there is none.
    """
    layers = [name for name, module in model.named_modules() if isinstance(module, PRUNABLE)]
    if not layers:
        raise ValueError("the network has no linear layer and no convolution")
    return layers[-1]


def head_parameters(model: nn.Module) -> frozenset[str]:
    """Names of the head's weight and bias."""
    head = head_of(model)
    names = model.get_submodule(head).state_dict()
    return frozenset(f"{head}.{name}".removeprefix(".") for name in names)
