"""One iteration of a run: prune, perturb, retrain, evaluate, measure (PPTE, Algorithm 1)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint_of, save_checkpoint
from dsd2.artefacts.resume import ResumeFile
from dsd2.artefacts.teacher_logits import load_teacher_logits
from dsd2.artefacts.weights import start_from_weights
from dsd2.config.resolve import check_rewind_step
from dsd2.devices import Given
from dsd2.environment import cuda_graphs, deadline, time_limit
from dsd2.errors import UserError
from dsd2.files.records import HISTORY, METRICS, write_table
from dsd2.nn.channels import coupled_channels
from dsd2.nn.keeping import HELD_OUT
from dsd2.nn.models import depthwise_weights, prunable_weights, pruned_weights
from dsd2.nn.precision import bf16_warning
from dsd2.nn.pruning import Masks, apply_masks, full_masks, prune
from dsd2.nn.schedule import scheduled_sparsity
from dsd2.nn.scores import Trained, scores
from dsd2.nn.teacher import Teacher, logits_of
from dsd2.nn.training import Progress, State, network_state, train
from dsd2.recipe import RunRecipe
from dsd2.seeds import derived_seed, generator
from dsd2.stages.measure import Job, JobFiles, metrics_row, open_job, print_outcome


@dataclass(frozen=True, kw_only=True)
class IterationFiles(JobFiles):
    """The files of an iteration; those of a previous one and of a teacher as far as needed."""

    previous: Path | None
    dense: Path | None
    table: Path | None
    resume: Path


def run_iteration(
    run: str,
    iteration: int,
    recipe: RunRecipe,
    files: IterationFiles,
    given: Given,
    save_every: float,
    started: float,
) -> None:
    """Train one iteration and write its artefacts; the checkpoint last.

    Args:
        run: name of the run.
        iteration: 0 trains the dense network.
        recipe: of the run.
        files: what to read and write.
        given: threads and GPUs; where images are streamed all threads but one, and at least one,
            decode.
        save_every: seconds between saves of the resume state.
        started: when the process started, as ``time.time()`` counts.

    Raises:
        UserError: an input is missing or damaged, or the training diverged.
        Stopped: the process was interrupted; what was trained is saved.
    """
    job = open_job(run, iteration, recipe, files, given, started)
    dataset = job.dataset
    model, masks, initial, weights = _start(job, files)
    masks = {name: mask.to(job.device) for name, mask in masks.items()}
    if warning := bf16_warning(recipe.training, job.device):
        print(warning, flush=True)
    teacher = _teacher(job, files)
    resume = ResumeFile(files.resume, key=f"{run}/{iteration}", every=save_every)
    with resume.saving_when_stopped():
        until = deadline(started)
        progress = _train(job, model, masks, teacher, resume, until)
        names = {"run": run, "iteration": iteration}
        # A state that an earlier version saved does not have all columns.
        rows = [{HELD_OUT: None, **names, **row} for row in progress.history]
        write_table(files.history, HISTORY, rows)
        row = metrics_row(job, model, masks, progress.history)
        write_table(files.metrics, METRICS, [row])
        # Last, so that a checkpoint without metrics has lost them: it was never left so.
        save_checkpoint(
            files.checkpoint,
            Checkpoint(
                run=run,
                iteration=iteration,
                recipe=recipe,
                model=recipe.model,
                image=dataset.image,
                classes=len(dataset.classes),
                state=network_state(model),
                masks=masks,
                rewind=progress.rewind or initial,
                start=weights,
            ),
        )
    resume.discard()
    print_outcome(row, masks)


def _train(
    job: Job,
    model: nn.Module,
    masks: Masks,
    teacher: Teacher | None,
    resume: ResumeFile,
    until: float | None,
) -> Progress:
    """Train from the start, or from where a killed attempt stood; a line an epoch.

    Raises:
        UserError: as :func:`dsd2.nn.training.train`, or another epoch would take longer than the
            job may; the state is saved.
    """
    recipe, iteration, data = job.recipe, job.iteration, job.data["train"]
    training = recipe.training
    if iteration > 0:
        training = recipe.perturbation.retraining(training)
    progress = resume.restore(model)
    if progress is None:
        apply_masks(prunable_weights(model), masks)

    def after_epoch(now: Progress) -> None:
        resume.after_epoch(model, now)
        last = now.history[-1]
        print(
            f"epoch {now.epoch}/{training.epochs}  loss {last['train_loss']:.4f}"
            f"  accuracy {last['train_accuracy']:.4f}  lr {last['learning_rate']:g}"
            f"  {last['seconds']:.2f} s",
            flush=True,
        )
        # What follows the last epoch takes less time than an epoch.
        if until is not None and time.time() + last["seconds"] > until:
            resume.save()
            raise UserError(
                f"stopped after epoch {now.epoch} of {training.epochs}, for its job may take"
                f" {time_limit()} minutes: what was trained is saved, and the next attempt, or the"
                " same command, goes on from it"
            )

    rewind_step = recipe.perturbation.rewind_step if iteration == 0 else 0
    if rewind_step:
        check_rewind_step(rewind_step, training, len(data))
    return train(
        model,
        masks,
        data,
        training,
        stream=(recipe.seed, "iteration", iteration),
        teacher=teacher,
        validation=job.data["validation"],
        rewind_step=rewind_step or None,
        progress=progress,
        after_epoch=after_epoch,
        graphs=cuda_graphs(),
    )


def _start(job: Job, files: IterationFiles) -> tuple[nn.Module, Masks, State, str | None]:
    """The network to train from, its masks on the CPU, and the state of step 0 to rewind to.

    Also which pretrained weights the run started from, in words. Weights are drawn, and scores are
    ranked, on the CPU whatever trains.
    """
    run, iteration, recipe, data = job.run, job.iteration, job.recipe, job.data["train"]
    torch.manual_seed(derived_seed(recipe.seed, "weights", iteration))
    model = recipe.model.build(job.dataset.image, len(job.dataset.classes))
    weights = None
    if iteration == 0 and (start := start_from_weights(model, recipe.model)) is not None:
        weights = start.sentence()
        print(f"starts from pretrained weights: {weights}", flush=True)
    fresh = network_state(model)
    model.to(data.device)
    if iteration == 0:
        kept = fresh if recipe.perturbation.rewinds else {}
        return model, full_masks(pruned_weights(model, recipe.pruning)), kept, weights
    assert files.previous is not None, "every iteration but the dense one has a previous"
    previous = load_checkpoint_of(files.previous, run, iteration - 1)
    dense = load_checkpoint_of(files.dense, run, 0) if files.dense is not None else previous
    model.load_state_dict(previous.state)
    draws = generator(recipe.seed, "pruning", iteration)
    ranked = scores(Trained(model, data, draws), recipe.pruning.criterion)
    filters = recipe.pruning.structure == "filters"
    channels = coupled_channels(model, job.dataset.image) if filters else ()
    masks = prune(ranked, previous.masks, recipe.pruning, depthwise_weights(model), channels)
    if all(torch.equal(masks[name], mask) for name, mask in previous.masks.items()):
        raise UserError(
            f"iteration {iteration} of {run} would train the network of iteration {iteration - 1}"
            f" again: config key pruning.fraction is {recipe.pruning.fraction}, of which a round"
            " removes nothing more; set pruning.target_sparsity to at most"
            f" {scheduled_sparsity(iteration, recipe.pruning.fraction):.6g}"
        )
    recipe.perturbation.perturb(model, dense.rewind, fresh)
    return model, masks, {}, previous.start


def _teacher(job: Job, files: IterationFiles) -> Teacher | None:
    """The teacher, with its cached logits where images have one view or there is a file of all."""
    recipe, checkpoint, data = job.recipe, job.teacher, job.data["train"]
    if checkpoint is None or recipe.distillation is None:
        return None
    teacher = Teacher(checkpoint.network(data.device), recipe.distillation)
    if recipe.training.views == 1:
        teacher.table = logits_of(teacher.model, data)
    elif recipe.distillation.table:
        if files.table is None:
            raise UserError("the run is distilled from a table: its file must be given")
        run, iteration = checkpoint.run, checkpoint.iteration
        corrected = job.labels.corrected
        images = len(data) + (corrected.dropped if corrected else 0)
        table = load_teacher_logits(files.table, run, iteration, images)
        table = table if job.kept is None else table[job.kept]
        teacher.table = table.to(data.device) if _fits(table, data.device) else table
    return teacher


def _fits(table: torch.Tensor, device: torch.device) -> bool:
    """Whether a table leaves half of a GPU's free memory to the training."""
    return device.type == "cuda" and 2 * table.nbytes <= torch.cuda.mem_get_info(device)[0]
