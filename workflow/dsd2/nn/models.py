"""The paper's networks: VGG-like (Table 2) and ResNet-18 with the CIFAR stem (Appendix B.1)."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from dsd2.config.recipe import ModelRecipe
from dsd2.errors import UserError

POOLED = 7
"""Side of the VGG-like head's adaptive average pool; Table 3's parameter counts confirm it."""


@lru_cache(maxsize=16)
def pooling_matrix(
    height: int, width: int, pooled: int, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The matrix [pooled², H·W] with which adaptive average pooling of a flat map is a product.

    Along an axis of size *n*, cell *i* averages positions ``floor(i·n/pooled)`` to
    ``ceil((i+1)·n/pooled) − 1``.
    """

    def along(size: int) -> Tensor:
        matrix = torch.zeros(pooled, size)
        for i in range(pooled):
            start, stop = i * size // pooled, -(-(i + 1) * size // pooled)
            matrix[i, start:stop] = 1.0 / (stop - start)
        return matrix

    return torch.kron(along(height), along(width)).to(device, dtype)


class AdaptiveAveragePool(nn.Module):
    """Adaptive average pooling of [B, C, H, W] to [B, C·pooled²], as one matrix product.

    ``nn.AdaptiveAvgPool2d`` and ``nn.Flatten`` compute the same, but the pool's backward pass is
    nondeterministic on CUDA, and several times slower on a CPU for small maps.
    """

    def __init__(self, pooled: int) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        matrix = pooling_matrix(height, width, self.pooled, x.device, x.dtype)
        return (x.flatten(2) @ matrix.T).flatten(1)


def vgg_like(depth: int, width: int, channels: int, classes: int, dropout: float) -> nn.Sequential:
    """The VGG-like network of Table 2.

    Args:
        depth: δ, the number of stages; a stage is twice Conv-ReLU-BatchNorm, then a 2×2 max-pool.
        width: γ; stage *s* (from 0) has ``2 ** (γ + s)`` filters of 3×3.
        channels: channels of the input images.
        classes: size of the logits.
        dropout: probability of the dropout before the classifier; 0 builds none.
    """
    layers: list[nn.Module] = []
    previous = channels
    for stage in range(depth):
        filters = 2 ** (width + stage)
        for _ in range(2):
            layers += [
                nn.Conv2d(previous, filters, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(filters),
            ]
            previous = filters
        layers.append(nn.MaxPool2d(2))
    layers.append(AdaptiveAveragePool(POOLED))
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(previous * POOLED**2, classes))
    return nn.Sequential(*layers)


def resnet18(channels: int, classes: int, dropout: float) -> nn.Module:
    """torchvision's ResNet-18 with the CIFAR stem: 3×3 stride 1, no max-pool (Appendix B.1)."""
    from dsd2.nn.torchvision_ops import import_torchvision

    network = import_torchvision("torchvision.models").resnet18(weights=None, num_classes=classes)
    network.conv1 = nn.Conv2d(channels, 64, 3, stride=1, padding=1, bias=False)
    # As torchvision initialises every convolution of its ResNets.
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    network.maxpool = nn.Identity()
    if dropout > 0:
        network.fc = nn.Sequential(nn.Dropout(dropout), network.fc)
    return network


def build_model(recipe: ModelRecipe, image: tuple[int, int, int], classes: int) -> nn.Module:
    """The network of a recipe, its weights drawn from torch's global generator.

    Args:
        recipe: which network.
        image: (C, H, W) of the images it will see.
        classes: size of the logits.

    Raises:
        UserError: the images are too small for the network's depth.
    """
    channels, height, width = image
    if recipe.name == "resnet18":
        return resnet18(channels, classes, recipe.dropout)
    assert recipe.depth is not None and recipe.width is not None, "vgg-like has depth and width"
    if min(height, width) < 2**recipe.depth:
        raise UserError(
            f"model.depth: {recipe.depth} max-pools need images of at least"
            f" {2**recipe.depth} pixels a side, and these are {height}×{width}; lower the depth"
        )
    return vgg_like(recipe.depth, recipe.width, channels, classes, recipe.dropout)


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that pruning may remove: of all convolutions and linear layers (Appendix B.1)."""
    return {
        f"{name}.weight" if name else "weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
