"""Make a pruned network smaller without changing what it computes.

Pruning leaves channels that no weight reads, and channels that are constant because no weight of
theirs reads anything that varies. Both go. What a constant channel *c* contributed to a padded
convolution is not a number: the border sees fewer of its pixels. It is ``K * 1``, the convolution
of a plane of ones with the kernel ``K[o] = Σ c_i W[o, i]`` over all constant channels *i*. So one
plane of ones stands for any number of them, border included. The plane is a channel like any
other: the layer that makes the map makes it, with no weights and a bias of one.

Everything here takes a :class:`~dsd2.export.graph.Graph` in double precision and returns another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dsd2.export.graph import CHANNELWISE, Graph, fold_head, fold_norms
from dsd2.load_network import IMAGES, Step

Channels = dict[str, Tensor]
"""A truth value or a number for each channel of each value."""


def compress(graph: Graph) -> Graph:
    """Everything that leaves the function as it is: smaller wherever the masks allow it."""
    return fold_head(shrink(fold_norms(graph)))


STAGES: dict[str, Callable[[Graph], Graph]] = {
    "dense": lambda graph: graph,
    "norms folded": fold_norms,
    "unread channels": lambda graph: shrink(fold_norms(graph), fold_constants=False),
    "constant channels": lambda graph: shrink(fold_norms(graph)),
    "head folded": compress,
}
"""The network after each part of :func:`compress`, of the one before."""


def shrink(graph: Graph, *, fold_constants: bool = True) -> Graph:
    """The same network without its unread and its constant channels.

    Nothing is left to remove from what it returns, but for the channels of residual sums, which
    stay in all terms of a sum if any reader of any term needs them.

    Args:
        graph: to shrink.
        fold_constants: whether constant channels go, too, or unread ones alone.
    """
    constants = constant_channels(graph)
    if not fold_constants:
        constants = {name: torch.full_like(c, torch.nan) for name, c in constants.items()}
    kept = _needed_channels(graph, constants)
    plan = _Plan(graph, constants, kept, _values_with_ones(graph, constants, kept))
    tensors: dict[str, Tensor] = {}
    for step in graph.steps:
        match step.op:
            case "conv":
                weight, bias = plan.convolution(step)
            case "linear":
                weight, bias = plan.linear(step)
            case "norm":
                weight, bias = plan.norm(step)
            case _:
                continue
        tensors |= {f"{step.name}.weight": weight, f"{step.name}.bias": bias}
    return replace(graph, tensors=tensors)


def constant_channels(graph: Graph) -> Channels:
    """The value of each channel that is the same at every position of every image, else NaN.

    A channel of a padded convolution that reads constant channels varies near the border, unless
    what it reads cancels.
    """
    constants: Channels = {IMAGES: torch.full((graph.image[0],), torch.nan, dtype=torch.float64)}
    for step in graph.steps:
        x = constants[step.inputs[0]]
        match step.op:
            case "conv":
                weight, value = graph.weight(step), graph.bias(step).clone()
                varies = (weight[:, x.isnan()] != 0).flatten(1).any(1)
                kernel = _kernel_of_constants(weight, x)
                if step.padding:
                    varies |= (kernel != 0).flatten(1).any(1)
                else:
                    value += kernel.flatten(1).sum(1)
                value[varies] = torch.nan
            case "norm":
                scale, shift = graph.weight(step).flatten(), graph.bias(step).flatten()
                # What is multiplied by zero is constant whatever it was.
                value = torch.where(scale == 0, shift, x * scale + shift)
            case "relu":
                value = torch.where(x.isnan(), x, x.clamp(min=0))
            case "add":
                value = x + constants[step.inputs[1]]
            case "maxpool" | "pool":
                value = x
            case _:
                continue
        constants[step.name] = value
    return constants


def _kernel_of_constants(weight: Tensor, constants: Tensor) -> Tensor:
    """The kernel [out, kh, kw] that a plane of ones takes in the place of constant channels."""
    return torch.einsum("oi...,i->o...", weight, constants.nan_to_num(nan=0.0))


def _needed_channels(graph: Graph, constants: Channels) -> Channels:
    """Which channels are there in the end: read, and not constant where that can be folded."""
    kept = {name: torch.zeros(len(c), dtype=torch.bool) for name, c in constants.items()}
    kept[IMAGES][:] = True
    before = -1
    while (count := sum(int(k.sum()) for k in kept.values())) != before:
        before = count
        for step in reversed(graph.steps):
            x = step.inputs[0]
            if step.op == "conv":
                read = (graph.weight(step)[kept[step.name]] != 0).transpose(0, 1).flatten(1).any(1)
                kept[x] |= read & constants[x].isnan()
            elif step.op == "linear":
                weight = graph.weight(step)
                read = (weight.view(len(weight), len(kept[x]), -1) != 0).any(2).any(0)
                kept[x] |= read & constants[x].isnan()
            else:
                # These have no weights to choose channels with: all of a chain have the same.
                values = (step.name, *step.inputs)
                together = torch.stack([kept[name] for name in values]).any(0)
                kept.update((name, together) for name in values)
    return kept


def _values_with_ones(graph: Graph, constants: Channels, kept: Channels) -> set[str]:
    """The values that get a plane of ones, as they have it for a reader, or would be empty."""
    wanted = {name for name, k in kept.items() if not k.any()}
    for step in graph.steps:
        if step.op == "conv" and step.padding:
            x = step.inputs[0]
            removed = torch.where(kept[x], torch.nan, constants[x])
            kernel = _kernel_of_constants(graph.weight(step), removed)
            if bool((kernel[kept[step.name]] != 0).any()):
                wanted.add(x)
    before = -1
    while len(wanted) != before:
        before = len(wanted)
        for step in graph.steps:
            values = {step.name, *step.inputs}
            if step.op in (*CHANNELWISE, "add") and wanted & values:
                wanted |= values
    return wanted


@dataclass(frozen=True)
class _Plan:
    """What stays of a graph: the tensors of its steps, made anew.

    Attributes:
        graph: as it was.
        constants: of its values.
        kept: which channels stay.
        ones: which values have a plane of ones behind their channels.
    """

    graph: Graph
    constants: Channels
    kept: Channels
    ones: set[str]

    def convolution(self, step: Step) -> tuple[Tensor, Tensor]:
        x, rows = step.inputs[0], self.kept[step.name]
        weight, bias = self.graph.weight(step)[rows], self.graph.bias(step)[rows]
        kernel = _kernel_of_constants(weight, self._removed(x))
        weight = weight[:, self.kept[x]]
        if step.padding == 0:
            bias = bias + kernel.flatten(1).sum(1)
            kernel = torch.zeros_like(kernel)
        if x in self.ones:
            weight = torch.cat([weight, kernel[:, None]], dim=1)
        if step.name in self.ones:
            weight = torch.cat([weight, weight.new_zeros(1, *weight.shape[1:])])
            bias = torch.cat([bias, bias.new_full((1,), self._level(step.name))])
        return weight, bias

    def linear(self, step: Step) -> tuple[Tensor, Tensor]:
        x = step.inputs[0]
        weight = self.graph.weight(step)
        weight = weight.view(len(weight), len(self.kept[x]), -1)
        bias = self.graph.bias(step) + _kernel_of_constants(weight, self._removed(x)).sum(1)
        weight = weight[:, self.kept[x]]
        if x in self.ones:
            weight = torch.cat([weight, weight.new_zeros(len(weight), 1, weight.shape[2])], dim=1)
        return weight.flatten(1), bias

    def norm(self, step: Step) -> tuple[Tensor, Tensor]:
        rows = self.kept[step.name]
        scale, shift = self.graph.weight(step)[rows], self.graph.bias(step)[rows]
        if step.name in self.ones:
            one = scale.new_ones(1, 1, 1)
            scale, shift = torch.cat([scale, one]), torch.cat([shift, one - 1])
        return scale, shift

    def _removed(self, value: str) -> Tensor:
        """The constants that are to be folded; NaN for what stays."""
        return torch.where(self.kept[value], torch.nan, self.constants[value])

    def _level(self, value: str) -> float:
        """What a plane of ones begins with: nothing in the branch of a residual sum."""
        for step in self.graph.steps:
            if value in step.inputs and step.op != "conv":
                if step.op == "add" and value == step.inputs[0]:
                    return 0.0
                return self._level(step.name)
        return 1.0
