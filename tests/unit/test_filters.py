"""Removing whole filters, against the network that never had them."""

import copy
from itertools import pairwise

import pytest
import torch
from recipes import training
from torch import nn

from dsd2.errors import UserError
from dsd2.nn.channels import Channels, coupled_channels, couplings_of
from dsd2.nn.evaluation import evaluate_with_states
from dsd2.nn.models import PooledLinear, prunable_weights
from dsd2.nn.pruning import (
    apply_masks,
    densities,
    full_masks,
    number_to_remove,
    prune,
    prune_filters,
    prune_lowest,
    scheduled_densities,
)
from dsd2.nn.training import ImageSet, train
from dsd2.recipe import ModelRecipe, PruningRecipe
from dsd2.seeds import be_deterministic

RECIPE = training(batch_size=10)


@pytest.fixture
def data():
    be_deterministic()
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (30, 3, 12, 12), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, 5, (30,), generator=draws)
    return ImageSet(images, labels, torch.full((3, 1, 1), 127.0), torch.full((3, 1, 1), 70.0))


def network(depth=2, width=3, dropout=0.0):
    torch.manual_seed(0)
    recipe = ModelRecipe.of("vgg-like", depth=depth, width=width, dropout=dropout)
    return recipe.build((3, 12, 12), 5)


def scores_of(model):
    return {name: weight.detach().abs() for name, weight in prunable_weights(model).items()}


