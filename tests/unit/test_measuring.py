"""What an iteration reports of its network, and how losses are averaged."""

import math

import pytest
import torch
from pictures import image_set
from recipes import training
from torch.nn.functional import cross_entropy

from dsd2.data.labels import Labels, SplitLabels
from dsd2.nn import evaluation
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import train
from dsd2.recipe import ModelRecipe
from dsd2.stages.measure import accuracy_columns, structure_columns

SIZES = [16, 50, 7]
"""Of batches of 50 images: two of them leave a smaller last batch."""


@pytest.fixture
def data():
    return image_set(50, (1, 8, 8))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))


@torch.no_grad()
def mean_loss(model, data):
    return float(cross_entropy(model(data.normalise(data.images)), data.labels))


@pytest.mark.parametrize("size", SIZES)
def test_the_loss_is_the_mean_over_images_whatever_the_last_batch(data, linear, monkeypatch, size):
    monkeypatch.setattr(evaluation, "evaluated_at_once", lambda _device: size)
    expected = mean_loss(linear, data)
    assert evaluation.evaluate(linear, data).loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_so_is_the_loss_of_an_epoch(data, linear, size):
    recipe = training(epochs=1, batch_size=size, learning_rate=0.0)
    expected = mean_loss(linear, data)
    masks = full_masks({"1.weight": linear[1].weight})
    history = train(linear, masks, data, recipe, stream=("loss",)).history
    assert history[0]["train_loss"] == pytest.approx(expected, rel=1e-5)
    assert not isinstance(history[0]["train_loss"], torch.Tensor), "no graph is kept alive"


def test_a_collapsed_layer_is_reported():
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)
    masks = full_masks(prunable_weights(model))
    assert structure_columns(model, masks)["dead_layers"] == 0
    first, second, *_ = masks
    masks[second].zero_()
    masks[first].view(-1)[0] = False
    columns = structure_columns(model, masks)
    assert columns["dead_layers"] == 1
    densities = dict(zip(columns["layers"], columns["layer_density"], strict=True))
    assert densities[second] == 0.0
    assert densities[first] == 1 - 1 / masks[first].numel()


def test_a_network_without_relu_has_no_entropy(data, linear):
    labels = Labels(SplitLabels(data.labels, data.labels), None)
    sets = dict.fromkeys(("train", "validation", "test"), data)
    columns = accuracy_columns(linear, sets, labels, "0123456789")
    assert math.isnan(columns["entropy"])
    assert math.isnan(columns["entropy_channel"])
    assert columns["states"] == columns["state_entropy"] == []
    relu = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.ReLU(), *linear[1:])
    assert 0 <= accuracy_columns(relu, sets, labels, "0123456789")["entropy"] <= 1
