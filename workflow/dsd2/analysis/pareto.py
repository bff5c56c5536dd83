"""What compression is worth: size, operations, time and accuracy of a study's networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


TIMES = [(runtime, batch) for batch in (1, 64) for runtime in ("torch", "onnxruntime")]
"""Runtimes and batches, in the order of the comparison's columns."""


def time_name(runtime: str, batch: int) -> str:
    """Column of a time: milliseconds a call."""
    return f"{runtime}, batch {batch} [ms]"


def comparison(networks: pd.DataFrame, latencies: pd.DataFrame) -> pd.DataFrame:
    """A row for each network, compressed, and for each dense one also as it was trained.

    Times are medians in milliseconds, from uint8 images to logits, on one core.
    """
    import pandas as pd

    rows = []
    keys = latencies.groupby(["run", "iteration", "form"])
    times = {key: group.set_index(["runtime", "batch"])["median"] for key, group in keys}
    for network in networks.to_dict("records"):
        for form in ("trained", "compressed"):
            own = times.get((network["run"], network["iteration"], form))
            if own is None:
                continue
            after = -1 if form == "compressed" else 0
            compressed = form == "compressed"
            rows.append(
                {
                    **{n: network[n] for n in ("panel", "arm", "seed", "iteration", "sparsity")},
                    "test accuracy": network["test_accuracy"],
                    "form": form,
                    "exports": " ".join(network["exports"]) if compressed else "",
                    "file [byte]": network["file_bytes" if compressed else "dense_bytes"],
                    "onnx [byte]": network["onnx_bytes"] if compressed else None,
                    "parameters": int(network["part_parameters"][after]),
                    "MACs": int(network["part_macs"][after]),
                    **{time_name(*key): 1000 * float(own[key]) for key in TIMES},
                }
            )
    return pd.DataFrame(rows).astype({"onnx [byte]": "Int64"})


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> list[int]:
    """Positions of the points that no other one beats in both, from the cheapest on.

    Of points with equal cost the most accurate stays; of equally accurate ones the cheapest.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -accuracies[i]))
    front: list[int] = []
    for i in order:
        if not front or accuracies[i] > accuracies[front[-1]]:
            front.append(i)
    return front
