"""A compressed network as one small file, which ``load_network.py`` loads in plain torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2.export.graph import Graph
from dsd2.files.tensors import load_tensors, packed_bits, save_tensors
from dsd2.load_network import EARLIER, FORMAT, KIND, Network, Step, network_of

PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16}
"""How numbers may be stored; they are computed with in single precision either way."""


def encode(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """The smallest of three forms of a tensor.

    As it is, or its non-zero values with either a bit for each position or their positions.
    """
    flat = tensor.flatten()
    index = torch.nonzero(flat)[:, 0]
    values = flat[index]
    bits = packed_bits(flat != 0)
    short = torch.int16 if len(flat) <= 2**15 else torch.int32
    forms = (
        {name: tensor},
        {f"{name}/values": values, f"{name}/bits": bits},
        {f"{name}/values": values, f"{name}/index": index.to(short)},
    )
    return min(forms, key=lambda form: sum(part.nbytes for part in form.values()))


def save_network(
    path: Path,
    graph: Graph,
    mean: Tensor,
    std: Tensor,
    classes: Sequence[str],
    precision: str,
    about: Mapping[str, Any],
) -> None:
    """Write a network; equal arguments give equal bytes.

    Args:
        path: the file.
        graph: the network.
        mean: of the images, per channel, in units of 0–255, [C, 1, 1].
        std: likewise.
        classes: their names.
        precision: a key of :data:`PRECISIONS`.
        about: what else the file is to say of it, as plain values.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in graph.tensors.items():
        tensors |= encode(name, tensor.to(PRECISIONS[precision]))
    described = {
        **about,
        "kind": KIND,
        **_described(graph.steps),
        **described_use(graph.tensors, graph.image, mean, std, classes),
    }
    save_tensors(path, tensors, described)


def described_use(
    tensors: Mapping[str, Tensor],
    image: Sequence[int],
    mean: Tensor,
    std: Tensor,
    classes: Sequence[str],
) -> dict[str, Any]:
    """What a file says of shapes, images and classes; arguments as of :func:`save_network`."""
    return {
        "shapes": {name: list(tensor.shape) for name, tensor in tensors.items()},
        "image": list(image),
        "mean": mean.flatten().tolist(),
        "std": std.flatten().tolist(),
        "classes": list(classes),
    }


def _described(steps: Sequence[Step]) -> dict[str, Any]:
    """The steps, and the earliest format that has all that they need."""
    usual = {"dilation": 1, "groups": 1}
    plain = [
        {key: value for key, value in step._asdict().items() if usual.get(key) != value}
        for step in steps
    ]
    is_new = any(
        step["op"] in ("avgpool", "flatten")
        or usual.keys() & step.keys()
        or any(isinstance(step[key], tuple) for key in ("stride", "padding", "size"))
        for step in plain
    )
    return {"format": FORMAT if is_new else EARLIER, "steps": plain}


def load_compact(path: Path) -> Network:
    """Read a network after checking its checksum.

    Raises:
        UserError: the file is missing, damaged or no network.
    """
    return network_of(*load_tensors(path, KIND, FORMAT, earlier=(EARLIER,)))


def encoded_bytes(graph: Graph, precision: str = "fp32") -> int:
    """Bytes of a network's tensors in their smallest forms, the file's header aside."""
    total = 0
    for name, tensor in graph.tensors.items():
        forms = encode(name, tensor.to(PRECISIONS[precision]))
        total += sum(part.nbytes for part in forms.values())
    return total


def dense_bytes(graph: Graph) -> int:
    """Bytes of a network's tensors in single precision."""
    return sum(4 * math.prod(tensor.shape) for tensor in graph.tensors.values())
