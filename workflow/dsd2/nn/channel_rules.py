"""How calls of a traced network treat its channels: rules by the kind of layer or function."""

from __future__ import annotations

import operator
from typing import Any

from torch import nn

from dsd2.compat import has_forward_hooks
from dsd2.nn.models import PooledLinear

ANY = "any"
"""The rule of what computes every element from those at its place."""
_FUNCTIONS = {
    ANY: """
        add iadd add_ sub sub_ isub mul mul_ imul div div_ truediv neg abs exp sqrt pow clamp clamp_
        relu relu_ relu6 leaky_relu elu hardtanh hardswish hardsigmoid silu gelu sigmoid tanh mish
        softplus dropout dropout2d batch_norm stochastic_depth clone contiguous float to
    """,
    "moved": """
        flatten view reshape permute transpose chunk split cat concat getitem unsqueeze squeeze
        unbind stack expand expand_as movedim unflatten swapaxes narrow flip roll channel_shuffle
        pixel_shuffle
    """,
    "pad": "pad",
    "plane": """
        adaptive_avg_pool2d adaptive_max_pool2d avg_pool2d max_pool2d boolean_dispatch interpolate
    """,
    "reduced": "mean sum amax",
}
RULES: dict[str, str] = {name: rule for rule, names in _FUNCTIONS.items() for name in names.split()}
"""The rule of functions and of tensors' methods, by name."""
LAYERS: dict[type[nn.Module], str] = {
    PooledLinear: "pooled_linear",
    nn.Linear: "linear",
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), "conv"),
    **dict.fromkeys((nn.MaxPool2d, nn.AvgPool2d, nn.Upsample), "plane"),
    **dict.fromkeys((nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d), "plane"),
    **dict.fromkeys((nn.Flatten, nn.Unflatten, nn.ChannelShuffle, nn.PixelShuffle), "moved"),
    **dict.fromkeys((nn.ZeroPad2d, nn.ConstantPad2d), "pad"),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), ANY),
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout2d, nn.Softplus), ANY),
    **dict.fromkeys((nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.Hardtanh, nn.Hardswish), ANY),
    **dict.fromkeys((nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Mish), ANY),
}
"""The rule of layers, whose subclasses have it if they compute the same."""


def rule_of_layer(module: nn.Module) -> str | None:
    """The rule of a layer that computes what its class does, without hooks."""
    kind = next((kind for kind in type(module).__mro__ if kind in LAYERS), None)
    if kind is None or has_forward_hooks(module):
        return None
    same = all(
        getattr(type(module), method, None) is getattr(kind, method, None)
        for method in ("forward", "_conv_forward")
    )
    return LAYERS[kind] if same else None


def rule_of_function(target: Any) -> str | None:
    """The rule of a function of torch's, Python's or torchvision's, or of a tensor's method."""
    if isinstance(target, str):
        return RULES.get(target)
    home = (getattr(target, "__module__", None) or "torch").partition(".")[0]
    known = home in ("torch", "torchvision", operator.__name__, "_operator")
    return RULES.get(target.__name__) if known else None
