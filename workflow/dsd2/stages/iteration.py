"""One iteration of a run: prune, perturb, retrain, evaluate, measure (PPTE, Algorithm 1)."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dsd2.config.recipe import RunRecipe
from dsd2.data.dataset import Dataset, load_dataset
from dsd2.data.labels import Labels, load_labels
from dsd2.errors import UserError
from dsd2.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dsd2.files.records import HISTORY, METRICS, write_table
from dsd2.files.resume import ResumeFile
from dsd2.nn.entropy import StateCounts, channel_entropy, position_entropy
from dsd2.nn.evaluation import BATCH, Evaluation, evaluate, evaluate_with_states
from dsd2.nn.flops import TrainingCost, forward_cost, training_cost
from dsd2.nn.models import build_model, prunable_weights
from dsd2.nn.perturbation import perturb, retraining
from dsd2.nn.pruning import (
    Masks,
    apply_masks,
    densities,
    full_masks,
    prune,
    sparsity,
)
from dsd2.nn.randomness import be_deterministic, derived_seed
from dsd2.nn.schedule import scheduled_sparsity
from dsd2.nn.training import ImageSet, Progress, State, Teacher, network_state, train


@dataclass(frozen=True)
class IterationFiles:
    """The files of an iteration; ``previous``, ``dense`` and ``teacher`` as far as needed."""

    dataset: Path
    labels: Path
    previous: Path | None
    dense: Path | None
    teacher: Path | None
    resume: Path
    checkpoint: Path
    metrics: Path
    history: Path


def run_iteration(
    run: str,
    iteration: int,
    recipe: RunRecipe,
    files: IterationFiles,
    threads: int,
    save_every: float,
    started: float,
) -> None:
    """Train one iteration and write its artefacts; the metrics last.

    Args:
        run: name of the run.
        iteration: 0 trains the dense network.
        recipe: of the run.
        files: what to read and write.
        threads: CPU threads.
        save_every: seconds between saves of the resume state.
        started: when the process started, as ``time.time()`` counts.

    Raises:
        UserError: an input is missing or damaged, or the training diverged.
    """
    torch.set_num_threads(threads)
    be_deterministic()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset, labels = load_dataset(files.dataset), load_labels(files.labels)
    data = _image_sets(dataset, labels, device)
    model, masks, initial = _start(recipe, iteration, dataset, files)
    model.to(device)
    masks = {name: mask.to(device) for name, mask in masks.items()}
    teacher, teacher_file = _teacher(recipe, files, data["train"], device)
    training = recipe.training
    if iteration > 0:
        training = retraining(training, recipe.perturbation)
    resume = ResumeFile(files.resume, key=f"{run}/{iteration}", every=save_every)
    progress = resume.restore(model)
    if progress is None:
        apply_masks(prunable_weights(model), masks)

    def after_epoch(now: Progress) -> None:
        last = now.history[-1]
        print(
            f"epoch {now.epoch}/{training.epochs}  loss {last['train_loss']:.4f}"
            f"  accuracy {last['train_accuracy']:.4f}  lr {last['learning_rate']:g}"
            f"  {last['seconds']:.2f} s",
            flush=True,
        )
        resume.save_if_due(model, now)

    rewind_step = recipe.perturbation.rewind_step if iteration == 0 else 0
    progress = train(
        model,
        masks,
        data["train"],
        training,
        stream=(recipe.seed, "iteration", iteration),
        teacher=teacher,
        rewind_step=rewind_step or None,
        progress=progress,
        after_epoch=after_epoch,
    )
    if rewind_step and not progress.rewind:
        raise UserError(
            f"config key perturbation.rewind_step is {rewind_step}, beyond the dense training"
        )
    save_checkpoint(
        files.checkpoint,
        Checkpoint(
            run=run,
            iteration=iteration,
            model=recipe.model,
            image=dataset.image,
            classes=len(dataset.classes),
            state=network_state(model),
            masks=masks,
            initial=initial if iteration == 0 else {},
            rewind=progress.rewind,
        ),
    )
    names = {"run": run, "iteration": iteration}
    write_table(files.history, HISTORY, [{**names, **row} for row in progress.history])
    train_set, counts = evaluate_with_states(model, data["train"])
    held_out = {split: evaluate(model, data[split]) for split in ("validation", "test")}
    cost = _cost(model, masks, recipe, dataset, teacher, teacher_file)
    row: dict[str, Any] = {
        **names,
        "seed": recipe.seed,
        "scheduled_sparsity": scheduled_sparsity(iteration, recipe.pruning.fraction),
        **_structure(model, masks),
        **_fit(train_set, labels, data["train"]),
        **{f"{s}_{m}": getattr(e, m) for s, e in held_out.items() for m in ("accuracy", "loss")},
        **_entropies(counts),
        "epochs": training.epochs,
        "flops_paper": cost.paper,
        "flops_dense": cost.dense,
        "flops_sparse": cost.sparse,
        "teacher_run": teacher_file.run if teacher_file else None,
        "teacher_iteration": teacher_file.iteration if teacher_file else None,
        "seconds_training": sum(epoch["seconds"] for epoch in progress.history),
        "seconds": time.time() - started,
        "peak_memory": _peak_memory(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "threads": threads,
        "torch": torch.__version__,
        "origin": dataset.origin,
    }
    write_table(files.metrics, METRICS, [row])
    resume.discard()
    print(
        f"sparsity {row['sparsity']:.4f}  test accuracy {row['test_accuracy']:.4f}"
        f"  validation accuracy {row['validation_accuracy']:.4f}  entropy {row['entropy']:.4f}",
        flush=True,
    )


def _image_sets(dataset: Dataset, labels: Labels, device: torch.device) -> dict[str, ImageSet]:
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
        if len(given) != len(images):
            raise UserError(f"{split}: {len(given)} labels for {len(images)} images")
        sets[split] = ImageSet(images.to(device), given.to(device), mean, std)
    return sets


def _start(
    recipe: RunRecipe,
    iteration: int,
    dataset: Dataset,
    files: IterationFiles,
) -> tuple[nn.Module, Masks, State]:
    """The network and masks to train from, on the CPU, and the state that it was drawn with.

    Pruning is done on the CPU whatever trains: it is the same there on every machine.
    """
    torch.manual_seed(derived_seed(recipe.seed, "weights", iteration))
    model = build_model(recipe.model, dataset.image, len(dataset.classes))
    fresh = network_state(model)
    if iteration == 0:
        return model, full_masks(prunable_weights(model)), fresh
    assert files.previous is not None, "every iteration but the dense one has a previous"
    previous = load_checkpoint(files.previous)
    if previous.iteration != iteration - 1:
        raise UserError(f"{files.previous}: is of iteration {previous.iteration}")
    dense = load_checkpoint(files.dense) if files.dense is not None else previous
    model.load_state_dict(previous.state)
    pruning = recipe.pruning
    masks = prune(prunable_weights(model), previous.masks, pruning.criterion, pruning.fraction)
    perturb(model, recipe.perturbation, dense.initial, dense.rewind, fresh)
    return model, masks, {}


def _teacher(
    recipe: RunRecipe, files: IterationFiles, data: ImageSet, device: torch.device
) -> tuple[Teacher | None, Checkpoint | None]:
    if recipe.distillation is None or files.teacher is None:
        return None, None
    checkpoint = load_checkpoint(files.teacher)
    teacher = Teacher(checkpoint.network(device), data, recipe.distillation)
    if recipe.training.augmentation == "none":
        teacher.tabulate(BATCH)
    return teacher, checkpoint


def _cost(
    model: nn.Module,
    masks: Masks,
    recipe: RunRecipe,
    dataset: Dataset,
    teacher: Teacher | None,
    teacher_file: Checkpoint | None,
) -> TrainingCost:
    images, epochs = len(dataset.train.labels), recipe.training.epochs
    student, density = forward_cost(model, dataset.image), densities(masks)
    if teacher is None or teacher_file is None:
        return training_cost(student, density, images, epochs)
    seen = images if teacher.table is not None else images * epochs
    return training_cost(
        student,
        density,
        images,
        epochs,
        teacher=forward_cost(teacher.model, dataset.image),
        teacher_densities=densities(teacher_file.masks),
        teacher_images=seen,
    )


def _structure(model: nn.Module, masks: Masks) -> dict[str, Any]:
    density = densities(masks)
    return {
        "sparsity": sparsity(masks),
        "parameters": sum(p.numel() for p in model.parameters()),
        "prunable": sum(mask.numel() for mask in masks.values()),
        "layers": list(density),
        "layer_density": list(density.values()),
        "dead_layers": sum(value == 0 for value in density.values()),
    }


def _fit(train_set: Evaluation, labels: Labels, data: ImageSet) -> dict[str, Any]:
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


def _entropies(counts: StateCounts) -> dict[str, Any]:
    position = [position_entropy(on, counts.images) for on in counts.values()]
    channel = [channel_entropy(on, counts.images) for on in counts.values()]
    return {
        "entropy": sum(position) / len(position),
        "entropy_channel": sum(channel) / len(channel),
        "states": list(counts),
        "state_entropy": position,
        "state_entropy_channel": channel,
    }


def _peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
