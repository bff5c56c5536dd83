"""What a training stage costs beside training: its whole time on one core, against torch's import.

    python tests/benchmarks/stage_cost.py [REPEATS]

Runs both in turn, each a process of its own pinned to one core, on a data set and a network so
small that training is a few hundredths of a second. Prints medians and their ratio.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "workflow"
sys.path.insert(0, str(LIBRARY))

from dsd2.files.records import METRICS, read_rows  # noqa: E402
from dsd2.recipe import (  # noqa: E402
    DatasetRecipe,
    ModelRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    TrainingRecipe,
    to_json,
)
from dsd2.stages.prepare import run_dataset, run_labels  # noqa: E402

RECIPE = RunRecipe(
    dataset=DatasetRecipe.of("digits", train=200, test=50, validation=50, split_seed=0),
    noise=NoiseRecipe.of("none", rate=0.0, seed=0, validation="clean"),
    model=ModelRecipe.of("vgg-like", depth=1, width=1),
    training=TrainingRecipe(
        epochs=1,
        batch_size=100,
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=0.0,
        milestones=(),
        drop_factor=0.1,
        augmentation="none",
    ),
    pruning=PruningRecipe(criterion="magnitude", fraction=0.5),
    perturbation=PerturbationRecipe.of("none"),
    seed=0,
)


def seconds(command: list[str]) -> float:
    """Wall time of a process on one core."""
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    subprocess.run(
        command,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )
    return time.perf_counter() - start


def main(repeats: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run_dataset(RECIPE.dataset, [], False, place / "dataset")
        run_labels(place / "dataset", RECIPE.dataset, RECIPE.noise, [], place / "labels")
        files = ("dataset", "labels", "resume", "checkpoint", "metrics", "history")
        stage = [sys.executable, "-m", "dsd2", "train", "--run", "run", "--iteration", "0"]
        stage += ["--recipe", to_json(RECIPE), *(f"--{name}={place / name}" for name in files)]
        torch = [sys.executable, "-c", "import torch"]
        seconds(stage)
        (row,) = read_rows(place / "metrics", METRICS)
        peak = row["peak_memory"]
        pairs = [(seconds(stage), seconds(torch)) for _ in range(repeats)]
    whole, imported = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"training stage without training: {whole:.2f} s")
    print(f"import torch alone:              {imported:.2f} s")
    print(f"ratio:                           {ratio:.2f}")
    print(f"peak memory of the stage:        {peak / 1e6:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
