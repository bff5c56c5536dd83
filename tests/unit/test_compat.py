"""Private names of other libraries: the same bits where one is gone."""

import itertools

import pytest
import torch
from pictures import image_set
from recipes import training

from dsd2 import compat
from dsd2.nn.models import prunable_weights
from dsd2.nn.optimisers import sgd_step
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import train
from dsd2.recipe import ModelRecipe

pytestmark = pytest.mark.usefixtures("reproducible")

OPERATIONS = {"add", "add_", "mul_", "sign"}


@pytest.fixture
def without(monkeypatch):
    """A function that takes private names away from torch."""
    compat.foreach.cache_clear()

    def remove(*operations):
        compat.foreach.cache_clear()
        for operation in operations:
            monkeypatch.delattr(torch, f"_foreach_{operation}")

    yield remove
    compat.foreach.cache_clear()


def tensors(seed):
    draws = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=draws) for shape in ((3, 4), (7,), (2, 1, 5))]


@pytest.mark.parametrize(
    ("operation", "other"),
    [("sign", "nothing"), *itertools.product(("add", "add_", "mul_"), ("tensors", "number"))],
)
def test_a_loop_computes_what_the_private_operation_does(operation, other, without):
    partner = {"tensors": (tensors(2),), "number": (0.3,), "nothing": ()}[other]
    options = {"alpha": -0.7} if operation.startswith("add") and other == "tensors" else {}
    results = []
    for gone in (False, True):
        if gone:
            without(operation)
        changed = tensors(1)
        returned = compat.foreach(operation)(changed, *partner, **options)
        results.append([*changed, *(() if operation.endswith("_") else returned)])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_lists_of_unequal_length_are_refused_without_the_private_operation(without):
    without("mul_")
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        compat.foreach("mul_")(tensors(1), tensors(2)[:2])


@pytest.mark.parametrize(
    "settings",
    [{}, {"l1": 0.01}, {"momentum": 0.0, "weight_decay": 0.0}, {"optimiser": "adamw"}],
)
def test_a_training_has_the_same_bits_without_the_private_operations(settings, without):
    def trained():
        torch.manual_seed(0)
        model = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)
        masks = full_masks(prunable_weights(model))
        recipe = training(epochs=2, **settings)
        train(model, masks, image_set(24, (1, 8, 8)), recipe, stream=("compat",))
        return model.state_dict()

    first = trained()
    without(*OPERATIONS)
    second = trained()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.0}, {"weight_decay": 0.0}])
def test_a_step_has_the_bits_of_torchs_own_optimiser(settings):
    recipe = training(**settings)
    mine, momenta = tensors(1), [None] * 3
    theirs = [tensor.clone().requires_grad_() for tensor in mine]
    optimiser = torch.optim.SGD(
        theirs, lr=0.1, momentum=recipe.momentum, weight_decay=recipe.weight_decay, foreach=True
    )
    for step in range(4):
        gradients = tensors(10 + step)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient.clone()
        optimiser.step()
        sgd_step(mine, gradients, momenta, recipe, 0.1)
        assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)), step
