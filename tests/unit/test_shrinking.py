"""Shrinking keeps the function of random networks, and of the published ones whole.

`make faults` tries 504 random networks.
"""

import pytest
import torch
from masked import random_network, randomised

from dsd2.export.shrink import STAGES, compress, constant_channels, shrink
from dsd2.export.trace import graph_of
from dsd2.nn.footprint import sizes_of
from dsd2.nn.models import PooledLinear
from dsd2.recipe import ModelRecipe

EXACT = 1e-10
"""Largest difference of logits in double precision."""
ROUNDING = 1e-5
"""In single precision, as a share of the largest logit, or of one where all are smaller."""


pytestmark = pytest.mark.usefixtures("without_gradients")


def images_of(shape, dtype=torch.float64):
    return torch.randn(3, *shape, dtype=dtype)


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", [0, 1, *(pytest.param(part, marks=pytest.mark.long) for part in range(2, 12))]
)
@pytest.mark.parametrize("kind", ["vgg-like", "basic", "bottleneck"])
def test_each_part_keeps_the_logits_of_random_networks(kind, part):
    for seed in range(14 * part, 14 * (part + 1)):
        network, shape = random_network(kind, seed)
        images = images_of(shape)
        expected = network(images)
        graph = graph_of(network, shape)
        # The whole for each network, its parts in turn.
        small, part = compress(graph), list(STAGES.values())[seed % len(STAGES)](graph)
        for smaller in (small, part):
            assert (smaller(images) - expected).abs().max() <= EXACT, (kind, seed)
        small = small.to(torch.float32)(images.float())
        single = network.float()(images.float())
        scale = max(1.0, float(expected.abs().max()))
        assert (small - single).abs().max() <= ROUNDING * scale, (kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vgg-like", "basic", "bottleneck"])
def test_nothing_is_left_to_remove(kind):
    for seed in range(10):
        graph = compress(graph_of(*random_network(kind, seed)))
        again = shrink(graph)
        assert {n: t.shape for n, t in again.tensors.items()} == {
            n: t.shape for n, t in graph.tensors.items()
        }, (kind, seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (ModelRecipe.of("vgg-like", depth=5, width=5), (3, 32, 32)),
        (ModelRecipe.of("resnet18"), (3, 8, 8)),
        (ModelRecipe.of("resnet18", stem="imagenet"), (3, 32, 32)),
        (ModelRecipe.of("resnet50"), (3, 8, 8)),
    ],
)
def test_the_papers_networks_at_two_sparsities(recipe, shape):
    for removed in (0.99, 0.999):
        torch.manual_seed(0)
        network = recipe.build(shape, 10).double().eval()
        randomised(network, lambda *values: values[0])
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.data *= torch.rand(parameter.shape) >= removed
        images = images_of(shape)[:1]
        small = compress(graph_of(network, shape))
        assert (small(images) - network(images)).abs().max() <= EXACT, (recipe.name, removed)


def two_layers():
    """Two layers of two filters; the first one's second is constant, and the other reads it."""
    recipe = ModelRecipe.of("vgg-like", depth=1, width=1)
    torch.manual_seed(0)
    network = recipe.build((1, 8, 8), 2).double().eval()
    network[0].weight.data[1] = 0
    network[0].bias.data[1] = 0.5
    return network


def test_a_constant_channel_varies_after_a_padded_convolution_and_is_folded_exactly():
    network = two_layers()
    network[3].weight.data[:, 0] = 0  # reads the constant channel alone
    graph = graph_of(network, (1, 8, 8))
    constants = constant_channels(graph)
    assert not constants["2"][1].isnan(), "no weight of its own"
    assert constants["3"].isnan().all(), "the border sees fewer of the constant's pixels"
    small = compress(graph)
    images = images_of((1, 8, 8))
    torch.testing.assert_close(small(images), network(images), rtol=0, atol=1e-14)
    assert small.tensors["0.weight"].shape[0] == 1, "the plane of ones alone"
    wrong = small.tensors | {"3.weight": torch.zeros_like(small.tensors["3.weight"])}
    small.tensors.update(wrong)
    assert (small(images) - network(images)).abs().max() > 1e-3, "the fold matters"


def test_unread_channels_go_with_all_that_only_they_read():
    network = two_layers()
    network[-1].weight.data.view(2, 2, 49)[:, 1] = 0
    network[3].weight.data[0, 1] = 0
    small = shrink(graph_of(network, (1, 8, 8)), fold_constants=False)
    assert small.tensors["3.weight"].shape == (1, 1, 3, 3)
    assert small.tensors["0.weight"].shape == (1, 1, 3, 3)


def test_a_network_of_which_nothing_is_left_is_its_constant_logits():
    network, shape = random_network("basic", 0)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            parameter.data.zero_()
    small = compress(graph_of(network, shape))
    images = images_of(shape)
    torch.testing.assert_close(small(images), network(images), rtol=0, atol=0)
    assert all(len(t) == 1 for n, t in small.tensors.items() if "conv" in n and "weight" in n)


def test_a_layer_that_stands_at_two_places_is_two_steps():
    torch.manual_seed(0)
    conv, relu = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.ReLU()
    network = torch.nn.Sequential(conv, relu, conv, relu, PooledLinear(3, 7, 4)).double().eval()
    graph, images = graph_of(network, (3, 8, 8)), images_of((3, 8, 8))
    assert (graph(images) - network(images)).abs().max() <= EXACT
    assert graph.macs() == sizes_of(network, (3, 8, 8)).dense
