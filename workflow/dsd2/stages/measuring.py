"""The columns of an iteration's row of metrics, measured on the trained network."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from dsd2.config.recipe import RunRecipe
from dsd2.data.dataset import Dataset
from dsd2.data.labels import Labels
from dsd2.errors import UserError
from dsd2.files.checkpoint import Checkpoint
from dsd2.nn.entropy import StateCounts, channel_entropy, position_entropy
from dsd2.nn.evaluation import Evaluation, evaluate, evaluate_with_states
from dsd2.nn.flops import forward_cost, training_cost
from dsd2.nn.footprint import footprint
from dsd2.nn.images import ImageSet
from dsd2.nn.pruning import Masks, densities, sparsity
from dsd2.nn.teacher import passes_an_image

Columns = dict[str, Any]
"""Some of the columns of the metrics' schema, by name."""


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
    student, density = forward_cost(model, dataset.image), densities(masks)
    if taught_by is None:
        cost = training_cost(student, density, images, epochs)
    else:
        cost = training_cost(
            student,
            density,
            images,
            epochs,
            teacher=footprint(taught_by.model, taught_by.image, taught_by.classes).cost,
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
