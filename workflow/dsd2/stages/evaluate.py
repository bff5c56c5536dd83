"""Measure an iteration again from its checkpoint, where its metrics are gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dsd2.artefacts.checkpoint import load_checkpoint_of
from dsd2.data.dataset import load_dataset
from dsd2.data.labels import load_labels
from dsd2.devices import stage_device
from dsd2.errors import remake
from dsd2.files.identity import check_identity
from dsd2.files.records import HISTORY, METRICS, read_rows, write_table
from dsd2.paths import dataset_name, labels_name
from dsd2.recipe import RunRecipe
from dsd2.seeds import be_deterministic
from dsd2.stages.measure import (
    Circumstances,
    image_sets,
    load_teacher,
    metrics_row,
    print_outcome,
    share_threads,
)


@dataclass(frozen=True)
class EvaluationFiles:
    """The files of an evaluation: what a training left, and what it was trained from."""

    dataset: Path
    labels: Path
    teacher: Path | None
    checkpoint: Path
    history: Path
    metrics: Path


def run_evaluate(
    run: str,
    iteration: int,
    recipe: RunRecipe,
    files: EvaluationFiles,
    threads: int,
    started: float,
) -> None:
    """Write the metrics of an iteration that is trained.

    They are those of the training but for time and memory: ``seconds`` is the training loop's time
    and this stage's, ``peak_memory`` this stage's.

    Args:
        run: name of the run.
        iteration: of the run.
        recipe: of the run.
        files: what to read and write.
        threads: CPU threads.
        started: when the process started, as ``time.time()`` counts.

    Raises:
        UserError: a file is missing, damaged, or belongs to something else.
    """
    workers = share_threads(threads, recipe)
    be_deterministic()
    device = stage_device()
    dataset = load_dataset(files.dataset, dataset_name(recipe.dataset))
    labels = load_labels(files.labels, dataset, labels_name(recipe.dataset, recipe.noise))
    checkpoint = load_checkpoint_of(files.checkpoint, run, iteration)
    history = read_rows(files.history, HISTORY)
    for row in history:
        check_identity(
            files.history, row, {"run": run, "iteration": iteration}, remake(files.history)
        )
    taught_by = None
    if recipe.distillation is not None:
        taught_by = load_teacher(recipe.distillation, files.teacher)
    masks = {name: mask.to(device) for name, mask in checkpoint.masks.items()}
    row = metrics_row(
        run,
        iteration,
        recipe,
        checkpoint.network(device),
        masks,
        dataset,
        labels,
        image_sets(dataset, labels, device, workers),
        taught_by,
        history,
        Circumstances(device, threads, started),
    )
    row["seconds"] += row["seconds_training"]
    write_table(files.metrics, METRICS, [row])
    print("measured again from the checkpoint; seconds and peak_memory are not the training's")
    print_outcome(row, masks)
