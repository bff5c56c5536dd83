"""Entropy against brute force, whatever the batch size."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dsd2.nn import evaluation
from dsd2.nn.entropy import (
    binary_entropy,
    channel_entropy,
    count_on,
    counting_states,
    position_entropy,
)
from dsd2.nn.evaluation import evaluate_with_states
from dsd2.nn.images import ImageSet
from dsd2.recipe import ModelRecipe


def entropy_of(p):
    return 0.0 if p in (0, 1) else -p * math.log2(p) - (1 - p) * math.log2(1 - p)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_position_entropy_is_the_mean_binary_entropy_in_bits(counts):
    expected = sum(entropy_of(count / 50) for count in counts) / len(counts)
    assert position_entropy(torch.tensor(counts), 50) == pytest.approx(expected, abs=1e-12)


def test_a_fair_neuron_has_one_bit_and_a_constant_one_none():
    assert binary_entropy(torch.tensor([0.0, 0.5, 1.0])).tolist() == [0.0, 1.0, 0.0]


def test_channels_pool_their_positions():
    on = torch.tensor([[[10, 0], [0, 10]], [[10, 10], [10, 10]]])
    assert position_entropy(on, 10) == 0.0
    assert channel_entropy(on, 10) == pytest.approx((1.0 + 0.0) / 2)


@pytest.fixture
def data():
    torch.manual_seed(0)
    ones = torch.ones(1, 1, 1)
    return ImageSet(
        torch.randint(0, 256, (40, 1, 8, 8), dtype=torch.uint8),
        torch.randint(0, 10, (40,)),
        128 * ones,
        64 * ones,
    )


def test_counts_equal_brute_force_over_the_whole_set(data):
    torch.manual_seed(1)
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)
    _, counts = evaluate_with_states(model, data)
    x = data.normalise(data.images)
    with torch.no_grad():
        first = model[0](x)
        second = model[3](model[2](torch.relu(first)))
    assert counts.images == 40
    assert torch.equal(counts["1:0"], (first > 0).sum(0))
    assert torch.equal(counts["4:0"], (second > 0).sum(0))
    expected = sum(entropy_of(float(p)) for p in (first > 0).double().mean(0).flatten())
    assert position_entropy(counts["1:0"], 40) == pytest.approx(expected / first[0].numel())


def test_the_batch_size_does_not_matter(data, monkeypatch):
    torch.manual_seed(1)
    model = ModelRecipe.of("vgg-like", depth=2, width=2).build((1, 8, 8), 10)
    _, whole = evaluate_with_states(model, data)
    monkeypatch.setattr(evaluation, "EVALUATED", 7)
    _, parts = evaluate_with_states(model, data)
    assert list(whole) == list(parts)
    assert all(torch.equal(whole[layer], parts[layer]) for layer in whole)


def test_every_call_of_a_shared_relu_is_a_layer():
    model = ModelRecipe.of("resnet18").build((3, 8, 8), 10).eval()
    with counting_states(model) as counts, torch.no_grad():
        for _ in range(2):
            model(torch.randn(2, 3, 8, 8))
            counts.end_batch(2)
    assert len(counts) == 17
    assert "layer1.0.relu:1" in counts
    assert counts.images == 4
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_bottlenecks_shared_relu_is_three_layers():
    model = ModelRecipe.of("resnet50", stem="imagenet").build((3, 32, 32), 10).eval()
    x, seen = torch.randn(2, 3, 32, 32), []
    block = model.layer1[0]
    handle = block.bn3.register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    skip = block.downsample.register_forward_hook(
        lambda _m, _i, output: seen.append(output.clone())
    )
    with counting_states(model) as counts, torch.no_grad():
        model(x)
        counts.end_batch(2)
    handle.remove()
    skip.remove()
    assert len(counts) == 1 + 3 * 16
    assert [name for name in counts if name.startswith("layer1.0.")] == [
        "layer1.0.relu:0",
        "layer1.0.relu:1",
        "layer1.0.relu:2",
    ]
    # The third call sees the sum of the block and its shortcut.
    assert torch.equal(counts["layer1.0.relu:2"], (seen[0] + seen[1] > 0).sum(0))


def test_a_neuron_at_exactly_zero_is_off():
    model = nn.Sequential(nn.ReLU())
    with counting_states(model) as counts:
        model(torch.tensor([[0.0, -1.0, 1.0]]))
        counts.end_batch(1)
    assert counts["0:0"].tolist() == [0, 0, 1]


@pytest.mark.parametrize("images", [1, 255, 256, 600])
def test_counts_are_exact_however_many_images(images):
    before = torch.rand(images, 2, 3, generator=torch.Generator().manual_seed(0)) - 0.1
    before[:, 0, 0] = 1.0
    for laid in (before, before.transpose(1, 2).contiguous().transpose(1, 2)):
        assert torch.equal(count_on(laid), (laid > 0).long().sum(0))
    assert int(count_on(before)[0, 0]) == images
