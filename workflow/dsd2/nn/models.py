"""Layers of networks, and which of their weights pruning may remove."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.recipe import PruningRecipe

PRUNABLE = (
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
    nn.Linear,
)
"""Layers whose ``weight`` pruning may remove from, with all their subclasses."""
IN_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
"""Weights that ``nn.MultiheadAttention`` has besides those of the layer that it ends with."""


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
    """The weights that pruning may remove, in the order of the network's parameters.

    These are the weights of all convolutions and linear layers (Appendix B.1), and the projections
    of attention. A weight that several layers share is there once. Embeddings, norms and biases are
    never pruned.
    """
    owned = {
        id(weight)
        for module in model.modules()
        for name in _weights_of(module)
        if (weight := getattr(module, name)) is not None
    }
    return {name: p for name, p in model.named_parameters() if id(p) in owned}


def _weights_of(module: nn.Module) -> tuple[str, ...]:
    """Which attributes of a module are weights that pruning may remove."""
    if isinstance(module, nn.MultiheadAttention):
        return IN_PROJECTIONS
    return ("weight",) if isinstance(module, PRUNABLE) else ()


def depthwise_weights(model: nn.Module) -> frozenset[str]:
    """Names of the weights of depthwise convolutions, whose filters each read one channel."""
    weights = {id(weight): name for name, weight in prunable_weights(model).items()}
    return frozenset(
        weights[id(module.weight)]
        for module in model.modules()
        if isinstance(module, PRUNABLE)
        and id(module.weight) in weights
        and getattr(module, "groups", 1) == getattr(module, "in_channels", 0) > 1
    )


def pruned_weights(model: nn.Module, recipe: PruningRecipe) -> dict[str, nn.Parameter]:
    """The weights that a pruning removes from: all that may be, but those that the recipe keeps."""
    kept = recipe.kept(f"{head_of(model)}.weight".removeprefix("."), depthwise_weights(model))
    return {name: p for name, p in prunable_weights(model).items() if name not in kept}


def take_channels(model: nn.Module, channels: int) -> nn.Module:
    """Have a network for colour images take images of so many channels; changes it in place.

    Its first convolution of three channels is drawn anew, as torch draws convolutions.
    """
    if channels == 3:
        return model
    for name, module in model.named_modules():
        if type(module) is nn.Conv2d and module.in_channels == 3:
            sizes = {
                key: getattr(module, key)
                for key in ("out_channels", "kernel_size", "stride", "padding", "dilation")
            }
            first = nn.Conv2d(channels, bias=module.bias is not None, **sizes)
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, first)
            return model
    raise ValueError("the network has no convolution of three channels")


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
