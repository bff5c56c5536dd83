"""What the workflow does to a network, stage by stage, in one process."""

import dataclasses
import time

from recipes import run_recipe, training

from dsd2.devices import Given
from dsd2.paths import run_name
from dsd2.recipe import DatasetRecipe, DistillationRecipe, NoiseRecipe, PruningRecipe
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.train import IterationFiles, run_iteration

PHOTOS = DatasetRecipe.of("cifar10", stand_in=True, train=40, test=20, validation=20, split_seed=0)
NOISE = NoiseRecipe.of("symmetric", rate=0.2, seed=0, validation="clean")


def make_data(folder, dataset=PHOTOS):
    """The dataset and its noisy labels, in a folder."""
    run_dataset(dataset, [], False, folder / "dataset")
    run_labels(folder / "dataset", dataset, NOISE, [], folder / "labels")


def recipe_of(model, dataset=PHOTOS, **settings):
    """A run of one epoch an iteration, that halves the weights."""
    usual = {
        "dataset": dataset,
        "noise": NOISE,
        "model": model,
        "training": training(
            epochs=1, batch_size=20, learning_rate=0.001, optimiser="adamw", schedule="cosine"
        ),
        "pruning": PruningRecipe(criterion="magnitude", fraction=0.5),
    }
    return run_recipe(**{**usual, **settings})


def taught(recipe, iteration=1, **settings):
    """The same run as a student of an iteration of a run."""
    distilled = DistillationRecipe(
        teacher_run=run_name(recipe), teacher_iteration=iteration, alpha=0.8, temperature=4
    )
    return dataclasses.replace(recipe, distillation=distilled, **settings)


def file_of(folder, recipe, iteration, kind="checkpoint"):
    """A file of an iteration of a run."""
    return folder / f"{run_name(recipe)}-{iteration}.{kind}"


def train(folder, recipe, iterations):
    """Train some iterations, the first of which may be the dense network."""
    for iteration in iterations:
        kinds = ("checkpoint", "metrics", "history", "resume")
        files = {kind: file_of(folder, recipe, iteration, kind) for kind in kinds}
        before = {"previous": None, "dense": None, "teacher": None, "table": None}
        if iteration:
            before |= {"previous": file_of(folder, recipe, iteration - 1)}
            before |= {"dense": file_of(folder, recipe, 0)}
        if (distilled := recipe.distillation) is not None:
            name = f"{distilled.teacher_run}-{distilled.teacher_iteration}.checkpoint"
            before["teacher"] = folder / name
        data = {name: folder / name for name in ("dataset", "labels")}
        place = IterationFiles(**data, **before, **files)
        run_iteration(run_name(recipe), iteration, recipe, place, Given(1), 1e9, time.time())
