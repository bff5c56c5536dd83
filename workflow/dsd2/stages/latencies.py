"""Time a study's networks on one core."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2 import paths
from dsd2.export.choice import checkpoint_of
from dsd2.export.forms import Form, form_of, onnx_of, smallest
from dsd2.export.graph import Graph
from dsd2.export.latency import Latency, measure
from dsd2.export.onnx import run_session, session_of
from dsd2.files.records import LATENCIES, NETWORKS, read_rows, write_table
from dsd2.load_network import Network

BATCHES = (1, 64)
"""Images a call that networks are timed with."""
ROUNDS = 3
"""Times that all networks are timed, one after the other; of each the least disturbed counts."""


@torch.inference_mode()
def run_latencies(study: str, networks: Path, seconds: float, output: Path) -> None:
    """Time every network of a table on one core, compressed, and the dense ones as trained.

    Args:
        study: name of the study.
        networks: what :func:`dsd2.stages.compression.run_compression` wrote.
        seconds: for each measurement, in all rounds.
        output: the table of times.
    """
    torch.set_num_threads(1)
    results = paths.results_of(networks, paths.EXPORT_NETWORKS)
    # Panels may share a network.
    rows = read_rows(networks, NETWORKS, {"study": study})
    planned = list({(row["run"], row["iteration"]): row for row in rows}.values())
    least: dict[tuple[str, int, str, str, int], Latency] = {}
    for _ in range(ROUNDS):
        # Made anew in each round, so that one network at a time is in memory.
        for row in planned:
            for form, calls in _forms(results, row):
                for (runtime, batch), call in calls.items():
                    key = (row["run"], row["iteration"], form, runtime, batch)
                    taken = measure(call, seconds / ROUNDS)
                    if key not in least or taken.median < least[key].median:
                        least[key] = taken
    names = ("run", "iteration", "form", "runtime", "batch")
    write_table(
        output,
        LATENCIES,
        [
            {**dict(zip(names, key, strict=True)), **asdict(taken), "processor": processor()}
            for key, taken in least.items()
        ],
        {"study": study},
    )


def _forms(
    results: Path,
    row: dict[str, Any],
) -> Iterator[tuple[str, dict[tuple[str, int], Callable[[], object]]]]:
    """What to time of a network: compressed, and the dense one also as it was trained."""
    checkpoint = checkpoint_of(results, row)
    trained = checkpoint.network(torch.device("cpu"))
    form = form_of(trained, checkpoint.image)
    yield "compressed", _calls(smallest(form), "compressed", trained)
    if row["iteration"] == 0:
        yield "trained", _calls(form, "trained", trained)


def _calls(
    exported: Form, form: str, trained: torch.nn.Module
) -> dict[tuple[str, int], Callable[[], object]]:
    """What to time, by runtime and batch: from uint8 images to logits."""
    channels = exported.image[0]
    mean, std = torch.full((channels, 1, 1), 127.0), torch.full((channels, 1, 1), 64.0)
    classes = [""] * exported.classes

    def network(images: Tensor) -> Tensor:
        return trained((images.to(torch.float32) - mean) / std)

    if form == "compressed" and isinstance(exported, Graph):
        single = exported.to(torch.float32)
        network = Network(single.steps, single.tensors, mean, std, classes)
    session = session_of(onnx_of(exported, mean, std, classes).SerializeToString())
    draws = torch.Generator().manual_seed(0)
    calls: dict[tuple[str, int], Callable[[], object]] = {}
    for batch in BATCHES:
        images = torch.randint(0, 256, (batch, *exported.image), generator=draws, dtype=torch.uint8)
        calls["torch", batch] = partial(network, images)
        calls["onnxruntime", batch] = partial(run_session, session, images.numpy())
    return calls


def processor() -> str:
    """Name of the processor, as Linux or Python calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
