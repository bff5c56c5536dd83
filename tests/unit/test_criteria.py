"""Scores against the formulas that define them."""

import pytest
import torch

from dsd2.nn import scores as module
from dsd2.nn.images import ImageSet
from dsd2.nn.models import prunable_weights
from dsd2.nn.scores import Trained, loss_gradients, scores
from dsd2.recipe import ModelRecipe


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)


@pytest.fixture
def data():
    draws = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=draws)
    shape = (1, 1, 1)
    labels = torch.randint(0, 10, (30,), generator=draws)
    return ImageSet(images, labels, torch.full(shape, 127.0), torch.full(shape, 70.0))


def scored(model, data, criterion, seed=0):
    return scores(Trained(model, data, torch.Generator().manual_seed(seed)), criterion)


def test_magnitude(model, data):
    for name, score in scored(model, data, "magnitude").items():
        assert torch.equal(score, prunable_weights(model)[name].abs())


def test_gradient_is_that_of_the_mean_loss_whatever_the_batches(model, data, monkeypatch):
    model.eval()
    loss = torch.nn.functional.cross_entropy(model(data.normalise(data.images)), data.labels)
    loss.backward()
    monkeypatch.setattr(module, "BATCH", 7)
    gradients = loss_gradients(model, data)
    found = scored(model, data, "gradient")
    for name, weight in prunable_weights(model).items():
        torch.testing.assert_close(gradients[name], weight.grad, rtol=1e-4, atol=1e-6)
        expected = (weight * weight.grad).abs()
        torch.testing.assert_close(found[name], expected, rtol=1e-4, atol=1e-6)


def test_random_is_drawn_anew_from_its_generator(model, data):
    one, again, other = (scored(model, data, "random", seed) for seed in (0, 0, 1))
    for name, weight in prunable_weights(model).items():
        assert one[name].shape == weight.shape
        assert torch.equal(one[name], again[name])
        assert not torch.equal(one[name], other[name])


def test_another_word_is_no_criterion(model, data):
    with pytest.raises(KeyError, match="size"):
        scored(model, data, "size")
