"""Steps, learning rates, clipping and smoothing against torch's own, to the bit."""

import dataclasses
import math

import pytest
import torch
import torch.nn.functional as F
from pictures import image_set
from recipes import training
from torch.optim import lr_scheduler

from dsd2.nn.models import head_of, head_parameters, prunable_weights
from dsd2.nn.objective import label_loss
from dsd2.nn.optimisers import Optimiser, clip
from dsd2.nn.pruning import full_masks
from dsd2.nn.rates import learning_rate
from dsd2.nn.training import train
from dsd2.seeds import generator

pytestmark = pytest.mark.usefixtures("reproducible")

SHAPES = ((4, 3), (5,), (2, 3, 3, 3))


def tensors(seed):
    draws = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=draws) for shape in SHAPES]


def parameters(seed=1):
    return {f"p{i}": torch.nn.Parameter(tensor) for i, tensor in enumerate(tensors(seed))}


def torchs_own(recipe, groups, **options):
    if recipe.optimiser == "sgd":
        momentum = recipe.momentum
        return torch.optim.SGD(
            groups, momentum=momentum, weight_decay=recipe.weight_decay, **options
        )
    betas = (recipe.momentum, recipe.beta2)
    return torch.optim.AdamW(groups, betas=betas, weight_decay=recipe.weight_decay, **options)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("head_rate", [1, 10, 0.5])
@pytest.mark.parametrize("weight_decay", [0.0, 0.05])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_steps_have_the_bits_of_torchs_own(optimiser, weight_decay, head_rate, foreach):
    recipe = training(optimiser=optimiser, weight_decay=weight_decay, head_rate=head_rate)
    mine, theirs = parameters(), parameters()
    head = frozenset({"p1"})
    groups = [
        {"params": [p for n, p in theirs.items() if n not in head], "lr": 0.1},
        {"params": [theirs["p1"]], "lr": 0.1 * head_rate},
    ]
    other = torchs_own(recipe, groups, lr=0.1, foreach=foreach)
    optimised = Optimiser(mine, recipe, head)
    for number in range(5):
        gradients = tensors(10 + number)
        rate = 0.1 / (number + 1)
        for group, factor in zip(other.param_groups, (1, head_rate), strict=True):
            group["lr"] = rate * factor
        for parameter, gradient in zip(theirs.values(), gradients, strict=True):
            parameter.grad = gradient.clone()
        other.step()
        optimised.step(gradients, rate, number)
        for name in mine:
            assert torch.equal(mine[name], theirs[name]), (number, name)


@pytest.mark.parametrize("longest", [0.1, 3.0, 1e6])
def test_a_gradient_is_clipped_as_torch_clips_it(longest):
    mine = tensors(3)
    theirs = [torch.nn.Parameter(torch.zeros_like(tensor)) for tensor in mine]
    for parameter, gradient in zip(theirs, mine, strict=True):
        parameter.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(theirs, longest)
    clip(mine, longest)
    assert all(torch.equal(a, b.grad) for a, b in zip(mine, theirs, strict=True))


EPOCHS, STEPS = 6, 5
BASE = 0.3


def schedulers(kind):
    """Torch's own, which takes a step for each of ours."""
    model = [torch.nn.Parameter(torch.zeros(1))]
    optimiser = torch.optim.SGD(model, lr=BASE)
    if kind == "multistep":
        milestones = [2 * STEPS, 4 * STEPS]
        return optimiser, lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.1)
    return optimiser, lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * STEPS)


@pytest.mark.parametrize("kind", ["multistep", "cosine"])
def test_rates_are_those_of_torchs_schedulers(kind):
    recipe = training(
        epochs=EPOCHS, learning_rate=BASE, schedule=kind, milestones=(2, 4), drop_factor=0.1
    )
    optimiser, scheduler = schedulers(kind)
    for number in range(EPOCHS * STEPS):
        rate = learning_rate(recipe, *divmod(number, STEPS), STEPS)
        assert rate == scheduler._get_closed_form_lr()[0], number
        assert rate == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)
        optimiser.step()
        scheduler.step()


