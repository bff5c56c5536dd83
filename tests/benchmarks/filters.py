"""What ResNet-18 gains from losing filters, beside losing as many single weights.

    python tests/benchmarks/filters.py [EPOCHS]

Prunes a ResNet-18 that learnt the digits (1,200 images of 8×8 pixels, 30 % of the labels wrong),
and trains EPOCHS more (1) after each round: once by filters, once by weights of which as many live.
Each network is then shrunk, compared with the trained one on all test images, and timed on
one core with images of 32×32. Eight minutes; the numbers of docs/export.md come from here.
"""

from __future__ import annotations

import copy
import sys
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from workloads import prepare

from dsd2.data.dataset import split_source
from dsd2.data.labels import make_labels
from dsd2.export.encoding import encoded_bytes
from dsd2.export.latency import measure
from dsd2.export.onnx import onnx_model, run_session, session_of
from dsd2.export.shrink import compress
from dsd2.export.trace import graph_of
from dsd2.nn.channels import coupled_channels
from dsd2.nn.evaluation import evaluate
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import Masks, apply_masks, full_masks, prune, sparsity
from dsd2.nn.training import train
from dsd2.recipe import DatasetRecipe, ModelRecipe, NoiseRecipe, PruningRecipe, TrainingRecipe

ROUNDS = 4
TIMED = (1, 32, 32)
SECONDS = 1.0
DATA = DatasetRecipe.of("digits", train=1200, validation=200, test=None, split_seed=0)
NOISE = NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean")
FILTERS = PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")
TRAINING = TrainingRecipe(
    epochs=2,
    batch_size=64,
    learning_rate=0.02,
    momentum=0.9,
    weight_decay=1e-4,
    milestones=(),
    drop_factor=1,
    augmentation="none",
)


@dataclass(frozen=True)
class Images:
    """The digits: to train on, and to test on."""

    train: ImageSet
    test: ImageSet


def images() -> Images:
    """The digits with some wrong labels."""
    dataset = split_source(DATA.read([], download=False), DATA)
    labels = make_labels(dataset, DATA, NOISE, [])
    about = (dataset.mean, dataset.std)
    return Images(
        ImageSet(dataset.train.images, labels.train.given, *about),
        ImageSet(dataset.test.images, dataset.test.labels, *about),
    )


def scores(model: nn.Module) -> dict[str, Tensor]:
    """The magnitude of each weight."""
    return {name: weight.detach().abs() for name, weight in prunable_weights(model).items()}


def retrained(model: nn.Module, masks: Masks, data: Images, epochs: int, name: str) -> nn.Module:
    """The network without what is masked, trained on."""
    model = copy.deepcopy(model)
    apply_masks(prunable_weights(model), masks)
    train(model, masks, data.train, replace(TRAINING, epochs=epochs), stream=(name,))
    return model.eval()


def row(name: str, model: nn.Module, masks: Masks, data: Images) -> str:
    """A line of the table: what is left of a network, and how far its shrunken form is from it."""
    accuracy = evaluate(model, data.test).accuracy
    whole = graph_of(model, TIMED)
    small = compress(whole)
    pixels = data.test.images
    normalised = data.test.normalise(pixels)
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(normalised.double())
        mean, std = data.test.mean.cpu(), data.test.std.cpu()
        classes = [str(i) for i in range(10)]
        session = session_of(onnx_model(small, mean, std, classes).SerializeToString())
        scaled = pixels.repeat_interleave(4, 2).repeat_interleave(4, 3)
        of_large = model(data.test.normalise(scaled))
        answer = torch.from_numpy(np.asarray(run_session(session, scaled.numpy())))
        differ = float((small(normalised.double()) - exact).abs().max())
        single = float((answer - of_large).abs().max() / of_large.abs().max().clamp(min=1))
        same = bool((answer.argmax(1) == of_large.argmax(1)).all())
    times = []
    for batch in (1, 64):
        drawn = torch.randint(0, 256, (batch, *TIMED), dtype=torch.uint8).numpy()
        times.append(1000 * measure(partial(run_session, session, drawn), SECONDS).median)
    return (
        f"| {name} | {sparsity(masks):.2%} | {accuracy:.1%} | {small.macs() / 1e6:.1f} |"
        f" {small.parameters:,} | {encoded_bytes(small, 'fp32'):,} | {times[0]:.2f} |"
        f" {times[1]:.1f} | {differ:.0e} | {single:.0e}{'' if same else ', other classes'} |"
    )


def as_sparse(model: nn.Module, masks: Masks, alive: int) -> Masks:
    """The masks of single weights of which so many are alive."""
    living = sum(int(mask.sum()) for mask in masks.values())
    recipe = PruningRecipe(criterion="magnitude", fraction=1 - alive / living)
    return prune(scores(model), masks, recipe)


def main(epochs: int) -> None:
    """Prune in both ways, and print."""
    prepare()
    data = images()
    torch.manual_seed(0)
    model = ModelRecipe.of("resnet18").build((1, 8, 8), 10)
    channels = coupled_channels(model, (1, 8, 8))
    masks = full_masks(prunable_weights(model))
    dense = retrained(model, masks, data, 3 * epochs, "dense")
    print(
        "| | ζ | accuracy | MMAC | parameters | bytes | ms, 1 image | ms, 64 | double | single |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    print(row("dense", dense, masks, data), flush=True)
    by_filters = by_weights = dense
    filters = weights = masks
    for i in range(1, ROUNDS + 1):
        filters = prune(scores(by_filters), filters, FILTERS, (), channels)
        by_filters = retrained(by_filters, filters, data, epochs, f"filters {i}")
        print(row("filters", by_filters, filters, data), flush=True)
        alive = sum(int(mask.sum()) for mask in filters.values())
        weights = as_sparse(by_weights, weights, alive)
        by_weights = retrained(by_weights, weights, data, epochs, f"weights {i}")
        print(row("weights", by_weights, weights, data), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
