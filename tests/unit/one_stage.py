"""A training stage as a process of its own, on files of its own."""

import os
import subprocess
import sys
from pathlib import Path

from recipes import run_recipe, training

from dsd2.recipe import DatasetRecipe, NoiseRecipe, to_json
from dsd2.stages.prepare import run_dataset, run_labels

LIBRARY = Path(__file__).parents[2] / "workflow"
OUTPUTS = ("resume", "checkpoint", "metrics", "history")

RUN = run_recipe(
    dataset=DatasetRecipe.of("digits", train=300, test=50, validation=50, split_seed=0),
    noise=NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean"),
    training=training(
        epochs=25,
        batch_size=10,
        learning_rate=0.01,
        weight_decay=1e-4,
        milestones=(10,),
        augmentation="flip-shift",
    ),
)


def make_data(folder):
    """The dataset and the labels of ``RUN``."""
    run_dataset(RUN.dataset, [], False, folder / "dataset")
    run_labels(folder / "dataset", RUN.dataset, RUN.noise, [], folder / "labels")


def train_command(folder, *options):
    """Train ``RUN``'s dense network into a folder beside its data."""
    files = [f"--{name}={folder / name}" for name in OUTPUTS]
    data = [f"--{name}={folder.parent / name}" for name in ("dataset", "labels")]
    names = ["--run", "run", "--iteration", "0", "--recipe", to_json(RUN)]
    return [sys.executable, "-m", "dsd2", "train", *names, *data, *files, *options]


def environment(*libraries, **variables):
    """What a stage's process finds around it."""
    path = os.pathsep.join(map(str, (*libraries, LIBRARY)))
    return {**os.environ, "PYTHONPATH": path, **variables}


def finish(folder, *options, **more):
    """Run the stage to its end, whatever that is."""
    command = train_command(folder, *options)
    settings = {"env": environment(), "capture_output": True, "text": True, "check": False}
    return subprocess.run(command, **{**settings, **more})
