"""Compress a study's networks: a table of what each part of it saves."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dsd2 import paths
from dsd2.artefacts.checkpoint import Checkpoint
from dsd2.config.export_options import Export, Exported
from dsd2.data.dataset import load_dataset
from dsd2.export.choice import checkpoint_of, networks_to_compare, row_of_export
from dsd2.export.forms import form_of, onnx_of, parts, save_small, small_bytes, uncompressed_bytes
from dsd2.files.records import NETWORKS, STUDY, read_rows, write_table

COPIED = (
    "panel",
    "arm",
    "seed",
    "run",
    "iteration",
    "sparsity",
    "validation_accuracy",
    "test_accuracy",
)
"""Columns that a network's row has of the study's."""


def run_compression(
    name: str,
    metrics: Path,
    datasets: Mapping[tuple[str, str], Path],
    exports: Mapping[str, Exported],
    export: Export,
    seed: int,
    output: Path,
) -> None:
    """Write what compression makes of every iteration of some arms, and of what is exported.

    A network that several arms of a panel share is a row of one of them, the one with the longest
    chains, so that it stands beside the dense network of its run. Each panel has rows of its own.

    Args:
        name: of the study.
        metrics: the study's table.
        datasets: of each panel and arm to look at.
        exports: the networks that are exported, by name.
        export: how.
        seed: whose iterations are looked at.
        output: the table, a row a network.
    """
    torch.set_num_threads(1)
    results = paths.results_of(metrics, paths.STUDY_METRICS)
    study = read_rows(metrics, STUDY, {"study": name})
    names: dict[tuple[str, str, int], list[str]] = {}
    for folder, exported in exports.items():
        file = datasets[exported.panel, exported.arm]
        images = len(load_dataset(file, file.stem).validation.labels)
        row = row_of_export(study, exported, images, export.tolerance)
        names.setdefault((row["panel"], row["run"], row["iteration"]), []).append(folder)
    made: dict[tuple[str, int], dict[str, Any]] = {}
    rows = []
    for row in networks_to_compare(study, datasets, names.keys(), seed):
        key = (row["run"], row["iteration"])
        if key not in made:
            owner = (row["panel"], row["arm"])
            checkpoint = checkpoint_of(results, row)
            made[key] = _compressed(checkpoint, datasets[owner], export.precision)
        copied = {column: row[column] for column in COPIED}
        exported_as = names.get((row["panel"], *key), [])
        rows.append({**copied, "exports": exported_as, **made[key]})
    write_table(output, NETWORKS, rows, {"study": name})


def _compressed(checkpoint: Checkpoint, dataset: Path, precision: str) -> dict[str, Any]:
    """What compression makes of a network."""
    data = load_dataset(dataset, dataset.stem).normalised_for(checkpoint.model)
    form = form_of(checkpoint.network(torch.device("cpu")), checkpoint.image)
    made = parts(form)
    small = made[next(reversed(made))]
    described = (data.mean, data.std, data.classes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "network.safetensors")
        save_small(file, small, *described, precision, {})
        file_bytes = file.stat().st_size
    return {
        "parts": list(made),
        "part_parameters": [float(part.parameters) for part in made.values()],
        "part_macs": [float(part.macs()) for part in made.values()],
        "part_bytes": [float(small_bytes(part, precision)) for part in made.values()],
        "nonzero": small.nonzero,
        "nonzero_macs": small.macs(nonzero=True),
        "dense_bytes": uncompressed_bytes(form),
        "file_bytes": file_bytes,
        "onnx_bytes": onnx_of(small, *described).ByteSize(),
    }
