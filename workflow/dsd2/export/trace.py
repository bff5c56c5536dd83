"""From a module to a graph: torch.fx traces its forward pass, and each call becomes a step."""

from __future__ import annotations

import copy
import math
import operator
from typing import Any

import torch
from torch import Tensor, fx, nn

from dsd2.errors import UserError
from dsd2.export.builder import Builder, size_of
from dsd2.export.graph import Graph
from dsd2.export.layers import known_layer


def graph_of(model: nn.Module, image: tuple[int, int, int]) -> Graph:
    """A network of known layers as steps, in double precision.

    A batch-norm becomes a product and a sum by channel. A layer that is called several times
    becomes a step for each call.

    Args:
        model: a module of one input and one output; it is not changed.
        image: (C, H, W) of the images it takes.

    Raises:
        UserError: the model cannot be traced, or has a layer of another kind.
    """
    shadow = copy.deepcopy(model).eval()
    try:
        traced = fx.GraphModule(shadow, _Tracer().trace(shadow))
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise UserError(
            f"a network of type {type(model).__name__} cannot be exported, since torch.fx cannot"
            f" trace its forward pass: {reason}"
        ) from error
    return _Layers(model, traced.to("meta")).build(image)


class _Tracer(fx.Tracer):
    """Traces into modules down to the known layers, and notes the module of each call."""

    def __init__(self) -> None:
        super().__init__()
        self._within = [""]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one call; see :class:`torch.fx.Tracer`."""
        return known_layer(m) is not None or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """Trace a module's call; see :class:`torch.fx.Tracer`."""
        self._within.append(self.path_of_module(m))
        try:
            return super().call_module(m, *args, **kwargs)
        finally:
            self._within.pop()

    def proxy(self, node: fx.Node) -> fx.Proxy:
        """The stand-in of a call's output; see :class:`torch.fx.Tracer`."""
        return _Proxy(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        """Make the node of a call; see :class:`torch.fx.Tracer`."""
        node = super().create_node(*args, **kwargs)
        node.meta["within"] = self._within[-1]
        return node


class _Proxy(fx.Proxy):
    """Adds in place where its model does: torch.fx traces ``x += y`` as ``x = x + y``."""

    def __iadd__(self, other: Any) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})


class _Layers(Builder):
    """What each layer and function becomes: one method for each rule."""

    @property
    def layer(self) -> Any:
        """The module of the call, with its true parameters."""
        return self.model.get_submodule(str(self.node.target))

    @property
    def parameters(self) -> dict[str, Tensor | None]:
        """The weight and bias of that module."""
        return {"weight": self.layer.weight, "bias": self.layer.bias}

    def conv(self, x: fx.Node, *, padding: Any, dilation: Any, **sizes: Any) -> str:
        """A convolution; padding may be a word of torch's."""
        if padding == "valid":
            padding = 0
        if padding == "same":
            reach = [d * (k - 1) for d, k in zip(dilation, self.layer.kernel_size, strict=True)]
            if any(r % 2 for r in reach):
                raise self.refusal(" whose padding differs from side to side")
            padding = [r // 2 for r in reach]
        sizes |= {"padding": padding, "dilation": dilation}
        return self.step("conv", self.read(x), tensors=self.parameters, **sizes)

    def norm(self, x: fx.Node) -> str:
        """A batch-norm, which multiplies and adds; its tensors are [C, 1, 1], or [C] of [N, C]."""
        norm, shape = self.layer, (-1, *[1] * (len(x.meta["shape"]) - 1))
        if norm.running_mean is None or norm.running_var is None:
            raise self.refusal(" without running statistics")
        mean, deviation = (
            norm.running_mean.double(),
            torch.sqrt(norm.running_var.double() + norm.eps),
        )
        weight, bias = self.parameters.values()
        scale = (torch.ones_like(mean) if weight is None else weight.double()) / deviation
        shift = (torch.zeros_like(mean) if bias is None else bias.double()) - mean * scale
        tensors = {"weight": scale.view(shape), "bias": shift.view(shape)}
        return self.step("norm", self.read(x), tensors=tensors)

    def relu(self, x: fx.Node, inplace: bool = False) -> str:
        """A ReLU."""
        value = self.read(x, flat=True)
        made = self.step("relu", value, shape=self.shapes[value])
        return self.written(x, made) if inplace else made

    def relu_(self, x: fx.Node) -> str:
        """A ReLU in place."""
        return self.relu(x, inplace=True)

    def add(self, x: Any, other: Any) -> str:
        """A sum."""
        terms = [self.value(term) for term in (x, other)]
        if x.meta["shape"] != other.meta["shape"]:
            raise self.refusal(" of two shapes")
        if self.shapes[terms[0]] != self.shapes[terms[1]]:
            terms = [self.read(x), self.read(other)]
        return self.step("add", *terms, shape=self.shapes[terms[0]])

    def add_(self, x: fx.Node, other: Any) -> str:
        """A sum in place of its first term."""
        return self.written(x, self.add(x, other))

    def maxpool(self, x: fx.Node, *, kernel_size: Any, stride: Any = None, **sizes: Any) -> str:
        """A max-pool."""
        return self.step(
            "maxpool", self.read(x), size=kernel_size, stride=stride or kernel_size, **sizes
        )

    def avgpool(
        self,
        x: fx.Node,
        *,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        count_include_pad: bool = True,
    ) -> str:
        """An average pool; of the whole map, an adaptive one."""
        if size_of(padding) == 0 and size_of(kernel_size) == size_of(x.meta["shape"][1:]):
            return self.pool(x)
        if size_of(padding) != 0 and not count_include_pad:
            raise self.refusal(" that does not count its padding")
        sizes = {"size": kernel_size, "stride": stride or kernel_size, "padding": padding}
        return self.step("avgpool", self.read(x), **sizes)

    def pool(self, x: fx.Node, output_size: Any = None) -> str:
        """An adaptive average pool to a square, of as many cells as its result has."""
        _, height, width = self.node.meta["shape"]
        if height != width:
            raise self.refusal(f" to {height}×{width} cells")
        return self.step("pool", self.read(x), size=height)

    def mean(self, x: fx.Node, dim: Any = None, keepdim: bool = False) -> str:
        """The mean over height and width: a pool to one cell."""
        shape = x.meta["shape"]
        axes = {axis % 4 for axis in dim} if isinstance(dim, list | tuple) else set()
        if len(shape) != 3 or axes != {2, 3}:
            raise self.refusal(" over other axes than height and width")
        return self.step("pool", self.read(x), shape=(shape[0], 1, 1), size=1)

    def linear(self, x: fx.Node) -> str:
        """A linear layer."""
        if len(x.meta["shape"]) != 1:
            raise self.refusal(" of a map that was not flattened")
        return self.step("linear", self.read(x, flat=True), tensors=self.parameters)

    def pooled_linear(self, x: fx.Node) -> str:
        """An adaptive pool and a linear layer."""
        name, size, channels = self.next_name(), self.layer.pooled, x.meta["shape"][0]
        pool = self.unique(f"{name}.pool")
        self.step("pool", self.read(x), name=pool, shape=(channels, size, size), size=size)
        return self.step("linear", pool, name=name, tensors=self.parameters)

    def same(self, x: fx.Node, **_: Any) -> str:
        """What leaves all numbers as they are, in their order."""
        if math.prod(x.meta["shape"]) != math.prod(self.node.meta["shape"]):
            raise self.refusal(" that mixes images")
        return self.value(x)

    dropout = same
