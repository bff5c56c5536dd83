"""A compressed network as an ONNX model.

Written node by node: the steps are ONNX's own operators, so that torch's exporter, and what it
needs, would add nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from dsd2.escaping import one_line
from dsd2.export.graph import Graph, align_channels
from dsd2.files.atomic import replacing
from dsd2.load_network import IMAGES, Size, Step
from dsd2.nn.models import pooling_matrix

OPSET = 17
IR_VERSION = 8
"""Both of 2022, so that runtimes of that year take it."""
LOGITS = "logits"
ALIGNMENT = 4
"""ONNX Runtime's fast convolutions take channels in such groups: 15 are slower than 16."""


def save_onnx(
    path: Path, model: onnx.ModelProto, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a network that takes ``images``, uint8 [N, C, H, W], and gives ``logits``.

    Args:
        path: the file.
        model: as :func:`onnx_model` makes it.
        metadata: what else the model's metadata is to hold.
    """
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString(deterministic=True))


def onnx_model(graph: Graph, mean: Tensor, std: Tensor, classes: Sequence[str]) -> onnx.ModelProto:
    """A model of a network, its channels filled up to what runtimes convolve fast.

    Args:
        graph: the network.
        mean: of the images, per channel, in units of 0–255, [C, 1, 1].
        std: likewise.
        classes: their names; kept as the model's metadata ``classes``, each on one line.
    """
    graph = align_channels(graph, ALIGNMENT)
    held = {name: tensor.float().numpy() for name, tensor in graph.tensors.items()}
    held |= {"mean": mean.float().numpy(), "std": std.float().numpy()}
    normalised = "normalised images"
    nodes = [
        helper.make_node("Cast", [IMAGES], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["numbers", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], [normalised]),
    ]
    shapes = graph.shapes()
    last, readers = graph.steps[-1].name, graph.readers()
    for step in graph.steps:
        inputs = [normalised if name == IMAGES else name for name in step.inputs]
        output = LOGITS if step.name == last else step.name
        flat = all(reader.op in ("linear", "flatten") for reader in readers[step.name])
        nodes += _nodes(step, inputs, output, shapes[step.inputs[0]], held, flat)
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, ["N", *graph.image])],
            [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, ["N", len(classes)])],
            [numpy_helper.from_array(value, name) for name, value in held.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="dsd2",
    )
    return described_model(model, classes)


def described_model(model: onnx.ModelProto, classes: Sequence[str]) -> onnx.ModelProto:
    """A model that holds the names of its classes, after ONNX's own check."""
    helper.set_model_props(model, {"classes": "\n".join(map(one_line, classes))})
    onnx.checker.check_model(model)
    return model


def _nodes(
    step: Step,
    inputs: list[str],
    output: str,
    shape: tuple[int, ...],
    held: dict[str, np.ndarray],
    flat: bool,
) -> list[NodeProto]:
    """A step's operators; constants that they need beside its tensors are added to ``held``.

    Args:
        step: the step.
        inputs: names of what it reads.
        output: name of what it makes.
        shape: of the first of its inputs, for one image.
        held: constants by name.
        flat: whether all readers flatten what it makes.
    """
    node = helper.make_node
    weights = [f"{step.name}.{part}" for part in ("weight", "bias")]
    weights = [name for name in weights if name in held]
    match step.op:
        case "conv":
            options = _window(step) | ({"group": step.groups} if step.groups > 1 else {})
            return [node("Conv", [*inputs, *weights], [output], **options)]
        case "relu":
            return [node("Relu", inputs, [output])]
        case "norm":
            # A product and a sum are what a normalisation by mean 0 and variance 1 is.
            for name in weights:
                held[name] = held[name].reshape(-1)
            zeros, ones = f"{step.name}.mean", f"{step.name}.variance"
            held |= {zeros: np.zeros(shape[0], np.float32), ones: np.ones(shape[0], np.float32)}
            names = [*inputs, *weights, zeros, ones]
            return [node("BatchNormalization", names, [output], epsilon=0.0)]
        case "maxpool":
            return [
                node("MaxPool", inputs, [output], kernel_shape=_both(step.size), **_window(step))
            ]
        case "avgpool":
            options = {"kernel_shape": _both(step.size), "count_include_pad": 1, **_window(step)}
            return [node("AveragePool", inputs, [output], **options)]
        case "flatten":
            return [node("Flatten", inputs, [output])]
        case "add":
            return [node("Add", inputs, [output])]
        case "pool" if step.size == 1:
            return [node("GlobalAveragePool", inputs, [output])]
        case "pool":
            return _adaptive_pool(step, inputs, output, shape, held, flat)
        case "linear":
            vector = f"{step.name} input"
            return [
                node("Flatten", inputs, [vector]),
                node("Gemm", [vector, *weights], [output], transB=1),
            ]
    raise ValueError(f"step {step.name} has the unknown operation {step.op}")


def _both(size: Size) -> list[int]:
    """A size along height and width."""
    return [size] * 2 if isinstance(size, int) else list(size)


def _window(step: Step) -> dict[str, Any]:
    """Stride, padding and dilation of a step that moves a window."""
    options = {"strides": _both(step.stride), "pads": _both(step.padding) * 2}
    return options | ({} if step.dilation == 1 else {"dilations": _both(step.dilation)})


def _adaptive_pool(
    step: Step,
    inputs: list[str],
    output: str,
    shape: tuple[int, ...],
    held: dict[str, np.ndarray],
    flat: bool,
) -> list[NodeProto]:
    """An adaptive average pool to several cells, which ONNX lacks, as a product with a matrix."""
    channels, height, width = shape
    assert isinstance(step.size, int), "pools are square"
    matrix = pooling_matrix(height, width, step.size, torch.device("cpu"), torch.float32)
    names = {part: f"{step.name} {part}" for part in ("shape", "matrix", "flat")}
    held[names["shape"]] = np.array([-1, channels, height * width], np.int64)
    held[names["matrix"]] = np.ascontiguousarray(matrix.numpy().T)
    pooled, square = f"{step.name} pooled", f"{step.name} square"
    nodes = [
        helper.make_node("Reshape", [*inputs, names["shape"]], [names["flat"]]),
        helper.make_node("MatMul", [names["flat"], names["matrix"]], [output if flat else pooled]),
    ]
    if not flat:
        held[square] = np.array([-1, channels, step.size, step.size], np.int64)
        nodes.append(helper.make_node("Reshape", [pooled, square], [output]))
    return nodes


def session_of(model: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime's session of a model, on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_session(session: onnxruntime.InferenceSession, images: np.ndarray) -> np.ndarray:
    """Logits [N, classes] of uint8 images [N, C, H, W]."""
    logits = session.run([LOGITS], {IMAGES: images})[0]
    assert isinstance(logits, np.ndarray)
    return logits
