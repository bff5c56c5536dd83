"""What faster arithmetic changes of the results: accuracy, which weights live, entropy.

    python tests/benchmarks/parity.py [SEEDS]

The default study's network and images, 30 % of the labels wrong: dense and four rounds of pruning
in each kind of arithmetic, with the same draws. Another layout in memory rounds otherwise and no
worse; what it changes is the measure for the others.
"""

import statistics
import sys
from dataclasses import replace

import torch
from workloads import WORKLOADS, prepare

from dsd2.data.dataset import split_source
from dsd2.data.labels import make_labels
from dsd2.nn.entropy import position_entropy
from dsd2.nn.evaluation import evaluate, evaluate_with_states
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune
from dsd2.nn.training import train
from dsd2.recipe import DatasetRecipe, NoiseRecipe, PruningRecipe

ROUNDS = 4
PRUNING = PruningRecipe(criterion="magnitude", fraction=0.45)
MODES = {
    "exact": {},
    "channels_last": {"channels_last": True},
    "bf16": {"precision": "bf16"},
    "bf16, channels_last": {"precision": "bf16", "channels_last": True},
}


def images() -> tuple[ImageSet, ImageSet]:
    """The default study's training images with wrong labels, and its test images."""
    recipe = DatasetRecipe.of("digits", train=1200, test=None, validation=200, split_seed=0)
    noise = NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean")
    dataset = split_source(recipe.read([], download=False), recipe)
    given = make_labels(dataset, recipe, noise, []).train.given
    train_set = ImageSet(dataset.train.images, given, dataset.mean, dataset.std)
    return train_set, replace(train_set, images=dataset.test.images, labels=dataset.test.labels)


def chain(train_set: ImageSet, test: ImageSet, seed: int, changes: dict) -> list[tuple]:
    """Test accuracy, masks and entropy of every iteration."""
    workload = WORKLOADS["quickstart"]
    recipe = workload.recipe(epochs=workload.epochs, milestones=(15, 23), **changes)
    model = workload.network(seed)
    weights, found = prunable_weights(model), []
    masks = full_masks(weights)
    for iteration in range(ROUNDS + 1):
        if iteration:
            masks = prune({n: w.detach().abs() for n, w in weights.items()}, masks, PRUNING)
            apply_masks(weights, masks)
        train(model, masks, train_set, recipe, stream=(seed, iteration))
        _, counts = evaluate_with_states(model, train_set)
        entropies = [position_entropy(on, counts.images) for on in counts.values()]
        found.append((evaluate(model, test).accuracy, masks, statistics.fmean(entropies)))
    return found


def overlap(one: dict, other: dict) -> float:
    """Which share of the living weights of one lives in the other; both have as many."""
    alive = torch.cat([mask.flatten() for mask in one.values()])
    also = torch.cat([mask.flatten() for mask in other.values()])
    return float((alive & also).sum() / alive.sum())


def main(seeds: int) -> None:
    """Measure and print: means over seeds and iterations, differences against exact."""
    prepare()
    train_set, test = images()
    chains = {
        mode: [chain(train_set, test, seed, changes) for seed in range(seeds)]
        for mode, changes in MODES.items()
    }
    print(f"dense and {ROUNDS} rounds of {PRUNING.fraction:.0%}, {seeds} seeds, against exact:")
    exact = [point for run in chains["exact"] for point in run]
    for mode, runs in list(chains.items())[1:]:
        points = [point for run in runs for point in run]
        pairs = list(zip(points, exact, strict=True))
        accuracy = [a[0] - b[0] for a, b in pairs]
        entropy = [a[2] - b[2] for a, b in pairs]
        ends = zip(runs, chains["exact"], strict=True)
        last = [overlap(run[-1][1], same[-1][1]) for run, same in ends]
        print(
            f"    {mode:20} accuracy {100 * statistics.fmean(accuracy):+.2f}"
            f" ± {100 * statistics.stdev(accuracy) / len(accuracy) ** 0.5:.2f} points"
            f"   entropy {statistics.fmean(entropy):+.4f} bits"
            f"   masks of round {ROUNDS} overlap {statistics.fmean(last):.1%}"
        )
    densest = (1 - PRUNING.fraction) ** ROUNDS
    print(f"    (masks drawn at random would overlap {densest:.1%})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