@pytest.mark.parametrize("kind", ["multistep", "cosine"])
def test_a_warm_up_is_torchs_and_a_cosine_follows_it(kind):
    recipe = training(
        epochs=EPOCHS, learning_rate=BASE, schedule=kind, milestones=(3, 4), warmup=0.2
    )
    rising = 6
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    warm = lr_scheduler.LinearLR(optimiser, 0.01, 1.0, rising)
    parts = [warm, lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS * STEPS - rising)]
    both = lr_scheduler.SequentialLR(optimiser, parts, [rising])
    for number in range(EPOCHS * STEPS):
        rate = learning_rate(recipe, *divmod(number, STEPS), STEPS)
        if kind == "cosine" or number < rising:
            assert rate == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12), number
        if number < rising:
            assert rate == BASE * (0.01 + (1.0 - 0.01) * number / rising)
        optimiser.step()
        both.step()
    last = learning_rate(recipe, EPOCHS - 1, STEPS - 1, STEPS)
    expected = BASE * (1 + math.cos(math.pi * 23 / 24)) / 2 if kind == "cosine" else BASE * 0.01
    assert last == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_a_training_has_the_bits_of_torchs_own_loop(optimiser):
    data = image_set(20, (1, 8, 8))
    recipe = training(
        epochs=4,
        batch_size=20,
        learning_rate=0.01,
        optimiser=optimiser,
        schedule="cosine",
        warmup=0.5,
        clip_norm=0.5,
        label_smoothing=0.2,
        head_rate=2.0,
    )

    def network():
        torch.manual_seed(0)
        layers = torch.nn.Linear(64, 7), torch.nn.GELU(), torch.nn.Linear(7, 10)
        return torch.nn.Sequential(torch.nn.Flatten(), *layers)

    mine, theirs = network(), network()
    train(mine, full_masks(prunable_weights(mine)), data, recipe, stream=("one batch",))
    groups = [{"params": theirs[1].parameters()}, {"params": theirs[3].parameters()}]
    other = torchs_own(recipe, groups, lr=0.01)
    for epoch in range(4):
        order = torch.randperm(20, generator=generator("one batch", epoch))
        rate = learning_rate(recipe, epoch, 0, 1)
        other.param_groups[0]["lr"], other.param_groups[1]["lr"] = rate, 2.0 * rate
        other.zero_grad()
        logits = theirs(data.normalise(data.images[order]))
        F.cross_entropy(logits, data.labels[order], label_smoothing=0.2).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        other.step()
    for name, tensor in mine.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name


def test_what_is_removed_does_not_shorten_the_steps_of_the_rest():
    data = image_set(20, (1, 8, 8))
    recipe = training(epochs=1, batch_size=20, clip_norm=1e-3, momentum=0.0, weight_decay=0.0)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    masks = full_masks(prunable_weights(model))
    masks["1.weight"][:, 1:] = False
    with torch.no_grad():
        model[1].weight.mul_(masks["1.weight"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, masks, data, recipe, stream=("clip",))
    moved = [model.state_dict()[name] - before[name] for name in before]
    length = math.sqrt(sum(float(change.square().sum()) for change in moved))
    assert length == pytest.approx(recipe.learning_rate * 1e-3, rel=1e-3)


def test_labels_are_smoothed_in_both_forms_of_the_loss():
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 0])
    plain = label_loss(training(label_smoothing=0.3), labels)(logits, labels, torch.arange(6))
    assert plain == F.cross_entropy(logits, labels, label_smoothing=0.3)
    weighted = label_loss(training(label_smoothing=0.3, class_weights="balanced"), labels)
    counts = labels.bincount()
    each = F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.3)
    expected = (each * 6 / (4 * counts[labels])).mean()
    torch.testing.assert_close(weighted(logits, labels, torch.arange(6)), expected)


def test_the_head_is_the_last_layer_of_the_tree():
    body = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.Flatten())
    model = torch.nn.Sequential(body, torch.nn.Linear(2, 3), torch.nn.Identity())
    assert head_of(model) == "1"
    assert head_parameters(model) == {"1.weight", "1.bias"}
    with pytest.raises(ValueError, match="no linear layer"):
        head_of(torch.nn.ReLU())


def test_a_head_that_has_no_rate_stays():
    data = image_set(20, (1, 8, 8))
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 5))
    model = torch.nn.Sequential(body, torch.nn.Linear(5, 10))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    recipe = dataclasses.replace(training(), head_rate=0, weight_decay=0.0)
    train(model, full_masks(prunable_weights(model)), data, recipe, stream=("head",))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.startswith("1."), name
