"""A network whose layers are not all known: exported whole, in its dense shapes."""

from __future__ import annotations

import copy
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from dsd2.errors import UserError
from dsd2.export.encoding import PRECISIONS, described_use, encode
from dsd2.export.onnx import IR_VERSION, LOGITS, OPSET, described_model
from dsd2.files.tensors import load_tensors, save_tensors
from dsd2.load_network import IMAGES, STATE, STATE_FORMAT, state_of
from dsd2.nn.footprint import sizes_of
from dsd2.nn.sizes import Sizes


@dataclass(frozen=True)
class Whole:
    """A network in evaluation mode, on the CPU; none of its channels can be removed.

    Attributes:
        model: of normalised images.
        image: (C, H, W).
        reason: why its layers are not known, in one sentence.
    """

    model: nn.Module
    image: tuple[int, int, int]
    reason: str

    @cached_property
    def sizes(self) -> Sizes:
        """What is counted of it."""
        return sizes_of(self.model, self.image)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by name."""
        return self.model.state_dict()

    @property
    def classes(self) -> int:
        """The number of logits."""
        images = torch.zeros(1, *self.image)
        return int(self.model(images).shape[1])

    @property
    def parameters(self) -> int:
        """Numbers in all tensors that are of fractions."""
        return sum(t.numel() for t in self.tensors.values() if t.is_floating_point())

    @property
    def nonzero(self) -> int:
        """Those that are not zero."""
        held = (tensor for tensor in self.tensors.values() if tensor.is_floating_point())
        return sum(int(tensor.count_nonzero()) for tensor in held)

    def macs(self, *, nonzero: bool = False) -> int:
        """Multiply-accumulates of convolutions and linear layers for one image.

        Args:
            nonzero: count those with weights that are not zero alone.
        """
        weights = dict(self.model.named_parameters())
        total = 0
        for name, operations in self.sizes.macs.items():
            weight = weights[name]
            alive = int(weight.count_nonzero()) if nonzero else weight.numel()
            total += operations * alive // weight.numel()
        return total


class _OfPixels(nn.Module):
    """A network of uint8 images, which it normalises itself."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, images: Tensor) -> Tensor:
        """Logits of images."""
        logits: Tensor = self.model((images.to(torch.float32) - self.mean) / self.std)
        return logits


def whole_onnx(whole: Whole, mean: Tensor, std: Tensor, classes: Sequence[str]) -> onnx.ModelProto:
    """The ONNX model of a network, by torch's exporter: as :func:`dsd2.export.onnx.onnx_model`'s.

    Raises:
        UserError: torch cannot export it.
    """
    written = io.BytesIO()
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            # Torch announces that it prefers another exporter, whose package is large.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _OfPixels(copy.deepcopy(whole.model), mean, std).eval(),
                (torch.zeros(2, *whole.image, dtype=torch.uint8),),
                written,  # type: ignore[arg-type] # a file, in fact
                dynamo=False,
                input_names=[IMAGES],
                output_names=[LOGITS],
                dynamic_axes={IMAGES: {0: "N"}, LOGITS: {0: "N"}},
                opset_version=OPSET,
            )
    except Exception as error:  # whatever torch's exporter happens to raise
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"a network of type {type(whole.model).__name__} cannot be exported: {whole.reason},"
            f" and torch's exporter to ONNX cannot write it whole ({reason[:200]})"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    model = onnx.load_model_from_string(written.getvalue())
    model.ir_version = IR_VERSION
    # Names of the exporter's nodes hold the places of its own source.
    for node in model.graph.node:
        node.ClearField("doc_string")
    return described_model(model, classes)


def save_whole(
    path: Path,
    whole: Whole,
    mean: Tensor,
    std: Tensor,
    classes: Sequence[str],
    precision: str,
    about: Mapping[str, Any],
) -> None:
    """Write a network's tensors in their smallest forms; arguments as of ``save_network``."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in whole.tensors.items():
        stored = tensor.to(PRECISIONS[precision]) if tensor.is_floating_point() else tensor
        tensors |= encode(name, stored.detach())
    described = {
        **about,
        "kind": STATE,
        "format": STATE_FORMAT,
        **described_use(whole.tensors, whole.image, mean, std, classes),
    }
    save_tensors(path, tensors, described)


def load_whole(path: Path, whole: Whole) -> Callable[[Tensor], Tensor]:
    """What a file of :func:`save_whole` computes of uint8 images, in the network's architecture.

    Raises:
        UserError: the file is missing, damaged or another one.
    """
    held, about = load_tensors(path, STATE, STATE_FORMAT)
    model = copy.deepcopy(whole.model)
    model.load_state_dict(state_of(held, about))
    mean, std = (torch.tensor(about[key]).view(-1, 1, 1) for key in ("mean", "std"))
    return _OfPixels(model, mean, std).eval()


def whole_bytes(whole: Whole, precision: str = "fp32") -> int:
    """Bytes of a network's tensors in their smallest forms, the file's header aside."""
    total = 0
    for name, tensor in whole.tensors.items():
        stored = tensor.to(PRECISIONS[precision]) if tensor.is_floating_point() else tensor
        total += sum(part.nbytes for part in encode(name, stored).values())
    return total


def whole_dense_bytes(whole: Whole) -> int:
    """Bytes of a network's tensors in single precision."""
    return sum(4 * math.prod(tensor.shape) for tensor in whole.tensors.values())
