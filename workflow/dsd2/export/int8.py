"""An ONNX model whose convolutions and products are of 8-bit integers.

ONNX Runtime's static quantisation: a scale for each output channel of a weight, and one scale and
zero point for each map, from its least and largest values on calibration images. Maps are rounded
to 256 steps and weights to 128, so that answers may differ (Jacob et al., CVPR 2018).

A weight has 7 of the 8 bits. Processors with AVX2 but without VNNI add two products in 16 bits
before they go on in 32. Products of 8 bits do not fit there, and are cut off without a word.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from dsd2.load_network import IMAGES

QUANTISED = ("Conv", "Gemm", "MatMul", "Add", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool")
"""Operators that are computed with integers. Normalisations after an activation stay single."""


def quantised(model: onnx.ModelProto, calibration: Iterable[np.ndarray]) -> onnx.ModelProto:
    """The model with 8-bit integers; it takes and gives what it did.

    Args:
        model: takes ``images``, uint8 [N, C, H, W]. It is not changed.
        calibration: batches of such images.
    """
    # It takes a second to import, and few exports need it.
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Batches(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._left, None)
            return None if batch is None else {IMAGES: batch}

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    with tempfile.TemporaryDirectory() as folder:
        # A path of its own: calibration writes beside it.
        source, target = Path(folder, "network.onnx"), Path(folder, "int8.onnx")
        onnx.save(copy, source)
        quantize_static(
            source,
            target,
            Batches(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        made = onnx.load(target)
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    return made
