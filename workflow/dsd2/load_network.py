"""Load a compressed network in plain PyTorch.

This file needs torch and safetensors and nothing else; a copy lies beside every exported network:

    from load_network import load_network

    network = load_network("network.safetensors")
    classes = network(images).argmax(1)  # images: uint8 [N, C, H, W], as decoded

The file holds a list of steps and the tensors that they read. A tensor is stored as it is
(``name``), or as the values that are not zero (``name/values``) with either a bit for each
position that tells which those are (``name/bits``) or their positions in the flat tensor
(``name/index``). Its description holds a checksum of all that; a file that differs from it in a
single bit is refused with a ValueError of one sentence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

IMAGES = "images"
"""Name of the network's input among the steps' inputs."""

KEY, CHECKSUM = "dsd2", "sha256"
"""Where in a file's metadata its description is, and where in that the checksum of the rest."""

KIND, STATE = "network", "state"
"""What the description says that the file is: a list of steps with their tensors, or the tensors of
a network that cannot be told as such a list."""
STATE_FORMAT = 1
FORMAT, EARLIER = 2, 1
"""Formats of the description. The earlier one has no avgpool, flatten, dilation, groups and uneven
sizes."""

Size = int | tuple[int, int]
"""The same along both axes of a map, or along its height and its width."""


class Step(NamedTuple):
    """One operation; its tensors are called ``{name}.weight`` and ``{name}.bias``.

    Attributes:
        name: of the step and of its output.
        op: conv, relu, norm (times weight plus bias, by channel), maxpool, avgpool (which counts
            its padding), add, pool (adaptive average pooling to ``size``²), flatten or linear (of
            the flat input).
        inputs: names of the steps that it reads, or :data:`IMAGES`.
        stride: of conv, maxpool and avgpool.
        padding: of conv, maxpool and avgpool.
        size: of the window of maxpool and avgpool, and of pool's output.
        dilation: of conv and maxpool.
        groups: of conv.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    stride: Size = 1
    padding: Size = 0
    size: Size = 0
    dilation: Size = 1
    groups: int = 1


class Network(nn.Module):
    """A network as a list of steps.

    Args:
        steps: in the order in which they are done; the last one's output is the result.
        tensors: what they read, by name.
        mean: per channel, in units of 0–255, [C, 1, 1].
        std: likewise.
        classes: their names, in the order of the logits.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        steps: Sequence[Step],
        tensors: Mapping[str, Tensor],
        mean: Tensor,
        std: Tensor,
        classes: Sequence[str],
    ) -> None:
        super().__init__()
        self.steps, self.classes = tuple(steps), tuple(classes)
        # A module's buffers move with it, and their names hold no dots.
        self._names = {name: name.replace(".", "__") for name in tensors}
        for name, tensor in tensors.items():
            self.register_buffer(self._names[name], tensor)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of uint8 images [N, C, H, W], or of images normalised already."""
        if images.dtype == torch.uint8:
            images = (images.to(self.mean.dtype) - self.mean) / self.std
        tensors = {name: getattr(self, held) for name, held in self._names.items()}
        return run_steps(self.steps, tensors, images)[self.steps[-1].name]


def run_steps(
    steps: Sequence[Step], tensors: Mapping[str, Tensor], images: Tensor, *, keep: bool = False
) -> dict[str, Tensor]:
    """Do the steps on normalised images [N, C, H, W].

    Args:
        steps: in their order.
        tensors: what they read, by name.
        images: of the tensors' type.
        keep: whether to return every step's output; else the last one's alone.
    """
    last_use = {name: i for i, step in enumerate(steps) for name in step.inputs}
    values = {IMAGES: images}
    for i, step in enumerate(steps):
        inputs = [values[name] for name in step.inputs]
        weight, bias = (tensors.get(f"{step.name}.{part}") for part in ("weight", "bias"))
        values[step.name] = _do(step, inputs, weight, bias)
        if not keep:
            for name in set(step.inputs):
                if last_use[name] == i:
                    del values[name]
    return values


def _do(step: Step, inputs: list[Tensor], weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = inputs[0]
    match step.op:
        case "conv" if weight is not None:
            return F.conv2d(x, weight, bias, step.stride, step.padding, step.dilation, step.groups)
        case "relu":
            return F.relu(x)
        case "norm" if weight is not None and bias is not None:
            return torch.addcmul(bias, x, weight)
        case "maxpool":
            return F.max_pool2d(x, step.size, step.stride, step.padding, step.dilation)
        case "avgpool":
            return F.avg_pool2d(x, step.size, step.stride, step.padding)
        case "flatten":
            return x.flatten(1)
        case "add":
            return x + inputs[1]
        case "pool":
            return F.adaptive_avg_pool2d(x, step.size)
        case "linear" if weight is not None:
            return F.linear(x.flatten(1), weight, bias)
    raise ValueError(f"step {step.name} has the unknown operation {step.op}")


def load_network(path: str | PathLike[str]) -> Network:
    """The network of a file, in single precision and evaluation mode, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, was cut short, or holds no network.
    """
    held, about = read_checked(path)
    if about.get("kind") == STATE:
        raise ValueError(f"{path}: holds the tensors of a network alone; load_state reads them")
    if about.get("kind") != KIND or about.get("format") not in (FORMAT, EARLIER):
        raise ValueError(f"{path}: holds no network that this version of load_network.py can read")
    return network_of(held, about)


def load_state(path: str | PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file of a network whose layers are not known here, and its description.

    ``model.load_state_dict`` takes the tensors, of a model of the same architecture. Such a model
    wants normalised images: ``(images - mean) / std`` with those of the description, per channel.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, was cut short, or holds something else.
    """
    held, about = read_checked(path)
    if about.get("kind") != STATE or about.get("format") != STATE_FORMAT:
        raise ValueError(f"{path}: holds no state that this version of load_network.py can read")
    return state_of(held, about), about


