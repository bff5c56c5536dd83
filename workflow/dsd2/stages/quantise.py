"""Quantise an exported network, and measure what that costs and gains."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import onnx
import torch
from onnxruntime import InferenceSession
from torch import Tensor

from dsd2.data.dataset import Dataset, load_dataset
from dsd2.export.agreement import Agreement, agreement, all_logits, test_set
from dsd2.export.int8 import quantised
from dsd2.export.latency import Latency, measure
from dsd2.export.onnx import run_session, save_onnx, session_of
from dsd2.files.atomic import write_text
from dsd2.nn.sizes import EVALUATED
from dsd2.stages.latencies import BATCHES, processor

CALIBRATION = 512
"""Training images whose maps give the scales, at even distances in the dataset's order."""
BATCH = 64
"""Images that are calibrated with at once."""


@torch.inference_mode()
def run_quantise(exported: Path, dataset: Path, seconds: float, output: Path, card: Path) -> None:
    """Write an exported model with 8-bit integers, and a page that compares both.

    Args:
        exported: the ONNX model.
        dataset: of its arm; its file is called by its name.
        seconds: for each time that is measured.
        output: the model with integers.
        card: the page, in Markdown.
    """
    data = load_dataset(dataset, dataset.stem)
    single = onnx.load(exported)
    images = calibration_images(data)
    integers = quantised(single, [batch.numpy() for batch in images.split(BATCH)])
    save_onnx(output, integers)
    sessions = {"fp32": session_of(exported.read_bytes()), "int8": session_of(output.read_bytes())}
    answers = {name: partial(_logits, session) for name, session in sessions.items()}
    test = test_set(data)
    logits = {name: all_logits(answer, test.batches(EVALUATED)) for name, answer in answers.items()}
    agreements = {
        name: agreement(given, logits["fp32"], test.labels) for name, given in logits.items()
    }
    drawn = torch.Generator().manual_seed(0)
    times = {
        (name, batch): measure(partial(answer, shown), seconds)
        for batch in BATCHES
        for shown in [torch.randint(0, 256, (batch, *data.image), generator=drawn).byte()]
        for name, answer in answers.items()
    }
    sizes = {"fp32": exported.stat().st_size, "int8": output.stat().st_size}
    write_text(card, quantised_card(output, agreements, sizes, times, len(test), len(images)))


def calibration_images(data: Dataset) -> Tensor:
    """Some training images, uint8 [N, C, H, W]."""
    count = len(data.train.labels)
    rows = torch.linspace(0, count - 1, min(CALIBRATION, count)).round().long()
    images = data.train.images[rows]
    return images if isinstance(images, Tensor) else images.decode_all()


def quantised_card(
    file: Path,
    agreements: dict[str, Agreement],
    sizes: dict[str, int],
    times: dict[tuple[str, int], Latency],
    test: int,
    calibrated: int,
) -> str:
    """The page that compares a model with the one with integers.

    Args:
        file: the model with integers.
        agreements: of ``fp32`` and ``int8``, both compared with ``fp32``.
        sizes: bytes of the files.
        times: by model and images a call.
        test: how many the test images are.
        calibrated: how many images gave the scales.
    """
    names = ("fp32", "int8")
    rows = [
        ["test accuracy", *(f"{agreements[name].accuracy:.2%}" for name in names)],
        ["bytes of the file", *(f"{sizes[name]:,}" for name in names)],
        *(
            [_images(batch), *(f"{1000 * times[name, batch].median:.3g} ms" for name in names)]
            for batch in BATCHES
        ),
    ]
    changed = agreements["int8"].differing
    return "\n".join(
        [
            "# 8-bit integers",
            "",
            f"`{file.name}` computes with 8-bit integers where `network.onnx` computes in single"
            f" precision. {calibrated} training images gave the scales. It gives another class to"
            f" {changed} of {test} test images.",
            "",
            "| | `network.onnx` | with integers |",
            "| --- | --- | --- |",
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
            f"Times are medians of ONNX Runtime on one core of: {processor()}. Integers are faster"
            " where the processor multiplies them faster, and may be slower elsewhere.",
            "",
            f"SHA-256 of `{file.name}`: `{hashlib.sha256(file.read_bytes()).hexdigest()}`",
            "",
        ]
    )


def _images(batch: int) -> str:
    return f"time of {batch} image{'' if batch == 1 else 's'}"


def _logits(session: InferenceSession, images: Tensor) -> Tensor:
    return torch.from_numpy(run_session(session, images.numpy()))
