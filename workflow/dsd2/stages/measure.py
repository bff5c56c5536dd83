"""The columns of an iteration's row of metrics, measured on the trained network."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint_of
from dsd2.data.corrections import without_dropped
from dsd2.data.dataset import Dataset, load_dataset
from dsd2.data.labels import Labels, load_labels
from dsd2.data.streaming import batchable
from dsd2.devices import Given, share_threads, stage_device
from dsd2.errors import UserError
from dsd2.nn.calibration import calibration_columns
from dsd2.nn.classwise import class_columns
from dsd2.nn.entropy import StateCounts, channel_entropy, position_entropy
from dsd2.nn.evaluation import Evaluation, evaluate, evaluate_with_states
from dsd2.nn.flops import training_cost
from dsd2.nn.footprint import footprint, sizes_of
from dsd2.nn.images import ImageSet
from dsd2.nn.keeping import kept_epoch
from dsd2.nn.pruning import Masks, densities, sparsity
from dsd2.nn.schedule import scheduled_sparsity
from dsd2.nn.teacher import passes_an_image
from dsd2.paths import dataset_name, labels_name
from dsd2.processes import peak_memory
from dsd2.recipe import RunRecipe
from dsd2.seeds import be_deterministic

Columns = dict[str, Any]
"""Some of the columns of the metrics' schema, by name."""


@dataclass(frozen=True)
class Job:
    """What a stage that trains or measures an iteration works on.

    Attributes:
        run: name of the run.
        iteration: of the run.
        recipe: of the run.
        dataset: the images.
        labels: of the training and validation images.
        kept: places of the training images among all of the dataset's, where some were dropped.
        data: the images of each split on the device with the labels that are used, by the
            split's name.
        teacher: the teacher's checkpoint, if there is one.
        device: of the networks and images.
        threads: CPU threads.
        started: when the process started, later by what it waited for a GPU, as ``time.time()``
            counts.
    """

    run: str
    iteration: int
    recipe: RunRecipe
    dataset: Dataset
    labels: Labels
    kept: torch.Tensor | None
    data: dict[str, ImageSet]
    teacher: Checkpoint | None
    device: torch.device
    threads: int
    started: float


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """The files that a job is opened from, and those that it leaves."""

    dataset: Path
    labels: Path
    teacher: Path | None
    checkpoint: Path
    metrics: Path
    history: Path


def open_job(
    run: str, iteration: int, recipe: RunRecipe, files: JobFiles, given: Given, started: float
) -> Job:
    """Share the threads, take a device, and load images, labels and teacher.

    Of the threads all but one, and at least one, decode streamed images.

    Raises:
        UserError: a file is missing or damaged, or belongs to something else.
    """
    workers = share_threads(given.threads, streamed=recipe.dataset.stream)
    be_deterministic()
    device, waited = stage_device(given.gpus)
    dataset = load_dataset(files.dataset, dataset_name(recipe.dataset))
    dataset = dataset.normalised_for(recipe.model)
    labels = load_labels(files.labels, dataset, labels_name(recipe.dataset, recipe.noise))
    dataset, labels, kept = without_dropped(dataset, labels)
    data = image_sets(dataset, labels, device, workers)
    teacher, taught = None, recipe.distillation
    if taught is not None:
        if files.teacher is None or taught.teacher_iteration is None:
            raise UserError("the run is distilled: its teacher must be selected and its file given")
        teacher = load_checkpoint_of(files.teacher, taught.teacher_run, taught.teacher_iteration)
    about, clock = (run, iteration, recipe, dataset, labels, kept, data), started + waited
    return Job(*about, teacher, device, given.threads, clock)


def metrics_row(
    job: Job, model: nn.Module, masks: Masks, history: Sequence[Mapping[str, Any]]
) -> Columns:
    """The row of metrics of a trained network.

    Args:
        job: the iteration.
        model: its network, on the job's device.
        masks: its living weights.
        history: what is known of each epoch.

    Raises:
        UserError: a loss is NaN or infinite.
    """
    recipe, origin, teacher = job.recipe, job.dataset.origin, job.teacher
    if recipe.noise.stand_in and not recipe.dataset.stand_in:
        origin = f"stand-in for human labels of {origin}"
    cuda = job.device.type == "cuda"
    return {
        "run": job.run,
        "iteration": job.iteration,
        "seed": recipe.seed,
        "scheduled_sparsity": scheduled_sparsity(job.iteration, recipe.pruning.fraction),
        **structure_columns(model, masks),
        **accuracy_columns(model, job.data, job.labels, job.dataset.classes),
        **cost_columns(job, model, masks),
        "kept_epoch": kept_epoch(recipe.training, history),
        "teacher_run": teacher.run if teacher else None,
        "teacher_iteration": teacher.iteration if teacher else None,
        "seconds_training": sum(epoch["seconds"] for epoch in history),
        "seconds": time.time() - job.started,
        "peak_memory": peak_memory(),
        "peak_gpu_memory": torch.cuda.max_memory_reserved() if cuda else None,
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": job.threads,
        "torch": torch.__version__,
        "origin": origin,
    }


