"""Compress a study's networks, and write those that are exported."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dsd2 import load_network, paths
from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint_of
from dsd2.config.export_options import Export, Exported
from dsd2.data.dataset import Dataset, load_dataset
from dsd2.data.files import ImageFiles
from dsd2.data.streaming import DecodingStream
from dsd2.errors import UserError
from dsd2.export.encoding import dense_bytes, encoded_bytes, load_compact, save_network
from dsd2.export.graph import Graph
from dsd2.export.model_card import Agreement, Facts, Row, card, choose, label_noise
from dsd2.export.onnx import onnx_model, run_session, save_onnx, session_of
from dsd2.export.shrink import STAGES, compress
from dsd2.export.trace import graph_of
from dsd2.files.atomic import replacing, write_text
from dsd2.files.records import NETWORKS, STUDY, read_rows, write_table
from dsd2.nn.evaluation import BATCH
from dsd2.nn.images import ImageSet

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

ROUNDING = 1e-4
"""Largest difference of logits, as a share of the largest logit, that is put down to rounding."""


@dataclass(frozen=True)
class ExportFiles:
    """What an exported network consists of; ``sums`` has the SHA-256 of each of the others."""

    network: Path
    onnx: Path
    loader: Path
    card: Path
    sums: Path


@torch.inference_mode()
def run_export(
    name: str,
    metrics: Path,
    dataset: Path,
    exported: Exported,
    export: Export,
    arm: Mapping[str, Any],
    analysis: Mapping[str, float],
    files: ExportFiles,
) -> None:
    """Choose a network, compress it, check its files on all test images, and write its card.

    Args:
        name: of the study.
        metrics: the study's table.
        dataset: of the arm; its file is called by its name.
        exported: whose network, and which.
        export: how.
        arm: for the card its ``label`` with its panel, and the kind of its ``noise``. Also whether
            its labels are the user's ``own``, whether they or the images are a ``stand_in``, and
            whether the test images ``tested`` candidates too, as validation images.
        analysis: the study's ``confidence`` and ``tolerance``.
        files: to write.

    Raises:
        UserError: the checkpoint is gone, or a file does not compute what the network does.
    """
    torch.set_num_threads(1)
    study = read_rows(metrics, STUDY, {"study": name})
    chosen = choose(rows_of(study, exported), exported.choice, export.tolerance)
    results = paths.results_of(metrics, paths.STUDY_METRICS)
    checkpoint, data = checkpoint_of(results, chosen), load_dataset(dataset, dataset.stem)
    graph = graph_of(checkpoint.network(torch.device("cpu")), checkpoint.image)
    small = compress(graph)
    about = {key: chosen[key] for key in ("run", "iteration", "sparsity", "test_accuracy")}
    described = (data.mean, data.std, data.classes)
    save_network(files.network, small, *described, export.precision, about)
    save_onnx(files.onnx, small, *described)
    with replacing(files.loader) as temporary:
        shutil.copyfile(load_network.__file__, temporary)
    session = session_of(files.onnx.read_bytes())
    trained = checkpoint.network(torch.device("cpu"))
    answers: dict[str, Callable[[Tensor], Tensor]] = {
        "network": load_compact(files.network),
        "onnx": lambda images: torch.from_numpy(run_session(session, images.numpy())),
    }
    agreements = compare(trained, answers, data)
    for name, agreement in agreements.items():
        exact = name == "onnx" or export.precision == "fp32"
        if exact and agreement.difference > ROUNDING * max(1.0, agreement.scale):
            raise UserError(
                f"{getattr(files, name)}: its logits differ from the trained network's by"
                f" {agreement.difference:g}, more than rounding; this is a fault of the workflow"
            )
    facts = Facts(
        label=arm["label"],
        noise=label_noise(
            arm["noise"], chosen["noise_rate"], own=arm["own"], stand_in=arm["stand_in"]
        ),
        tested=arm["tested"],
        licence=export.licence,
        choice=exported.choice,
        tolerance=export.tolerance,
        confidence=analysis["confidence"],
        flat_tolerance=analysis["tolerance"],
        test_images=len(data.test.labels),
        image=checkpoint.image,
        precision=export.precision,
        parts=[(name, part.parameters, part.macs()) for name, part in parts_of(graph).items()],
        nonzero=small.nonzero,
        file_bytes=(
            files.network.stat().st_size,
            files.onnx.stat().st_size,
            dense_bytes(graph),
        ),
        agreements=(agreements["network"], agreements["onnx"]),
    )
    write_text(files.card, card(chosen, study, facts))
    write_text(files.sums, checksums((files.network, files.onnx, files.loader, files.card)))


def checksums(files: Sequence[Path]) -> str:
    """The SHA-256 of each file, as ``sha256sum --check`` reads it beside them."""
    return "".join(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files
    )


def run_networks(
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
        row = choose(rows_of(study, exported), exported.choice, export.tolerance)
        names.setdefault((row["panel"], row["run"], row["iteration"]), []).append(folder)
    made: dict[tuple[str, int], dict[str, Any]] = {}
    rows = []
    for row in networks_to_compare(study, datasets, names.keys(), seed):
        key = (row["run"], row["iteration"])
        if key not in made:
            owner = (row["panel"], row["arm"])
            checkpoint = checkpoint_of(results, row)
            made[key] = _compressed(checkpoint, datasets[owner], export.precision)
        copied = ("panel", "arm", "seed", "run", "iteration", "sparsity")
        named = {
            column: row[column] for column in (*copied, "validation_accuracy", "test_accuracy")
        }
        exported_as = names.get((row["panel"], *key), [])
        rows.append({**named, "exports": exported_as, **made[key]})
    write_table(output, NETWORKS, rows, {"study": name})


def networks_to_compare(
    study: Sequence[Row],
    arms: Collection[tuple[str, str]],
    exported: Collection[tuple[str, str, int]],
    seed: int,
) -> list[Row]:
    """The rows of the study whose networks are compared, each network once in a panel.

    Every arm that has rows has a dense network among them.

    Args:
        study: every row of the study.
        arms: panel and arm of those to look at.
        exported: panel, run and iteration of the networks that are exported.
        seed: whose iterations are looked at.
    """
    lengths = Counter((row["panel"], row["arm"]) for row in study)
    owners: dict[tuple[str, str], str] = {}
    for panel, arm in sorted(arms, key=lambda key: -lengths[key]):
        for row in study:
            if (row["panel"], row["arm"]) == (panel, arm):
                owners.setdefault((panel, row["run"]), arm)
    owned = [row for row in study if owners.get((row["panel"], row["run"])) == row["arm"]]
    with_dense = {(row["panel"], row["arm"]) for row in owned if row["seed"] == seed}
    exported_runs = {(panel, run) for panel, run, _ in exported}

    def is_compared(row: Row) -> bool:
        if row["seed"] == seed or (row["panel"], row["run"], row["iteration"]) in exported:
            return True
        alone = (row["panel"], row["arm"]) not in with_dense
        return alone and row["iteration"] == 0 and (row["panel"], row["run"]) in exported_runs

    return [row for row in owned if is_compared(row)]


def _compressed(checkpoint: Checkpoint, dataset: Path, precision: str) -> dict[str, Any]:
    """What compression makes of a network."""
    data = load_dataset(dataset, dataset.stem)
    graph = graph_of(checkpoint.network(torch.device("cpu")), checkpoint.image)
    parts = parts_of(graph)
    small = parts[next(reversed(parts))]
    described = (data.mean, data.std, data.classes)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "network.safetensors")
        save_network(file, small, *described, precision, {})
        file_bytes = file.stat().st_size
    return {
        "parts": list(parts),
        "part_parameters": [float(part.parameters) for part in parts.values()],
        "part_macs": [float(part.macs()) for part in parts.values()],
        "part_bytes": [float(encoded_bytes(part, precision)) for part in parts.values()],
        "nonzero": small.nonzero,
        "nonzero_macs": small.macs(nonzero=True),
        "dense_bytes": dense_bytes(graph),
        "file_bytes": file_bytes,
        "onnx_bytes": onnx_model(small, *described).ByteSize(),
    }


def parts_of(graph: Graph) -> dict[str, Graph]:
    """The network after each part of its compression, by the part's name."""
    return {name: stage(graph) for name, stage in STAGES.items()}


