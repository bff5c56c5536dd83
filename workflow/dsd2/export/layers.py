"""The layers, functions and methods that a network to export may consist of."""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from dsd2.nn.models import PooledLinear

SUPPORTED = (
    "convolutions in two dimensions padded with zeros, batch-norm with running statistics, ReLU,"
    " max-pool, average pools, linear layers, flatten, sums of two outputs of one shape, dropout"
    " and identity"
)
LAYERS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), "norm"),
    nn.ReLU: "relu",
    nn.MaxPool2d: "maxpool",
    nn.AvgPool2d: "avgpool",
    nn.AdaptiveAvgPool2d: "pool",
    nn.Linear: "linear",
    PooledLinear: "pooled_linear",
    **dict.fromkeys((nn.Flatten, nn.Dropout, nn.Dropout2d, nn.Identity), "same"),
}
"""The rule of each layer: a method of the builder in :mod:`dsd2.export.trace`."""
FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((F.relu, torch.relu, "relu"), "relu"),
    **dict.fromkeys((F.relu_, torch.relu_, "relu_"), "relu_"),
    **dict.fromkeys((operator.add, torch.add, "add"), "add"),
    **dict.fromkeys((operator.iadd, "add_"), "add_"),
    **dict.fromkeys((F.max_pool2d, torch.max_pool2d), "maxpool"),
    F.avg_pool2d: "avgpool",
    F.adaptive_avg_pool2d: "pool",
    **dict.fromkeys((torch.mean, "mean"), "mean"),
    **dict.fromkeys((F.dropout, F.dropout2d), "dropout"),
    **dict.fromkeys((torch.flatten, torch.reshape, "flatten", "view", "reshape"), "same"),
}
"""The rule of each function, and of each method of a tensor by its name."""
OPTIONS: dict[str, tuple[str, ...]] = {
    "conv": ("stride", "padding", "dilation", "groups", "padding_mode"),
    "relu": ("inplace",),
    "add": ("other", "alpha"),
    "add_": ("other", "alpha"),
    "maxpool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    "avgpool": (
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor_override",
    ),
    "mean": ("dim", "keepdim"),
    "dropout": ("p", "training", "inplace"),
}
"""What a rule takes beside its input: torch's arguments in their order, or a module's attributes.

Other rules need none.
"""
ONLY: dict[str, tuple[Any, Any]] = {
    "padding_mode": ("zeros", "zeros"),
    "ceil_mode": (False, False),
    "return_indices": (False, False),
    "divisor_override": (None, None),
    "alpha": (1, 1),
    "training": (False, True),
}
"""The one value that an option may have, and torch's default."""


def known_layer(module: nn.Module) -> type[nn.Module] | None:
    """The layer of :data:`LAYERS` that a module is; a subclass is one if it computes the same."""
    for kind in type(module).__mro__:
        if kind in LAYERS:
            same = all(
                getattr(type(module), method, None) is getattr(kind, method, None)
                for method in ("forward", "_conv_forward")
            )
            return kind if same else None
    return None
