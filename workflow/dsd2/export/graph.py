"""A trained network as a list of steps on tensors: what compression and export work on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd2.load_network import IMAGES, Step, run_steps
from dsd2.nn.models import pooling_matrix

CHANNELWISE = ("relu", "norm", "maxpool", "pool", "avgpool", "add")
"""Operations whose every output channel is made from the input channels of the same number."""


@dataclass(frozen=True)
class Graph:
    """A network in evaluation mode.

    Attributes:
        steps: in their order; the last one gives the logits.
        tensors: their weights and biases, by name.
        image: (C, H, W) of the normalised images that it takes.
    """

    steps: tuple[Step, ...]
    tensors: dict[str, Tensor]
    image: tuple[int, int, int]

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of normalised images [N, C, H, W] of the tensors' type."""
        return run_steps(self.steps, self.tensors, images)[self.steps[-1].name]

    def weight(self, step: Step) -> Tensor:
        """The weight of a step that has one."""
        return self.tensors[f"{step.name}.weight"]

    def bias(self, step: Step) -> Tensor:
        """The bias of a convolution or linear layer; zeros where it has none."""
        weight = self.weight(step)
        return self.tensors.get(f"{step.name}.bias", weight.new_zeros(len(weight)))

    def to(self, dtype: torch.dtype) -> Graph:
        """The same with tensors of another type."""
        return replace(self, tensors={name: t.to(dtype) for name, t in self.tensors.items()})

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every value for one image, the images among them, without the first axis."""
        tensors = {name: tensor.to("meta") for name, tensor in self.tensors.items()}
        dtype = next(iter(tensors.values())).dtype
        image = torch.zeros(1, *self.image, dtype=dtype, device="meta")
        values = run_steps(self.steps, tensors, image, keep=True)
        return {name: tuple(value.shape[1:]) for name, value in values.items()}

    def readers(self) -> dict[str, list[Step]]:
        """The steps that read each value; a step that reads it twice is there twice."""
        readers: dict[str, list[Step]] = {
            name: [] for name in (IMAGES, *(s.name for s in self.steps))
        }
        for step in self.steps:
            for name in step.inputs:
                readers[name].append(step)
        return readers

    def groups(self) -> dict[str, set[str]]:
        """For each value all values that must have the same channels, itself among them."""
        groups = {name: {name} for name in (IMAGES, *(step.name for step in self.steps))}
        for step in self.steps:
            if step.op in CHANNELWISE:
                together = set().union(*(groups[name] for name in (step.name, *step.inputs)))
                groups.update(dict.fromkeys(together, together))
        return groups

    def fixed(self) -> set[str]:
        """The values that must keep their channels as they are.

        These are the images, the logits, and what steps read and make in which channels depend on
        their number (grouped convolutions, flatten) or vary at the border (padded average pools).
        """
        names = {IMAGES, self.steps[-1].name}
        for step in self.steps:
            if step.op == "flatten" or step.groups > 1 or (step.op == "avgpool" and step.padding):
                names |= {step.name, *step.inputs}
        groups = self.groups()
        return set().union(*(groups[name] for name in names))

    @property
    def classes(self) -> int:
        """The number of logits."""
        return self.shapes()[self.steps[-1].name][0]

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    @property
    def nonzero(self) -> int:
        """Those that are not zero."""
        return sum(int(tensor.count_nonzero()) for tensor in self.tensors.values())

    def macs(self, *, nonzero: bool = False) -> int:
        """Multiply-accumulates of the convolutions and linear layers for one image.

        Args:
            nonzero: count those with weights that are not zero alone; no common runtime leaves
                the others out.
        """
        shapes = self.shapes()
        total = 0
        for step in self.steps:
            if step.op in ("conv", "linear"):
                weight = self.weight(step)
                weights = int(weight.count_nonzero()) if nonzero else weight.numel()
                total += weights * math.prod(shapes[step.name][1:])
        return total


def fold_norms(graph: Graph) -> Graph:
    """The same network, each norm made part of the layer whose output it alone reads."""
    tensors, steps, renamed = dict(graph.tensors), [], {}
    layers = {step.name: step for step in graph.steps if step.op in ("conv", "linear")}
    readers = graph.readers()
    for step in graph.steps:
        source = layers.get(step.inputs[0])
        if step.op == "norm" and source is not None and len(readers[source.name]) == 1:
            scale, shift = (tensors.pop(f"{step.name}.{p}").flatten() for p in ("weight", "bias"))
            weight = graph.weight(source)
            rows = scale.view(-1, *[1] * (weight.dim() - 1))
            tensors[f"{source.name}.weight"] = weight * rows
            tensors[f"{source.name}.bias"] = graph.bias(source) * scale + shift
            renamed[step.name] = source.name
            continue
        steps.append(step._replace(inputs=tuple(renamed.get(n, n) for n in step.inputs)))
    return replace(graph, steps=tuple(steps), tensors=tensors)


def align_channels(graph: Graph, multiple: int) -> Graph:
    """The same network with channels of zeros added to its maps, up to a multiple.

    For runtimes whose fast convolutions take such numbers of channels alone. Values of
    :meth:`Graph.fixed` stay as they are.
    """
    fixed = graph.fixed()
    channels = {name: shape[0] for name, shape in graph.shapes().items()}
    added = {name: 0 if name in fixed else -n % multiple for name, n in channels.items()}
    tensors = dict(graph.tensors)

    def pad(tensor: Tensor, axis: int, count: int) -> Tensor:
        return F.pad(tensor, [0, 0] * (tensor.dim() - 1 - axis) + [0, count])

    for step in graph.steps:
        x, weight, bias = step.inputs[0], f"{step.name}.weight", f"{step.name}.bias"
        if step.op in ("conv", "linear") and step.groups == 1:
            padded = pad(by_channel(graph, step, channels[x]), 1, added[x])
            padded = pad(padded, 0, added[step.name])
            tensors[weight] = padded.flatten(1) if step.op == "linear" else padded
            if step.op == "conv" or added[step.name]:
                tensors[bias] = pad(graph.bias(step), 0, added[step.name])
        elif step.op == "norm":
            for name in (weight, bias):
                tensors[name] = pad(tensors[name], 0, added[x])
    return replace(graph, tensors=tensors)


def by_channel(graph: Graph, step: Step, channels: int) -> Tensor:
    """The weight [out, in, …] of an ungrouped convolution, or of a linear layer that reads a map.

    Args:
        graph: the network.
        step: the layer.
        channels: of what it reads.
    """
    weight = graph.weight(step)
    return weight if step.op == "conv" else weight.reshape(len(weight), channels, -1)


def fold_head(graph: Graph) -> Graph:
    """The same network, adaptive pools made part of the linear layer behind where that is smaller.

    Both are linear: weights [classes, C, pooled²] times the pool's matrix [pooled², H·W] are
    weights [classes, C, H·W] of the map itself.
    """
    shapes, readers, tensors = graph.shapes(), graph.readers(), dict(graph.tensors)
    inputs: dict[str, str] = {}
    for pool in graph.steps:
        if pool.op != "pool" or [step.op for step in readers[pool.name]] != ["linear"]:
            continue
        channels, height, width = shapes[pool.inputs[0]]
        assert isinstance(pool.size, int), "pools are square"
        if height * width > pool.size**2:
            continue
        (linear,) = readers[pool.name]
        weight = by_channel(graph, linear, channels)
        matrix = pooling_matrix(height, width, pool.size, weight.device, torch.float64)
        tensors[f"{linear.name}.weight"] = (weight @ matrix.to(weight.dtype)).flatten(1)
        inputs[pool.name] = pool.inputs[0]
    steps = tuple(
        step._replace(inputs=tuple(inputs.get(name, name) for name in step.inputs))
        for step in graph.steps
        if step.name not in inputs
    )
    return replace(graph, steps=steps, tensors=tensors)