def chained(weights):
    """The channels of layers that each read the one before alone."""
    return [
        Channels(
            len(weight),
            {name: torch.arange(len(weight))},
            {reader: torch.arange(len(weight)).repeat_interleave(read.shape[1] // len(weight))},
        )
        for (name, weight), (reader, read) in pairwise(weights.items())
    ]


def pruned_once(scores, masks, fraction):
    return prune_filters(scores, masks, fraction, chained(scores))


def rounds(model, data, fraction, number):
    """Prune and train in turn; returns the masks of the last round."""
    masks = full_masks(prunable_weights(model))
    channels = coupled_channels(model, (3, 12, 12))
    for i in range(number):
        # As a checkpoint gives them: in another order than the network's.
        masks = dict(sorted(prune_filters(scores_of(model), masks, fraction, channels).items()))
        apply_masks(prunable_weights(model), masks)
        train(model, masks, data, RECIPE, stream=("filters", i))
    return masks


def smaller(model, masks):
    """The network with only the living filters, built layer by layer."""
    layers, channels = [], torch.arange(3)
    for name, layer in model.named_children():
        if isinstance(layer, nn.Conv2d):
            kept = masks[f"{name}.weight"].flatten(1).any(1).nonzero().flatten()
            small = nn.Conv2d(len(channels), len(kept), 3, padding=1)
            small.weight.data = layer.weight.data[kept][:, channels]
            small.bias.data = layer.bias.data[kept]
            channels = kept
        elif isinstance(layer, nn.BatchNorm2d):
            small = nn.BatchNorm2d(len(channels))
            for part in ("weight", "bias", "running_mean", "running_var"):
                getattr(small, part).data = getattr(layer, part).data[channels]
        elif isinstance(layer, PooledLinear):
            small = PooledLinear(len(channels), layer.pooled, layer.out_features)
            whole = layer.weight.data.view(layer.out_features, -1, layer.pooled**2)
            small.weight.data = whole[:, channels].flatten(1)
            small.bias.data = layer.bias.data
        else:
            small = copy.deepcopy(layer)
        layers.append(small)
    return nn.Sequential(*layers).eval()


@pytest.mark.slow
def test_the_network_computes_what_the_physically_smaller_one_does(data):
    model = network()
    masks = rounds(model, data, 0.3, 2)
    small = smaller(model, masks)
    assert [layer.out_channels for layer in small if isinstance(layer, nn.Conv2d)] == [4, 4, 8, 8]
    living = sum(int(mask.sum()) for mask in masks.values())
    assert sum(weight.numel() for weight in prunable_weights(small).values()) == living
    x = data.normalise(data.images)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), small(x), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_nothing_of_a_removed_filter_reaches_the_logits(data):
    model = network()
    masks = rounds(model, data, 0.3, 1)
    x = data.normalise(data.images)
    model.eval()
    with torch.no_grad():
        before = model(x)
        for conv, norm in (("0", "2"), ("3", "5"), ("7", "9"), ("10", "12")):
            gone = ~masks[f"{conv}.weight"].flatten(1).any(1)
            assert bool(gone.any())
            for name in (conv, norm):
                model.get_submodule(name).bias[gone] = 1e3
        assert torch.equal(model(x), before)


@pytest.mark.slow
def test_removed_filters_are_neurons_that_never_switch(data):
    model = network()
    masks = rounds(model, data, 0.3, 1)
    _, counts = evaluate_with_states(model, data)
    for conv, relu in (("0", "1:0"), ("3", "4:0"), ("7", "8:0"), ("10", "11:0")):
        gone = ~masks[f"{conv}.weight"].flatten(1).any(1)
        assert set(counts[relu][gone].unique().tolist()) <= {0, len(data)}


def removed_as_ever(scores, masks, fraction):
    """What :func:`prune_filters` did when it knew networks of one layer after another alone."""
    pruned = {name: masks[name].clone() for name in scores}
    for name, reader in pairwise(scores):
        mask = masks[name].flatten(1)
        score = torch.where(mask, scores[name].flatten(1), 0.0).double().sum(1)
        stays = prune_lowest({name: score}, {name: mask.any(1)}, fraction)[name]
        pruned[name].flatten(1).logical_and_(stays[:, None])
        read = pruned[reader]
        read.view(len(read), len(stays), -1).logical_and_(stays[:, None])
    return pruned


@pytest.mark.parametrize("fraction", [0.2, 0.45, 0.5])
def test_vgg_like_loses_what_it_has_always_lost(fraction):
    model = network(depth=2, width=3)
    channels = coupled_channels(model, (3, 12, 12))
    scores = scores_of(model)
    scores["3.weight"][:, 1] = scores["3.weight"][:, 0]
    masks = expected = full_masks(scores)
    for _ in range(8):
        masks = prune_filters(scores, masks, fraction, channels)
        expected = removed_as_ever(scores, expected, fraction)
        assert list(masks) == list(expected)
        assert all(torch.equal(masks[name], expected[name]) for name in masks)


def test_each_convolution_loses_its_weakest_filters_by_their_l1_norm():
    model = network()
    scores = scores_of(model)
    masks = pruned_once(scores, full_masks(scores), 0.4)
    for name in ("0.weight", "3.weight", "7.weight", "10.weight"):
        norms = scores[name].flatten(1).sum(1)
        gone = number_to_remove(len(norms), 0.4)
        alive = masks[name].flatten(1).any(1)
        assert int((~alive).sum()) == gone
        assert set(norms.argsort()[:gone].tolist()) == set((~alive).nonzero().flatten().tolist())


def test_a_later_round_ranks_what_lives_and_counts_what_remains():
    scores = {"conv": torch.ones(10, 3, 3, 3), "linear": torch.ones(2, 40)}
    scores["conv"] *= torch.arange(10.0)[:, None, None, None]
    masks = full_masks(scores)
    remaining = []
    for _ in range(4):
        masks = pruned_once(scores, masks, 0.5)
        remaining.append(int(masks["conv"].flatten(1).any(1).sum()))
        # A removed weight may hold anything.
        scores["conv"][~masks["conv"]] = float("nan")
    assert remaining == [5, 2, 1, 0]
    assert densities(masks) == {"conv": 0.0, "linear": 0.0}


def test_equal_filters_go_in_order_and_no_filter_goes_without_need():
    scores = {"conv": torch.ones(4, 1, 1, 1), "linear": torch.ones(3, 4)}
    masks = pruned_once(scores, full_masks(scores), 0.5)
    assert masks["conv"].flatten().tolist() == [False, False, True, True]
    assert masks["linear"].tolist() == [[False, False, True, True]] * 3
    same = pruned_once(scores, masks, 0.0)
    assert all(torch.equal(same[name], masks[name]) for name in masks)


def test_the_columns_of_a_channel_are_its_positions():
    scores = {"conv": torch.tensor([2.0, 1.0]).view(2, 1, 1, 1), "linear": torch.ones(1, 6)}
    masks = pruned_once(scores, full_masks(scores), 0.5)
    assert masks["linear"].tolist() == [[True, True, True, False, False, False]]


def test_a_filter_that_is_no_number_is_refused():
    scores = {"conv": torch.full((2, 1, 1, 1), float("inf")), "linear": torch.ones(1, 2)}
    with pytest.raises(UserError, match="NaN or infinite"):
        pruned_once(scores, full_masks(scores), 0.5)


def test_the_schedule_gives_the_densities_of_weights():
    # Powers of two, so that no rounding of filters disturbs.
    scores = scores_of(network(depth=2, width=3))
    known = couplings_of(chained(scores))
    masks, recipe = (
        full_masks(scores),
        PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters"),
    )
    for iteration in range(1, 4):
        masks = prune(scores, masks, recipe, (), chained(scores))
        assert densities(masks) == scheduled_densities(list(scores), recipe, iteration, (), known)
    weights = PruningRecipe(criterion="magnitude", fraction=0.2)
    planned = scheduled_densities(list(scores), weights, 2)
    assert list(planned.values()) == pytest.approx([0.64] * 5)


def test_table_13s_filters():
    with torch.device("meta"):
        model = ModelRecipe.of("vgg-like", depth=1, width=9).build((3, 32, 32), 10)
    scores = {name: torch.rand(w.shape) for name, w in prunable_weights(model).items()}
    masks, counts = full_masks(scores), []
    recipe = PruningRecipe(criterion="magnitude", fraction=0.5, structure="filters")
    for _ in range(4):
        masks = prune(scores, masks, recipe, (), chained(scores))
        counts.append([int(masks[n].flatten(1).any(1).sum()) for n in ("0.weight", "3.weight")])
    assert counts == [[256] * 2, [128] * 2, [64] * 2, [32] * 2]


@pytest.mark.parametrize(("structure", "scope"), [("weights", "global"), ("weights", "layer")])
def test_single_weights_are_pruned_as_ever(structure, scope):
    scores = {"a": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([[3.0, 4.0]])}
    recipe = PruningRecipe(criterion="magnitude", fraction=0.5, scope=scope, structure=structure)
    masks = prune(scores, full_masks(scores), recipe)
    whole = {"a": [[False, False]], "b": [[True, True]]}
    each = {"a": [[False, True]], "b": [[False, True]]}
    assert {n: m.tolist() for n, m in masks.items()} == (whole if scope == "global" else each)
