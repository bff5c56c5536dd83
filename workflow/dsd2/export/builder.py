"""The machinery of tracing: from the calls of a traced network to named steps and values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, fx, nn

from dsd2.compat import has_forward_hooks
from dsd2.errors import UserError
from dsd2.export.graph import Graph
from dsd2.export.layers import FUNCTIONS, LAYERS, ONLY, OPTIONS, SUPPORTED, known_layer
from dsd2.load_network import IMAGES, Size, Step

RESERVED = (IMAGES, "numbers", "centred", "normalised images", "mean", "std", "logits")
"""Names that no step may have: those of the ONNX model's and the loaded network's own values."""
BATCH = 3
"""Images of the traced pass. A tensor whose first axis is of another size mixes images."""


class Builder(fx.Interpreter):
    """Runs a traced network on shapes alone, and makes the steps of its calls on the way.

    A *value* is the images or what a step makes. A node stands for a value. Reshaped, it stands
    for the same one: linear layers flatten what they read.
    """

    def __init__(self, model: nn.Module, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.extra_traceback = False  # A refusal is one sentence.
        self.model = model
        self.dtype = next((p.dtype for p in model.parameters()), torch.float32)
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.values: dict[fx.Node, str] = {}
        calls = [node for node in traced.graph.nodes if node.op.startswith("call")]
        self._calls, self._done = Counter(map(_place, calls)), Counter[str]()
        self._taken = {_as_buffer(name) for name in RESERVED}

    def build(self, image: tuple[int, int, int]) -> Graph:
        """The graph for images [C, H, W]."""
        self.shapes[IMAGES] = image
        with torch.no_grad():
            self.run(torch.zeros(BATCH, *image, device="meta", dtype=self.dtype))
        (output,) = self.node.args
        if not isinstance(output, fx.Node) or len(output.meta.get("shape", ())) != 1:
            raise self.refusal(" of something other than logits [N, classes]")
        read: set[str] = {self.read(output)}
        steps: list[Step] = []
        for step in reversed(self.steps):
            if step.name in read:
                read.update(step.inputs)
                steps.insert(0, step)
        tensors = {k: t for k, t in self.tensors.items() if k.rpartition(".")[0] in read}
        return Graph(tuple(steps), tensors, image)

    def run_node(self, n: fx.Node) -> Any:
        """Compute a node's shape and add its step; see :class:`torch.fx.Interpreter`."""
        self.node = n
        if n.op == "output":
            return None
        rule, options = self.rule() if n.op.startswith("call") else (None, {})
        try:
            result = super().run_node(n)
        except Exception as error:
            raise self.refusal(" that cannot be computed for these images") from error
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape[1:])
        if rule is not None:
            if result.shape[:1] != (BATCH,) or result.dtype != self.dtype:
                raise self.refusal(" that mixes images or changes their type")
            source = n.args[0] if n.args else n.kwargs.get("input")
            try:
                self.values[n] = getattr(self, rule)(source, **options)
            except TypeError as error:
                raise self.refusal(" with other arguments than are known") from error
        elif n.op == "placeholder":
            self.values[n] = IMAGES
        elif n.op != "get_attr" and not _is_size(result):
            raise self.refusal()
        return result

    def rule(self) -> tuple[str | None, dict[str, Any]]:
        """The rule of the call, and its options: its arguments or its module's attributes."""
        node = self.node
        options: dict[str, Any]
        if node.op == "call_module":
            module = self.module.get_submodule(str(node.target))
            if (kind := known_layer(module)) is None:
                raise self.refusal()
            if has_forward_hooks(module):
                raise self.refusal(" with hooks")
            rule = LAYERS[kind]
            names = OPTIONS.get(rule, ())
            options = {name: getattr(module, name) for name in names}
        else:
            found = FUNCTIONS.get(node.target)
            if found not in OPTIONS:
                return found, {}
            rule, names = found, OPTIONS[found]
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), self.known)
            options = dict(zip(names, args[1:], strict=False)) | kwargs
            options.pop("input", None)
        for name in names:
            only, usual = ONLY.get(name, (None, None))
            if name in ONLY and options.pop(name, usual) != only:
                raise self.refusal(f" whose {name} is not {only}")
        return rule, options

    def known(self, node: fx.Node) -> Any:
        """The numbers that a node stands for, as a size of the map that a pool is as large as."""
        return self.env[node] if _is_size(self.env[node]) else node

    def refusal(self, detail: str = "") -> UserError:
        """The error that the call is not supported."""
        kind = getattr(self.node.target, "__name__", self.node.target)
        if self.node.op == "call_module":
            kind = type(self.module.get_submodule(str(self.node.target))).__name__
        return UserError(
            f"layer {_place(self.node)} is a {kind}{detail}, which cannot be exported; supported"
            f" are {SUPPORTED}"
        )

    def next_name(self) -> str:
        """A new name for the call: that of its place, with a number if others follow there."""
        place = _place(self.node)
        self._done[place] += 1
        if (number := self._done[place]) == self._calls[place]:
            return self.unique(place)
        return self.unique(f"{place}_{number}" if place[-1].isdigit() else f"{place}{number}")

    def unique(self, name: str) -> str:
        """A name that no other step has."""
        while _as_buffer(name) in self._taken:
            name += "_"
        self._taken.add(_as_buffer(name))
        return name

    def step(
        self,
        op: str,
        *inputs: str,
        name: str | None = None,
        shape: tuple[int, ...] | None = None,
        tensors: dict[str, Tensor | None] | None = None,
        **sizes: Any,
    ) -> str:
        """Add a step, of the call's name and shape where none are given; returns its name."""
        name = name or self.next_name()
        options: dict[str, Any] = {key: size_of(size) for key, size in sizes.items()}
        self.steps.append(Step(name, op, inputs, **options))
        self.shapes[name] = self.node.meta["shape"] if shape is None else shape
        for part, tensor in (tensors or {}).items():
            if tensor is not None:
                self.tensors[f"{name}.{part}"] = tensor.detach().cpu().double()
        return name

    def value(self, node: Any) -> str:
        """The value that a node stands for."""
        if node not in self.values:
            raise self.refusal(" of something that no layer made")
        return self.values[node]

    def read(self, node: Any, *, flat: bool = False) -> str:
        """The value of a node in the node's shape; any map of the same numbers if ``flat``."""
        value, shape = self.value(node), node.meta["shape"]
        if shape == self.shapes[value] or (flat and len(shape) == 1):
            return value
        if len(shape) != 1:
            raise self.refusal(" of a reshaped map")
        return self.step("flatten", value, name=self.unique(f"{value}.flatten"), shape=shape)

    def written(self, node: fx.Node, value: str) -> str:
        """A value that replaces another one in place, for whoever reads that later."""
        old = self.value(node)
        self.values |= {n: value for n, v in self.values.items() if v == old}
        return value


def _place(node: fx.Node) -> str:
    """Where a call stands: the name of its module, or the module it is in with its rule."""
    if node.op == "call_module":
        return str(node.target)
    rule = FUNCTIONS.get(node.target, str(getattr(node.target, "__name__", node.target)))
    within = node.meta.get("within")
    return f"{within}.{rule.strip('_')}" if within else rule.strip("_")


def _as_buffer(name: str) -> str:
    """The name as that of a module's buffer."""
    return name.replace(".", "__")


def _is_size(result: Any) -> bool:
    """Whether something is a number or several ones, as of a shape."""
    parts = result if isinstance(result, tuple) else (result,)
    return all(isinstance(part, int) for part in parts)


def size_of(size: Any) -> Size:
    """One number where a size is the same along both axes, else height and width."""
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height) if height == width else (int(height), int(width))
