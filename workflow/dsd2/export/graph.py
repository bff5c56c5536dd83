"""A trained network as a list of steps on tensors: what shrinking and exporting work on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd2.load_network import IMAGES, Step, run_steps
from dsd2.nn.models import PooledLinear, pooling_matrix

CHANNELWISE = ("relu", "norm", "maxpool", "pool")
"""Operations whose every output channel is made from the input channel of the same number."""


@dataclass(frozen=True)
class Graph:
    """A network in evaluation mode.

    Attributes:
        steps: in their order; the last is linear and gives the logits.
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


def graph_of(model: nn.Module, image: tuple[int, int, int]) -> Graph:
    """A VGG-like network or a ResNet as steps, in double precision.

    Batch-normalisations become a product and a sum by channel.

    Args:
        model: as a recipe builds it; it is not changed.
        image: (C, H, W) of the images it takes.

    Raises:
        TypeError: the model has a layer of another kind.
    """
    builder = _Builder()
    if isinstance(model, nn.Sequential):
        value = IMAGES
        for name, module in _children(model):
            value = builder.layer(name, module, value)
    else:
        builder.resnet(model)
    return Graph(tuple(builder.steps), builder.tensors, image)


class _Builder:
    """Steps as they are added."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.tensors: dict[str, Tensor] = {}

    def add(self, step: Step, **tensors: Tensor | None) -> str:
        self.steps.append(step)
        for part, tensor in tensors.items():
            if tensor is not None:
                self.tensors[f"{step.name}.{part}"] = tensor.detach().cpu().double()
        return step.name

    def layer(self, name: str, module: nn.Module, value: str) -> str:
        """Add a layer that reads a value; returns the name of its own."""
        inputs = (value,)
        match module:
            case nn.Conv2d():
                stride, padding = int(module.stride[0]), int(module.padding[0])
                step = Step(name, "conv", inputs, stride=stride, padding=padding)
                return self.add(step, weight=module.weight, bias=module.bias)
            case nn.BatchNorm2d():
                scale, shift = _affine(module)
                return self.add(Step(name, "norm", inputs), weight=scale, bias=shift)
            case nn.ReLU():
                return self.add(Step(name, "relu", inputs))
            case nn.MaxPool2d():
                size, stride, padding = map(
                    _one, (module.kernel_size, module.stride, module.padding)
                )
                return self.add(Step(name, "maxpool", inputs, stride, padding, size))
            case nn.AdaptiveAvgPool2d():
                return self.add(Step(name, "pool", inputs, size=1))
            case PooledLinear():
                pooled = self.add(Step(f"{name}.pool", "pool", inputs, size=module.pooled))
                step = Step(name, "linear", (pooled,))
                return self.add(step, weight=module.weight, bias=module.bias)
            case nn.Linear():
                step = Step(name, "linear", inputs)
                return self.add(step, weight=module.weight, bias=module.bias)
            case nn.Dropout() | nn.Identity():
                return value
            case nn.Sequential():
                for child, part in _children(module):
                    value = self.layer(f"{name}.{child}", part, value)
                return value
        raise TypeError(f"layer {name} is a {type(module).__name__}")

    def resnet(self, model: nn.Module) -> None:
        value = IMAGES
        for name, module in _children(model):
            if name.startswith("layer"):
                for number, block in _children(module):
                    value = self.block(f"{name}.{number}", block, value)
            else:
                value = self.layer(name, module, value)

    def block(self, name: str, block: nn.Module, value: str) -> str:
        """Add a residual block: its branch, its shortcut, their sum, which is rectified."""
        branch = shortcut = value
        for i, norm in _convolutions(block):
            branch = self.layer(f"{name}.conv{i}", getattr(block, f"conv{i}"), branch)
            branch = self.layer(f"{name}.bn{i}", norm, branch)
            if hasattr(block, f"conv{i + 1}"):
                branch = self.add(Step(f"{name}.relu{i}", "relu", (branch,)))
        if block.downsample is not None:
            assert isinstance(block.downsample, nn.Module)
            shortcut = self.layer(f"{name}.downsample", block.downsample, value)
        total = self.add(Step(f"{name}.add", "add", (branch, shortcut)))
        return self.add(Step(f"{name}.relu", "relu", (total,)))


def _children(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """A module's children, one that stands at several places once for each."""
    for name, child in module.named_modules(remove_duplicate=False):
        if name and "." not in name:
            yield name, child


