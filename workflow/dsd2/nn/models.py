"""The paper's networks: VGG-like (Table 2), ResNet-18 and ResNet-50 (Table 3, Appendix B.1)."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.nn.sizes import POOLED


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
    if dropout > 0:
        layers.append(nn.Dropout(dropout))
    layers.append(PooledLinear(previous, POOLED, classes))
    return nn.Sequential(*layers)


def resnet(name: str, stem: str, channels: int, classes: int, dropout: float) -> nn.Module:
    """Torchvision's ResNet, from scratch.

    Args:
        name: ``resnet18`` or ``resnet50``.
        stem: ``cifar`` is 3×3 of stride 1 without a max-pool (Appendix B.1); ``imagenet`` is
            torchvision's own, 7×7 of stride 2 and a max-pool, which divides each side by 4.
        channels: channels of the input images.
        classes: size of the logits.
        dropout: probability of the dropout before the classifier; 0 builds none.
    """
    from dsd2.compat import import_torchvision

    builder = getattr(import_torchvision("torchvision.models"), name)
    network = builder(weights=None, num_classes=classes)
    if stem == "cifar" or channels != 3:
        size, stride = (3, 1) if stem == "cifar" else (7, 2)
        first = nn.Conv2d(channels, 64, size, stride=stride, padding=size // 2, bias=False)
        # As torchvision initialises every convolution of its ResNets.
        nn.init.kaiming_normal_(first.weight, mode="fan_out", nonlinearity="relu")
        network.conv1 = first
    if stem == "cifar":
        network.maxpool = nn.Identity()
    if dropout > 0:
        network.fc = nn.Sequential(nn.Dropout(dropout), network.fc)
    assert isinstance(network, nn.Module)
    return network


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights that pruning may remove: of all convolutions and linear layers (Appendix B.1)."""
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[2] == "weight" and parameter.dim() > 1
    }
