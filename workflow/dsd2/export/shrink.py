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

from dsd2.export.graph import CHANNELWISE, Graph, by_channel, fold_head, fold_norms
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


def parts_of(graph: Graph) -> dict[str, Graph]:
    """The network after each part of its compression, by the part's name; compressed at last."""
    return {name: stage(graph) for name, stage in STAGES.items()}


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
    ones = _values_with_ones(graph, constants, kept)
    plan = _Plan(graph, constants, kept, _levels(graph, ones))
    tensors: dict[str, Tensor] = {}
    for step in graph.steps:
        if step.op in ("conv", "linear", "norm"):
            weight, bias = plan.norm(step) if step.op == "norm" else plan.layer(step)
            tensors |= {f"{step.name}.weight": weight, f"{step.name}.bias": bias}
    return replace(graph, tensors=tensors)


def constant_channels(graph: Graph) -> Channels:
    """The value of each channel that is the same at every position of every image, else NaN.

    A channel of a padded convolution that reads constant channels varies near the border, unless
    what it reads cancels.
    """
    shapes = graph.shapes()
    constants: Channels = {IMAGES: torch.full((graph.image[0],), torch.nan, dtype=torch.float64)}
    for step in graph.steps:
        x = constants[step.inputs[0]]
        match step.op:
            case "conv" | "linear" if step.groups == 1:
                weight, value = by_channel(graph, step, len(x)), graph.bias(step).clone()
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
            case "maxpool" | "pool" | "avgpool" if step.op != "avgpool" or not step.padding:
                value = x
            case _:
                value = torch.full((shapes[step.name][0],), torch.nan, dtype=torch.float64)
        constants[step.name] = value
    return constants


def _kernel_of_constants(weight: Tensor, constants: Tensor) -> Tensor:
    """The kernel [out, kh, kw] that a plane of ones takes in the place of constant channels."""
    return torch.einsum("oi...,i->o...", weight, constants.nan_to_num(nan=0.0))


def _needed_channels(graph: Graph, constants: Channels) -> Channels:
    """Which channels are there in the end: read, and not constant where that can be folded."""
    fixed, groups = graph.fixed(), graph.groups()
    kept = {name: torch.full(c.shape, name in fixed) for name, c in constants.items()}
    before = -1
    while (count := sum(int(k.sum()) for k in kept.values())) != before:
        before = count
        for step in reversed(graph.steps):
            x = step.inputs[0]
            if step.op in ("conv", "linear") and x not in fixed:
                weight = by_channel(graph, step, len(kept[x]))[kept[step.name]]
                read = (weight != 0).transpose(0, 1).flatten(1).any(1) & constants[x].isnan()
                # All values of a group keep the same channels.
                kept.update(dict.fromkeys(groups[x], kept[x] | read))
    return kept


def _values_with_ones(graph: Graph, constants: Channels, kept: Channels) -> set[str]:
    """The values that get a plane of ones, as they have it for a reader, or would be empty."""
    wanted = {name for name, k in kept.items() if not k.any()}
    for step in graph.steps:
        if step.op == "conv" and step.padding and step.groups == 1:
            x = step.inputs[0]
            removed = torch.where(kept[x], torch.nan, constants[x])
            kernel = _kernel_of_constants(graph.weight(step), removed)
            if bool((kernel[kept[step.name]] != 0).any()):
                wanted.add(x)
    groups = graph.groups()
    return set().union(*(groups[name] for name in wanted))


def _levels(graph: Graph, ones: set[str]) -> dict[str, float]:
    """The number that each plane of ones holds: sums add up those of their terms.

    A value that only the first term of a sum is made from has zeros there, so that the sum has one.
    """
    readers = graph.readers()

    def is_first_term(value: str) -> bool:
        while len(readers[value]) == 1:
            (step,) = readers[value]
            if step.op not in CHANNELWISE or step.op == "add":
                return step.op == "add" and value == step.inputs[0]
            value = step.name
        return False

    levels: dict[str, float] = {}
    for step in graph.steps:
        if step.name not in ones:
            continue
        if step.op in CHANNELWISE:
            levels[step.name] = sum(levels[name] for name in step.inputs)
        else:
            levels[step.name] = 0.0 if is_first_term(step.name) else 1.0
    return levels


@dataclass(frozen=True)
class _Plan:
    """What stays of a graph: the tensors of its steps, made anew.

    Attributes:
        graph: as it was.
        constants: of its values.
        kept: which channels stay.
        levels: of the planes of ones behind the channels of some values.
    """

    graph: Graph
    constants: Channels
    kept: Channels
    levels: dict[str, float]

    def layer(self, step: Step) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution or linear layer."""
        x, rows = step.inputs[0], self.kept[step.name]
        if step.groups > 1:
            return self.graph.weight(step), self.graph.bias(step)
        weight = by_channel(self.graph, step, len(self.kept[x]))[rows]
        bias = self.graph.bias(step)[rows]
        removed = torch.where(self.kept[x], torch.nan, self.constants[x])
        kernel = _kernel_of_constants(weight, removed)
        weight = weight[:, self.kept[x]]
        if not step.padding:
            bias = bias + kernel.flatten(1).sum(1)
            kernel = torch.zeros_like(kernel)
        if x in self.levels:
            weight = torch.cat([weight, kernel[:, None] / self.levels[x]], dim=1)
        if step.name in self.levels:
            weight = torch.cat([weight, weight.new_zeros(1, *weight.shape[1:])])
            bias = torch.cat([bias, bias.new_full((1,), self.levels[step.name])])
        return weight.flatten(1) if step.op == "linear" else weight, bias

    def norm(self, step: Step) -> tuple[Tensor, Tensor]:
        """Factor and summand of a norm."""
        rows = self.kept[step.name]
        scale, shift = self.graph.weight(step)[rows], self.graph.bias(step)[rows]
        if step.name in self.levels:
            one = scale.new_ones(1, *scale.shape[1:])
            scale, shift = torch.cat([scale, one]), torch.cat([shift, one - 1])
        return scale, shift
