"""Seeing what a network computes while it runs: each torch function, and in which module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

ACTIVATIONS: dict[Any, str] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), "relu"),
    **dict.fromkeys((torch.Tensor.relu, torch.Tensor.relu_), "relu"),
    F.relu6: "relu6",
    F.hardswish: "hardswish",
    **dict.fromkeys((F.hardtanh, F.hardtanh_), "hardtanh"),
    F.silu: "silu",
    F.gelu: "gelu",
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), "leaky_relu"),
}
"""Functions whose input's sign is the state of a neuron, with the word that names their calls. The
modules of these functions call them."""
LINEAR = (F.linear,)
CONVOLUTIONS = tuple(
    getattr(place, f"conv{kind}") for place in (F, torch) for kind in ("1d", "2d", "3d")
)
PRODUCTS = (torch.matmul, torch.Tensor.matmul, torch.bmm, F.softmax, torch.softmax)
"""What attention consists of where it is written out, each with a result of its own."""
ATTENTION = F.multi_head_attention_forward

Seen = Callable[[str, Any, tuple[Any, ...], dict[str, Any], Any], None]
"""Gets the innermost module's name, the function, its arguments, and its result."""


class _Mode(TorchFunctionMode):
    def __init__(self, before: Seen, after: Seen | None) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.within = [""]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.before(self.within[-1], func, args, kwargs, None)
        result = func(*args, **kwargs)
        if self.after is not None:
            self.after(self.within[-1], func, args, kwargs, result)
        return result


@contextmanager
def watching(model: nn.Module, before: Seen, after: Seen | None = None) -> Iterator[None]:
    """Call functions around each torch function that a network calls, in the ``with`` block.

    Calls that functions of torch make themselves are not seen. Fused kernels of attention, which
    would hide a layer's parts, are not taken meanwhile.

    Args:
        model: the network; it computes what it computes otherwise.
        before: called before each function, with None for its result.
        after: called after it.
    """
    mode = _Mode(before, after)
    handles = []
    for name, module in model.named_modules():

        def enter(_module: nn.Module, _inputs: Any, name: str = name) -> None:
            mode.within.append(name)

        def leave(_module: nn.Module, _inputs: Any, _output: Any) -> None:
            mode.within.pop()

        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave, always_call=True))
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with mode:
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for handle in handles:
            handle.remove()
