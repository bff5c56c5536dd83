"""What a packed checkpoint takes to load and on the disk, against one that holds all weights.

    python tests/benchmarks/loading.py [REPEATS]

Files of both formats are written of networks pruned by so many rounds, and loaded in turn on one
core; the system has them in memory. Prints medians, and the ratios of packed to whole.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median

import torch
from workloads import CLASSES, WORKLOADS, Workload, prepare, ratio, side_by_side

from dsd2.artefacts.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dsd2.files.tensors import save_tensors
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune_lowest
from dsd2.nn.training import network_state
from dsd2.recipe import (
    DatasetRecipe,
    NoiseRecipe,
    PerturbationRecipe,
    PruningRecipe,
    RunRecipe,
    to_json,
)

ROUNDS = (0, 1, 2, 3, 5, 10, 20, 34)
FRACTION = 0.2


def recipe(workload: Workload) -> RunRecipe:
    """A run of a workload's network."""
    return RunRecipe(
        dataset=DatasetRecipe.of("cifar10", train=None, test=None, validation=0.1, split_seed=0),
        noise=NoiseRecipe.of("none", rate=0.0, seed=0, validation="clean"),
        model=workload.model,
        training=workload.recipe(),
        pruning=PruningRecipe(criterion="magnitude", fraction=FRACTION),
        perturbation=PerturbationRecipe.of("none"),
        seed=0,
    )


def save_whole(path: Path, checkpoint: Checkpoint) -> None:
    """As the first format had it: all weights, a byte for each in the mask, initial weights."""
    initial = {} if checkpoint.iteration else {n: t.clone() for n, t in checkpoint.state.items()}
    parts = {"state": checkpoint.state, "masks": checkpoint.masks, "initial": initial}
    tensors = {f"{part}/{name}": t for part, held in parts.items() for name, t in held.items()}
    about = {"kind": "checkpoint", "format": 1, "run": "run", "iteration": checkpoint.iteration}
    about |= {"model": to_json(checkpoint.model), "image": list(checkpoint.image)}
    save_tensors(path, tensors, {**about, "classes": checkpoint.classes})


def measure(name: str, folder: Path, repeats: int) -> None:
    """One network at every sparsity."""
    workload = WORKLOADS[name]
    model = workload.network().cpu()
    weights = prunable_weights(model)
    masks = full_masks(weights)
    for iteration in range(max(ROUNDS) + 1):
        if iteration:
            masks = prune_lowest({n: w.detach().abs() for n, w in weights.items()}, masks, FRACTION)
            apply_masks(weights, masks)
        if iteration not in ROUNDS:
            continue
        run = recipe(workload)
        state = network_state(model)
        checkpoint = Checkpoint(
            "run", iteration, run, run.model, workload.image, CLASSES, state, masks
        )
        packed, whole = folder / "packed", folder / "whole"
        save_checkpoint(packed, checkpoint)
        save_whole(whole, checkpoint)
        times = side_by_side([lambda p=p: load_checkpoint(p) for p in (packed, whole)], repeats)
        bytes_of = [path.stat().st_size for path in (packed, whole)]
        print(
            f"{name}, {1 - (1 - FRACTION) ** iteration:7.2%} removed:"
            f" {1000 * median(times[0]):6.1f} ms against {1000 * median(times[1]):6.1f} ms:"
            f" {ratio(*times):.2f};  {bytes_of[0] / 1e6:6.2f} MB against"
            f" {bytes_of[1] / 1e6:6.2f} MB: {bytes_of[0] / bytes_of[1]:.2f}",
            flush=True,
        )


def main(repeats: int) -> None:
    """Measure and print."""
    prepare()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        for name in ("VGG-like(5,5)", "ResNet-18"):
            measure(name, Path(folder), repeats)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
