"""Measure an iteration again from its checkpoint, where its metrics are gone."""

from __future__ import annotations

from dsd2.artefacts.checkpoint import load_checkpoint_of
from dsd2.devices import Given
from dsd2.errors import remake
from dsd2.files.identity import check_identity
from dsd2.files.records import HISTORY, METRICS, read_rows, write_table
from dsd2.recipe import RunRecipe
from dsd2.stages.measure import JobFiles, metrics_row, open_job, print_outcome


class EvaluationFiles(JobFiles):
    """The files of an evaluation: what a training left, and what it was trained from."""


def run_evaluate(
    run: str,
    iteration: int,
    recipe: RunRecipe,
    files: EvaluationFiles,
    given: Given,
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
        given: threads and GPUs.
        started: when the process started, as ``time.time()`` counts.

    Raises:
        UserError: a file is missing, damaged, or belongs to something else.
    """
    job = open_job(run, iteration, recipe, files, given, started)
    checkpoint = load_checkpoint_of(files.checkpoint, run, iteration)
    history = read_rows(files.history, HISTORY)
    for row in history:
        check_identity(
            files.history, row, {"run": run, "iteration": iteration}, remake(files.history)
        )
    masks = {name: mask.to(job.device) for name, mask in checkpoint.masks.items()}
    row = metrics_row(job, checkpoint.network(job.device), masks, history)
    row["seconds"] += row["seconds_training"]
    write_table(files.metrics, METRICS, [row])
    print("measured again from the checkpoint; seconds and peak_memory are not the training's")
    print_outcome(row, masks)
