"""Pruning against a brute-force reference."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsd2.errors import UserError
from dsd2.nn.pruning import (
    densities,
    full_masks,
    number_to_remove,
    prune_layerwise,
    prune_lowest,
    sparsity,
)
from dsd2.nn.schedule import last_iteration, scheduled_sparsity

# Few distinct values, so that ties are common.
values = st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
layers = st.lists(st.lists(values, min_size=1, max_size=12), min_size=1, max_size=4)
fractions = st.floats(0, 1)


def tensors(lists):
    return {f"layer{i}": torch.tensor(values) for i, values in enumerate(lists)}


def magnitudes(weights):
    return {name: weight.abs() for name, weight in weights.items()}


def brute_force(weights, masks, fraction):
    """Sort all living weights by magnitude, then by position, and drop the first ones."""
    living = [
        (abs(float(w)), layer, i)
        for layer, (name, weight) in enumerate(weights.items())
        for i, w in enumerate(weight)
        if masks[name][i]
    ]
    doomed = sorted(living)[: number_to_remove(len(living), fraction)]
    result = {name: mask.clone() for name, mask in masks.items()}
    names = list(weights)
    for _, layer, i in doomed:
        result[names[layer]][i] = False
    return result


@given(layers, st.lists(fractions, min_size=1, max_size=3))
def test_rounds_of_magnitude_pruning_equal_brute_force(lists, rounds):
    weights = tensors(lists)
    masks = full_masks(weights)
    for fraction in rounds:
        pruned = prune_lowest(magnitudes(weights), masks, fraction)
        expected = brute_force(weights, masks, fraction)
        assert all(torch.equal(pruned[name], expected[name]) for name in weights)
        alive, before = (sum(int(m.sum()) for m in held.values()) for held in (pruned, masks))
        assert before - alive == number_to_remove(before, fraction)
        assert all(bool((pruned[name] <= masks[name]).all()) for name in weights), "monotone"
        masks = pruned


@given(layers)
def test_what_is_removed_is_never_larger_than_what_stays(lists):
    weights = tensors(lists)
    masks = prune_lowest(magnitudes(weights), full_masks(weights), 0.5)
    stays = [float(w.abs()) for n in weights for w in weights[n][masks[n]]]
    goes = [float(w.abs()) for n in weights for w in weights[n][~masks[n]]]
    assert not stays or not goes or max(goes) <= min(stays)


@given(layers, fractions)
def test_layerwise_pruning_prunes_each_layer_by_itself(lists, fraction):
    weights = tensors(lists)
    scores, masks = magnitudes(weights), full_masks(weights)
    pruned = prune_layerwise(scores, masks, fraction)
    assert list(pruned) == list(weights)
    for name in weights:
        alone = prune_lowest({name: scores[name]}, {name: masks[name]}, fraction)
        assert torch.equal(pruned[name], alone[name])


def test_layers_of_any_shape_are_pruned_together():
    weights = {"conv": torch.full((2, 3, 3, 3), 0.1), "linear": torch.full((4, 5), 1.0)}
    masks = prune_lowest(magnitudes(weights), full_masks(weights), 54 / 74)
    assert densities(masks) == {"conv": 0.0, "linear": 1.0}
    assert sparsity(masks) == pytest.approx(54 / 74)


def test_a_weight_that_is_no_number_is_refused():
    weights = {"layer": torch.tensor([1.0, float("nan")])}
    with pytest.raises(UserError, match="NaN or infinite"):
        prune_lowest(weights, full_masks(weights), 0.5)


def test_a_removed_weight_may_hold_anything():
    weights = {"layer": torch.tensor([1.0, float("nan"), 3.0])}
    masks = {"layer": torch.tensor([True, False, True])}
    kept = prune_lowest(weights, masks, 0.5)["layer"]
    assert kept.tolist() == [False, False, True]


def test_the_schedule_is_algorithm_1s():
    assert scheduled_sparsity(2, 0.2) == pytest.approx(0.36)  # Table 7, second line
    assert scheduled_sparsity(22, 0.2) == pytest.approx(0.9926, abs=5e-5)  # and its third
    assert last_iteration(0.2, 0.9995) == 34
    assert last_iteration(0.5, 0.75) == 1, "a wall that is hit exactly is not trained at"
    assert last_iteration(0.5, 0.7500001) == 2
    assert last_iteration(0.9, 0.5) == 0