def print_outcome(row: Columns, masks: Masks) -> None:
    """What a stage's log says at its end."""
    if row["dead_layers"]:
        dead = [name for name, mask in masks.items() if not mask.any()]
        print(f"no weight is left in {len(dead)} of {len(masks)} layers: {', '.join(dead)}")
    print(
        f"sparsity {row['sparsity']:.4f}  test accuracy {row['test_accuracy']:.4f}"
        f"  validation accuracy {row['validation_accuracy']:.4f}  entropy {row['entropy']:.4f}",
        flush=True,
    )


def image_sets(
    dataset: Dataset, labels: Labels, device: torch.device, workers: int
) -> dict[str, ImageSet]:
    """The images of each split on a device, with the labels that are used, by the split's name.

    Args:
        dataset: the images.
        labels: of the training and validation images.
        device: where images in memory go.
        workers: processes that decode images in files.
    """
    own = {
        "train": labels.train.given,
        "validation": dataset.validation.labels
        if labels.validation is None
        else labels.validation.given,
        "test": dataset.test.labels,
    }
    sets = {}
    for split, given in own.items():
        images = batchable(getattr(dataset, split).images, workers, pinned=device.type == "cuda")
        sets[split] = ImageSet(images, given, dataset.mean, dataset.std).to(device)
    return sets


def cost_columns(job: Job, model: nn.Module, masks: Masks) -> Columns:
    """What the training of a network cost, by the three counts."""
    dataset, teacher, epochs = job.dataset, job.teacher, job.recipe.training.epochs
    images = len(dataset.train.labels)
    teacher_sizes = teacher_densities = None
    if teacher is not None:
        teacher_sizes = footprint(teacher.model, teacher.image, teacher.classes)
        teacher_densities = densities(teacher.masks)
    cost = training_cost(
        sizes_of(model, dataset.image),
        densities(masks),
        images,
        epochs,
        teacher=teacher_sizes,
        teacher_densities=teacher_densities,
        teacher_images=images * passes_an_image(job.recipe, job.iteration),
    )
    return {
        "epochs": epochs,
        "flops_paper": cost.paper,
        "flops_dense": cost.dense,
        "flops_sparse": cost.sparse,
    }


def accuracy_columns(
    model: nn.Module, data: dict[str, ImageSet], labels: Labels, classes: Sequence[str]
) -> Columns:
    """Accuracy, loss, calibration, entropy and what each class has: one pass over each split.

    A network without neurons that are on or off has no entropy of eq. 1: NaN.

    Args:
        model: on the device of the data.
        data: the images of each split with the labels that are used, by the split's name.
        labels: of the training and validation images.
        classes: names of the classes.

    Raises:
        UserError: a loss is NaN or infinite.
    """
    train_set, counts = evaluate_with_states(model, data["train"])
    held_out = {split: evaluate(model, data[split]) for split in ("validation", "test")}
    for split, evaluation in {"training": train_set, **held_out}.items():
        if not math.isfinite(evaluation.loss):
            raise UserError(
                f"the trained network's loss on the {split} images is {evaluation.loss}: the"
                " training diverged in its last steps; lower training.learning_rate"
            )
    predictions = {split: evaluation.predictions for split, evaluation in held_out.items()}
    return {
        **_fit(train_set, labels, data["train"]),
        **_entropies(counts),
        **{f"{s}_{m}": getattr(e, m) for s, e in held_out.items() for m in ("accuracy", "loss")},
        **calibration_columns(held_out, {split: d.labels for split, d in data.items()}),
        **class_columns(predictions, {split: d.labels for split, d in data.items()}, classes),
    }


def structure_columns(model: nn.Module, masks: Masks) -> Columns:
    """How large the network is, and what of each layer lives."""
    density = densities(masks)
    return {
        "sparsity": sparsity(masks),
        "parameters": sum(p.numel() for p in model.parameters()),
        "prunable": sum(mask.numel() for mask in masks.values()),
        "layers": list(density),
        "layer_density": list(density.values()),
        "dead_layers": sum(value == 0 for value in density.values()),
    }


def _fit(train_set: Evaluation, labels: Labels, data: ImageSet) -> Columns:
    clean = labels.train.clean.to(data.labels.device)
    right = train_set.predictions == clean
    wrong = clean != data.labels
    mislabelled = int(wrong.sum())
    memorized = int((train_set.predictions == data.labels)[wrong].sum())
    return {
        "train_accuracy": train_set.accuracy,
        "train_loss": train_set.loss,
        "train_accuracy_clean": int(right.sum()) / len(clean),
        "memorised": memorized / mislabelled if mislabelled else None,
        "noise_rate": mislabelled / len(clean),
        "dropped": labels.corrected.dropped if labels.corrected else None,
        "relabelled": labels.corrected.relabelled if labels.corrected else None,
        "train_images": len(clean),
    }


def _mean(layers: list[float]) -> float:
    """Mean over layers; of none it is no number."""
    return sum(layers) / len(layers) if layers else math.nan


def _entropies(counts: StateCounts) -> Columns:
    position = [position_entropy(on, counts.images) for on in counts.values()]
    channel = [channel_entropy(on, counts.images) for on in counts.values()]
    return {
        "entropy": _mean(position),
        "entropy_channel": _mean(channel),
        "states": list(counts),
        "state_entropy": position,
        "state_entropy_channel": channel,
    }