def rows_of(study: Sequence[Row], exported: Exported) -> list[Row]:
    """The rows of an exported network's arm."""
    return [r for r in study if (r["panel"], r["arm"]) == (exported.panel, exported.arm)]


def checkpoint_of(results: Path, row: Row) -> Checkpoint:
    """The checkpoint of a row of the study's table.

    Args:
        results: the folder of all results.
        row: of the table.

    Raises:
        UserError: it is gone, or damaged.
    """
    path = paths.checkpoint_in(results, row["run"], row["iteration"])
    if not path.exists():
        raise UserError(
            f"{path}: there is no such file; make it anew by giving it to the same command,"
            " and then run the command again"
        )
    return load_checkpoint_of(path, row["run"], row["iteration"])


def compare(
    trained: torch.nn.Module, answers: Mapping[str, Callable[[Tensor], Tensor]], data: Dataset
) -> dict[str, Agreement]:
    """How functions of uint8 images agree with a trained network on all test images."""
    images = data.test.images
    stream = DecodingStream(images, 0) if isinstance(images, ImageFiles) else images
    test = ImageSet(stream, data.test.labels, data.mean, data.std)
    batches = list(test.batches(BATCH))
    expected = torch.cat([trained(test.normalise(batch)) for batch in batches])
    agreements = {}
    for name, answer in answers.items():
        logits = torch.cat([answer(batch) for batch in batches])
        agreements[name] = Agreement(
            accuracy=int((logits.argmax(1) == test.labels).sum()) / len(test),
            differing=int((logits.argmax(1) != expected.argmax(1)).sum()),
            difference=float((logits - expected).abs().max()),
            scale=float(expected.abs().max()),
        )
    return agreements
