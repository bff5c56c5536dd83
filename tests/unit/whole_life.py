"""What the workflow does to a network, stage by stage, in one process."""

import dataclasses
import time

from recipes import run_recipe, training

from dsd2 import paths
from dsd2.config.export_options import Export, Exported
from dsd2.devices import Given
from dsd2.paths import dataset_name, run_name
from dsd2.recipe import DatasetRecipe, DistillationRecipe, NoiseRecipe, PruningRecipe
from dsd2.stages.export import ExportFiles, run_export
from dsd2.stages.gating import run_collect, run_gate
from dsd2.stages.prepare import run_dataset, run_labels
from dsd2.stages.study_metrics import Entry, run_study
from dsd2.stages.train import IterationFiles, run_iteration

PHOTOS = DatasetRecipe.of("cifar10", stand_in=True, train=40, test=20, validation=20, split_seed=0)
NOISE = NoiseRecipe.of("symmetric", rate=0.2, seed=0, validation="clean")


def make_data(folder, dataset=PHOTOS):
    """The dataset and its noisy labels, in a folder."""
    run_dataset(dataset, [], False, folder / "dataset")
    (folder / f"{dataset_name(dataset)}.safetensors").symlink_to(folder / "dataset")
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


def file_of(folder, recipe, iteration, pattern=paths.CHECKPOINT):
    """A file of an iteration of a run, where the workflow has it."""
    return folder / pattern.format(run=run_name(recipe), i=paths.number(iteration))


def train(folder, recipe, iterations):
    """Train some iterations, the first of which may be the dense network."""
    patterns = {
        "checkpoint": paths.CHECKPOINT,
        "metrics": paths.METRICS,
        "history": paths.HISTORY,
        "resume": paths.RESUME,
    }
    for iteration in iterations:
        files = {k: file_of(folder, recipe, iteration, path) for k, path in patterns.items()}
        files["checkpoint"].parent.mkdir(parents=True, exist_ok=True)
        before = {"previous": None, "dense": None, "teacher": None, "table": None}
        if iteration:
            before |= {"previous": file_of(folder, recipe, iteration - 1)}
            before |= {"dense": file_of(folder, recipe, 0)}
        if (distilled := recipe.distillation) is not None:
            number = paths.number(distilled.teacher_iteration)
            path = paths.CHECKPOINT.format(run=distilled.teacher_run, i=number)
            before["teacher"] = folder / path
        data = {name: folder / name for name in ("dataset", "labels")}
        place = IterationFiles(**data, **before, **files)
        run_iteration(run_name(recipe), iteration, recipe, place, Given(1), 1e9, time.time())


def gate(folder, recipe, iterations, policy):
    """Judge the iterations of a run one by one; collect them in a chain's table."""
    run, metrics, gates = run_name(recipe), [], []
    for iteration in range(iterations):
        metrics.append(file_of(folder, recipe, iteration, paths.METRICS))
        gates.append(folder / f"{run}-{iteration}.gate.json")
        run_gate(run, iteration, metrics[-1], gates[-2] if iteration else None, policy, gates[-1])
    run_collect(run, policy, iterations - 1, metrics, gates, folder / f"{run}.chain")


def collect(folder, runs, policy):
    """The table of a study whose arms are runs, each but the first taught by the first."""
    study = folder / paths.STUDY_METRICS.format(study="s")
    study.parent.mkdir(parents=True)
    first = next(iter(runs))
    entries = [
        Entry(
            panel="all",
            arm=name,
            seed=0,
            run=run_name(recipe),
            stopping=policy.slug,
            last=last,
            path=str(folder / f"{run_name(recipe)}.chain"),
            teacher=None if name == first else first,
            select=None if name == first else 1,
        )
        for name, (recipe, last) in runs.items()
    ]
    run_study("s", entries, study)
    return study


def export(folder, study, arm, choice="best", precision="fp32"):
    """Export an arm's network; the folder of its files."""
    place = folder / "exported"
    place.mkdir(exist_ok=True)
    names = {
        "network": "network.safetensors",
        "onnx": "network.onnx",
        "loader": "load_network.py",
        "preprocessing": "preprocessing.json",
        "reader": "preprocessing.py",
        "classifier": "classify.py",
        "card": "card.md",
        "sums": "SHA256SUMS",
    }
    about = {"label": arm, "noise": "symmetric", "own": False, "stand_in": True, "tested": False}
    about["corrections"] = None
    run_export(
        "s",
        study,
        folder / f"{dataset_name(PHOTOS)}.safetensors",
        None,
        Exported(panel="all", arm=arm, choice=choice),
        Export(arms=(arm,), precision=precision),
        about,
        {"confidence": 0.9, "tolerance": 0.02},
        ExportFiles(**{field: place / name for field, name in names.items()}),
    )
    return place
