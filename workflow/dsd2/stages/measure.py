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
from dsd2.data.dataset import Dataset
from dsd2.data.files import ImageFiles
from dsd2.data.labels import Labels
from dsd2.data.streaming import DecodingStream
from dsd2.errors import UserError
from dsd2.nn.entropy import StateCounts, channel_entropy, position_entropy
from dsd2.nn.evaluation import Evaluation, evaluate, evaluate_with_states
from dsd2.nn.flops import training_cost
from dsd2.nn.footprint import footprint, sizes_of
from dsd2.nn.images import ImageSet
from dsd2.nn.pruning import Masks, densities, sparsity
from dsd2.nn.schedule import scheduled_sparsity
from dsd2.nn.teacher import passes_an_image
from dsd2.processes import peak_memory
from dsd2.recipe import DistillationRecipe, RunRecipe

Columns = dict[str, Any]
"""Some of the columns of the metrics' schema, by name."""


@dataclass(frozen=True)
class Circumstances:
    """What a stage ran on, and since when.

    Attributes:
        device: of the networks and images.
        threads: CPU threads.
        started: when the process started, as ``time.time()`` counts.
    """

    device: torch.device
    threads: int
    started: float

    def columns(self) -> Columns:
        """Time, memory and environment so far."""
        cuda = self.device.type == "cuda"
        return {
            "seconds": time.time() - self.started,
            "peak_memory": peak_memory(),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "threads": self.threads,
            "torch": torch.__version__,
        }


def metrics_row(
    run: str,
    iteration: int,
    recipe: RunRecipe,
    model: nn.Module,
    masks: Masks,
    dataset: Dataset,
    labels: Labels,
    data: dict[str, ImageSet],
    taught_by: Checkpoint | None,
    history: Sequence[Mapping[str, Any]],
    where: Circumstances,
) -> Columns:
    """The row of metrics of a trained network.

    Args:
        run: name of the run.
        iteration: of the run.
        recipe: of the run.
        model: the network, on the stage's device.
        masks: its living weights.
        dataset: that it was trained on.
        labels: likewise.
        data: the images of each split with the labels that are used, by the split's name.
        taught_by: the teacher's checkpoint, if there is one.
        history: what is known of each epoch.
        where: what the stage runs on.

    Raises:
        UserError: a loss is NaN or infinite.
    """
    origin = dataset.origin
    if recipe.noise.stand_in and not recipe.dataset.stand_in:
        origin = f"stand-in for human labels of {origin}"
    return {
        "run": run,
        "iteration": iteration,
        "seed": recipe.seed,
        "scheduled_sparsity": scheduled_sparsity(iteration, recipe.pruning.fraction),
        **structure_columns(model, masks),
        **accuracy_columns(model, data, labels),
        **cost_columns(model, masks, recipe, iteration, dataset, taught_by),
        "teacher_run": taught_by.run if taught_by else None,
        "teacher_iteration": taught_by.iteration if taught_by else None,
        "seconds_training": sum(epoch["seconds"] for epoch in history),
        **where.columns(),
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


def share_threads(threads: int, recipe: RunRecipe) -> int:
    """Give this process its share of a stage's threads.

    Returns:
        How many worker processes decode streamed images: all threads but one, and at least one.
    """
    workers = max(1, threads - 1) if recipe.dataset.stream else 0
    torch.set_num_threads(max(1, threads - workers))
    return workers


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
    mean, std = dataset.mean.to(device), dataset.std.to(device)
    own = {
        "train": labels.train.given,
        "validation": dataset.validation.labels
        if labels.validation is None
        else labels.validation.given,
        "test": dataset.test.labels,
    }
    sets = {}
    for split, given in own.items():
        images = getattr(dataset, split).images
        held = (
            DecodingStream(images, workers, pinned=device.type == "cuda")
            if isinstance(images, ImageFiles)
            else images.to(device)
        )
        sets[split] = ImageSet(held, given.to(device), mean, std)
    return sets


def load_teacher(recipe: DistillationRecipe, path: Path | None) -> Checkpoint:
    """The checkpoint of a run's teacher.

    Raises:
        UserError: it is not selected or given, or the file is not the teacher's.
    """
    if path is None or recipe.teacher_iteration is None:
        raise UserError("the run is distilled: its teacher must be selected and its file given")
    return load_checkpoint_of(path, recipe.teacher_run, recipe.teacher_iteration)


def cost_columns(
    model: nn.Module,
    masks: Masks,
    recipe: RunRecipe,
    iteration: int,
    dataset: Dataset,
    taught_by: Checkpoint | None,
) -> Columns:
    """What the training cost, by the three counts.

    Args:
        model: the student.
        masks: its living weights.
        recipe: of the run.
        iteration: of the run.
        dataset: that it was trained on.
        taught_by: the teacher's checkpoint, if there is one.
    """
    images, epochs = len(dataset.train.labels), recipe.training.epochs
    student, density = sizes_of(model, dataset.image), densities(masks)
    if taught_by is None:
        cost = training_cost(student, density, images, epochs)
    else:
        cost = training_cost(
            student,
            density,
            images,
            epochs,
            teacher=footprint(taught_by.model, taught_by.image, taught_by.classes),
            teacher_densities=densities(taught_by.masks),
            teacher_images=images * passes_an_image(recipe, iteration),
        )
    return {
        "epochs": epochs,
        "flops_paper": cost.paper,
        "flops_dense": cost.dense,
        "flops_sparse": cost.sparse,
    }


def accuracy_columns(model: nn.Module, data: dict[str, ImageSet], labels: Labels) -> Columns:
    """Accuracy, loss and entropy: one pass over each split, whose entries ``data`` has by name.

    A network without ReLU has no entropy of eq. 1: NaN.

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
    return {
        **_fit(train_set, labels, data["train"]),
        **_entropies(counts),
        **{f"{s}_{m}": getattr(e, m) for s, e in held_out.items() for m in ("accuracy", "loss")},
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
    fooled = int((train_set.predictions == data.labels)[wrong].sum())
    return {
        "train_accuracy": train_set.accuracy,
        "train_loss": train_set.loss,
        "train_accuracy_clean": int(right.sum()) / len(clean),
        "memorised": fooled / mislabelled if mislabelled else None,
        "noise_rate": mislabelled / len(clean),
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
