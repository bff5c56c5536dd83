"""What training would gain if it left out the channels that pruning has killed.

    python tests/benchmarks/shrunken.py REPEATS CHECKPOINT ...

For each checkpoint of a pruned run: an epoch of its network as it is, against one of a network that
has only the channels which exact shrinking keeps, planes of ones included. The second has weights
of its own: its time counts, not what it learns. What keeping the two equal would take on top
(weight decay of what is left out, its momenta, gathering and scattering) is not in it, so that the
ratio is a bound.
"""

import copy
import sys
from pathlib import Path
from statistics import median

import torch
from torch import nn
from workloads import DEVICE, Workload, prepare, ratio, side_by_side

from dsd2.artefacts.checkpoint import load_checkpoint
from dsd2.export.graph import Graph
from dsd2.export.shrink import shrink
from dsd2.export.trace import graph_of
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import train

MODES = {"exact": {}, "bf16, channels_last": {"precision": "bf16", "channels_last": True}}


def with_widths(model: nn.Module, graph: Graph) -> nn.Module:
    """The architecture of a model with new layers, as wide as those of a graph of it."""
    model = copy.deepcopy(model)
    for step in graph.steps:
        if step.op not in ("conv", "norm", "linear"):
            continue
        layer, (width, *rest) = model.get_submodule(step.name), graph.weight(step).shape
        if step.op == "norm":
            layer.weight = nn.Parameter(torch.ones(width))
            layer.running_mean, layer.running_var = torch.zeros(width), torch.ones(width)
        else:
            layer.weight = nn.Parameter(torch.rand(width, *rest) * 0.1)
        if layer.bias is not None:
            layer.bias = nn.Parameter(torch.zeros(width))
    return model.to(DEVICE)


def measure(path: Path, repeats: int) -> None:
    """One checkpoint."""
    checkpoint = load_checkpoint(path)
    model = checkpoint.network(DEVICE)
    whole = graph_of(model, checkpoint.image)
    kept = shrink(whole)
    alive = sum(int(mask.sum()) for mask in checkpoint.masks.values())
    sparsity = 1 - alive / sum(mask.numel() for mask in checkpoint.masks.values())
    images = 1024 if checkpoint.model.name == "vgg-like" else 128
    workload = Workload(checkpoint.model, checkpoint.image, 128, "none", 1, images)
    data = workload.data()
    works = []
    for network in (model, with_widths(model, kept)):
        masks = full_masks(prunable_weights(network))
        for changes in MODES.values():
            recipe = workload.recipe(learning_rate=0.0, **changes)
            works.append(
                lambda n=network, m=masks, r=recipe: train(n, m, data, r, stream=("epoch",))
            )
    times = side_by_side(works, repeats)
    print(
        f"{checkpoint.model.name}, iteration {checkpoint.iteration}, sparsity {sparsity:.2%}:"
        f" {kept.macs() / whole.macs():.2f} of the multiply-accumulates"
    )
    for mode, dense, small in zip(MODES, times[: len(MODES)], times[len(MODES) :], strict=True):
        print(
            f"    {mode:20} {median(dense):6.2f} s, without dead channels {median(small):6.2f} s:"
            f" {ratio(small, dense):.2f}",
            flush=True,
        )


def main(repeats: int, paths: list[Path]) -> None:
    """Measure and print."""
    prepare()
    for path in paths:
        measure(path, repeats)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