def _one(size: int | tuple[int, int]) -> int:
    """The size along both axes, which are alike in our networks."""
    return size if isinstance(size, int) else size[0]


def _convolutions(block: nn.Module) -> Iterator[tuple[int, nn.Module]]:
    i = 1
    while hasattr(block, f"bn{i}"):
        yield i, getattr(block, f"bn{i}")
        i += 1


def _affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What an evaluating batch-normalisation multiplies by and adds, [C, 1, 1] each."""
    mean, var = norm.running_mean, norm.running_var
    assert mean is not None, "our batch-normalisations track statistics"
    assert var is not None, "and their variance"
    scale = norm.weight.double() / torch.sqrt(var.double() + norm.eps)
    shift = norm.bias.double() - mean.double() * scale
    return scale.view(-1, 1, 1), shift.view(-1, 1, 1)


def fold_norms(graph: Graph) -> Graph:
    """The same network with each norm that follows a convolution made part of it."""
    tensors, steps, renamed = dict(graph.tensors), [], {}
    before = {step.name: step for step in graph.steps}
    for step in graph.steps:
        source = before.get(step.inputs[0])
        if step.op == "norm" and source is not None and source.op == "conv":
            scale, shift = tensors.pop(f"{step.name}.weight"), tensors.pop(f"{step.name}.bias")
            tensors[f"{source.name}.weight"] = graph.weight(source) * scale[..., None]
            bias = graph.bias(source) * scale.flatten() + shift.flatten()
            tensors[f"{source.name}.bias"] = bias
            renamed[step.name] = source.name
        else:
            inputs = tuple(renamed.get(name, name) for name in step.inputs)
            steps.append(step._replace(inputs=inputs))
    return replace(graph, steps=tuple(steps), tensors=tensors)


def align_channels(graph: Graph, multiple: int) -> Graph:
    """The same network with channels of zeros added to every map, up to a multiple.

    For runtimes whose fast convolutions take such numbers of channels alone.
    """
    channels = {name: shape[0] for name, shape in graph.shapes().items()}
    added = {name: 0 if name == IMAGES else -count % multiple for name, count in channels.items()}
    tensors = dict(graph.tensors)
    for step in graph.steps:
        x, weight = step.inputs[0], f"{step.name}.weight"
        if step.op == "conv":
            rows, columns = added[step.name], added[x]
            tensors[weight] = F.pad(tensors[weight], (0, 0, 0, 0, 0, columns, 0, rows))
            tensors[f"{step.name}.bias"] = F.pad(graph.bias(step), (0, rows))
        elif step.op == "norm":
            for name in (weight, f"{step.name}.bias"):
                tensors[name] = F.pad(tensors[name], (0, 0, 0, 0, 0, added[x]))
        elif step.op == "linear":
            whole = tensors[weight].view(len(tensors[weight]), channels[x], -1)
            tensors[weight] = F.pad(whole, (0, 0, 0, added[x])).flatten(1)
    return replace(graph, tensors=tensors)


def fold_head(graph: Graph) -> Graph:
    """The same network with its adaptive pool made part of the linear layer where that is smaller.

    Both are linear: weights [classes, C, pooled²] times the pool's matrix [pooled², H·W] are
    weights [classes, C, H·W] of the map itself.
    """
    *steps, pool, linear = graph.steps
    channels, height, width = graph.shapes()[pool.inputs[0]]
    if pool.op != "pool" or height * width > pool.size**2:
        return graph
    weight = graph.weight(linear)
    matrix = pooling_matrix(height, width, pool.size, weight.device, torch.float64)
    folded = weight.view(len(weight), channels, -1) @ matrix.to(weight.dtype)
    tensors = {**graph.tensors, f"{linear.name}.weight": folded.flatten(1)}
    return replace(graph, steps=(*steps, linear._replace(inputs=pool.inputs)), tensors=tensors)
