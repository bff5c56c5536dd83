"""A network as it is exported: a graph of known layers that shrinks, or whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.export.encoding import dense_bytes, encoded_bytes, load_compact, save_network
from dsd2.export.graph import Graph
from dsd2.export.onnx import onnx_model
from dsd2.export.shrink import parts_of
from dsd2.export.trace import graph_of
from dsd2.export.whole import (
    Whole,
    load_whole,
    save_whole,
    whole_bytes,
    whole_dense_bytes,
    whole_onnx,
)

Form = Graph | Whole
"""What is exported of a network."""


def form_of(model: nn.Module, image: tuple[int, int, int]) -> Form:
    """The graph of a network; the network itself where it has other layers than known ones.

    Args:
        model: in evaluation mode, on the CPU.
        image: (C, H, W).
    """
    try:
        return graph_of(model, image)
    except UserError as error:
        return Whole(model, image, str(error).partition("; supported are")[0])


def parts(form: Form) -> dict[str, Form]:
    """The network after each part of its compression, by the part's name; compressed at last."""
    if isinstance(form, Whole):
        return {"dense": form}
    return {**parts_of(form)}


def smallest(form: Form) -> Form:
    """The compressed network."""
    made = parts(form)
    return made[next(reversed(made))]


def save_small(
    path: Path,
    form: Form,
    mean: Tensor,
    std: Tensor,
    classes: Sequence[str],
    precision: str,
    about: Mapping[str, Any],
) -> None:
    """Write the small file; arguments as of :func:`dsd2.export.encoding.save_network`."""
    if isinstance(form, Whole):
        save_whole(path, form, mean, std, classes, precision, about)
    else:
        save_network(path, form, mean, std, classes, precision, about)


def load_small(path: Path, form: Form) -> Callable[[Tensor], Tensor]:
    """What the small file of a network computes of uint8 images."""
    return load_whole(path, form) if isinstance(form, Whole) else load_compact(path)


def onnx_of(form: Form, mean: Tensor, std: Tensor, classes: Sequence[str]) -> onnx.ModelProto:
    """The ONNX model; arguments as of :func:`dsd2.export.onnx.onnx_model`."""
    made = whole_onnx if isinstance(form, Whole) else onnx_model
    return made(form, mean, std, classes)  # type: ignore[arg-type]


def small_bytes(form: Form, precision: str = "fp32") -> int:
    """Bytes of the tensors in their smallest forms, the file's header aside."""
    if isinstance(form, Whole):
        return whole_bytes(form, precision)
    return encoded_bytes(form, precision)


def uncompressed_bytes(form: Form) -> int:
    """Bytes of the tensors in single precision."""
    return whole_dense_bytes(form) if isinstance(form, Whole) else dense_bytes(form)
