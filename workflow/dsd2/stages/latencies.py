"""Time a study's networks on one core."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from dsd2.files.load_network import Network
from dsd2.files.onnx_file import onnx_model, run_session, session_of
from dsd2.files.records import LATENCIES, NETWORKS, read_rows, write_table
from dsd2.nn.graph import Graph, graph_of
from dsd2.nn.latency import measure
from dsd2.nn.shrinking import compress
from dsd2.stages.export import checkpoint_of

BATCHES = (1, 64)
"""Images a call that networks are timed with."""


@torch.inference_mode()
def run_latencies(networks: Path, seconds: float, output: Path) -> None:
    """Time every network of a table on one core, compressed, and the dense ones as trained.

    Args:
        networks: what :func:`run_networks` wrote.
        seconds: for each measurement.
        output: the table of times.
    """
    torch.set_num_threads(1)
    rows = []
    for row in read_rows(networks, NETWORKS):
        checkpoint = checkpoint_of(row)
        trained = checkpoint.network(torch.device("cpu"))
        graph = graph_of(trained, checkpoint.image)
        forms = {"compressed": compress(graph)}
        if row["iteration"] == 0:
            forms["trained"] = graph
        for form, version in forms.items():
            for (runtime, batch), call in _calls(version, form, trained).items():
                taken = measure(call, seconds)
                rows.append(
                    {
                        **{name: row[name] for name in ("run", "iteration")},
                        **{"form": form, "runtime": runtime, "batch": batch},
                        **{name: getattr(taken, name) for name in ("median", "low", "high")},
                        "calls": taken.calls,
                        "processor": _processor(),
                    }
                )
    write_table(output, LATENCIES, rows)


def _calls(
    graph: Graph, form: str, trained: torch.nn.Module
) -> dict[tuple[str, int], Callable[[], object]]:
    """What to time, by runtime and batch: from uint8 images to logits."""
    channels = graph.image[0]
    mean, std = torch.full((channels, 1, 1), 127.0), torch.full((channels, 1, 1), 64.0)
    classes = [""] * len(graph.weight(graph.steps[-1]))
    single = graph.to(torch.float32)
    network: Callable[[Tensor], Tensor] = Network(single.steps, single.tensors, mean, std, classes)
    if form == "trained":

        def network(images: Tensor) -> Tensor:
            return trained((images.to(torch.float32) - mean) / std)

    session = session_of(onnx_model(graph, mean, std, classes).SerializeToString())
    draws = torch.Generator().manual_seed(0)
    calls: dict[tuple[str, int], Callable[[], object]] = {}
    for batch in BATCHES:
        images = torch.randint(0, 256, (batch, *graph.image), generator=draws, dtype=torch.uint8)
        calls["torch", batch] = partial(network, images)
        calls["onnxruntime", batch] = partial(run_session, session, images.numpy())
    return calls


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