def state_of(held: Mapping[str, Tensor], about: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of such a file; fractions in single precision."""
    state = {name: decode(name, held, shape) for name, shape in about["shapes"].items()}
    return {n: t.float() if t.is_floating_point() else t for n, t in state.items()}


def read_checked(path: str | PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the description of a file, whose checksum is right.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, was cut short, or is no file of the workflow's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {})[KEY]
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = json.loads(text)
        # A number may be spelt in several ways; a flipped bit that makes 1E-05 of 1e-05 is one.
        whole = json.dumps(about, sort_keys=True) == text
        expected = about.pop(CHECKSUM)
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ValueError(
            f"{path}: is damaged, was cut short, or was not made by the workflow"
        ) from error
    if not whole or checksum(tensors, about) != expected:
        raise ValueError(f"{path}: is damaged (its checksum does not match)")
    return tensors, about


def checksum(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    """SHA-256 of a description and of the names, types, shapes and bytes of tensors."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def network_of(held: Mapping[str, Tensor], about: Mapping[str, Any]) -> Network:
    """The network of a file's tensors and description."""
    steps = [_step(step) for step in about["steps"]]
    tensors = {name: decode(name, held, shape).float() for name, shape in about["shapes"].items()}
    mean, std = (torch.tensor(about[key]).view(-1, 1, 1) for key in ("mean", "std"))
    return Network(steps, tensors, mean, std, about["classes"]).eval()


def _step(held: Mapping[str, Any]) -> Step:
    """A step as JSON has it, with lists for tuples."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in held.items()}
    return Step(**values)


def decode(name: str, held: Mapping[str, Tensor], shape: Sequence[int]) -> Tensor:
    """A tensor of a shape, however it is stored."""
    if name in held:
        return held[name]
    values = held[f"{name}/values"]
    whole = torch.zeros(torch.Size(shape).numel(), dtype=values.dtype)
    if f"{name}/index" in held:
        index = held[f"{name}/index"].long()
    else:
        bits = held[f"{name}/bits"][:, None] >> torch.arange(8, dtype=torch.uint8) & 1
        index = torch.nonzero(bits.flatten())[:, 0]
    whole[index] = values
    return whole.view(*shape)
