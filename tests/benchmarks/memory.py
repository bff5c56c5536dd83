"""Peak memory of a stage that trains VGG-like(5,5) on as many images as CIFAR-10 has.

    python tests/benchmarks/memory.py

One epoch on random images, in a process of its own: some five minutes on one core.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from workloads import CIFAR, CLASSES, LIBRARY, WORKLOADS

from dsd2.data.dataset import save_dataset, split_source
from dsd2.data.labels import make_labels, save_labels
from dsd2.data.source import Images, Source
from dsd2.files.records import METRICS, read_rows
from dsd2.paths import labels_name
from dsd2.recipe import (
    DatasetRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    to_json,
)

WORKLOAD = WORKLOADS["VGG-like(5,5)"]
RECIPE = RunRecipe(
    dataset=DatasetRecipe.of("cifar10", train=None, test=None, validation=0.1, split_seed=0),
    noise=NoiseRecipe.of("symmetric", rate=0.2, seed=0, validation="clean"),
    model=WORKLOAD.model,
    training=WORKLOAD.recipe(),
    pruning=PruningRecipe(criterion="magnitude", fraction=0.2),
    perturbation=PerturbationRecipe.of("none"),
    seed=0,
)


def random_images(count: int) -> Images:
    """Noise of CIFAR-10's shape."""
    draws = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, *CIFAR), dtype=torch.uint8, generator=draws)
    return Images(pixels, torch.randint(CLASSES, (count,), generator=draws))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        names = tuple(map(str, range(CLASSES)))
        source = Source(random_images(50_000), random_images(10_000), names, "noise")
        dataset = split_source(source, RECIPE.dataset)
        save_dataset(place / "dataset", dataset, RECIPE.dataset)
        labels = make_labels(dataset, RECIPE.dataset, RECIPE.noise, [])
        name = labels_name(RECIPE.dataset, RECIPE.noise)
        save_labels(place / "labels", labels, dataset, name)
        files = ("dataset", "labels", "resume", "checkpoint", "metrics", "history")
        command = [sys.executable, "-m", "dsd2", "train", "--run", "run", "--iteration", "0"]
        command += ["--recipe", to_json(RECIPE), *(f"--{name}={place / name}" for name in files)]
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        (row,) = read_rows(place / "metrics", METRICS)
    print(f"peak memory: {row['peak_memory'] / 1e9:.2f} GB on {row['device']}")


if __name__ == "__main__":
    main()
