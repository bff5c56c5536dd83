"""Losses for wrong labels against their formulas written out, and their configuration."""

import copy

import pytest
import torch
import torch.nn.functional as F
from recipes import training

from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.keys import parameters
from dsd2.nn.objective import MEMORY, label_loss
from dsd2.paths import run_name
from dsd2.planning.chains import Plan
from dsd2.recipe import LOSSES, RunRecipe, from_json, to_json

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()
LABELS = torch.tensor([0, 3, 1, 1, 2, 0])
P = torch.softmax(LOGITS, 1)
OF_LABEL = P.gather(1, LABELS[:, None]).squeeze(1)

STUDY = {
    "study": "small",
    "dataset": {"name": "digits", "train": 100, "validation": 20, "test": 50},
    "model": {"name": "vgg-like", "depth": 1, "width": 2},
    "training": {"epochs": 2},
    "arms": {"a": {}},
}


def resolved(**of_training):
    config = copy.deepcopy(STUDY)
    config["training"] |= of_training
    return next(iter(load_study(config).arms.values())).training


@pytest.mark.parametrize("q", [1e-4, 0.3, 0.7, 1])
def test_generalised_cross_entropy(q):
    found = LOSSES["generalised-cross-entropy"](LOGITS, LABELS, q=q)
    torch.testing.assert_close(found, ((1 - OF_LABEL**q) / q).mean())


def test_generalised_cross_entropy_lies_between_cross_entropy_and_absolute_error():
    loss = LOSSES["generalised-cross-entropy"]
    torch.testing.assert_close(loss(LOGITS, LABELS, q=1), (1 - OF_LABEL).mean())
    near = loss(LOGITS, LABELS, q=1e-9)
    torch.testing.assert_close(near, F.cross_entropy(LOGITS, LABELS), rtol=1e-6, atol=0)


def test_symmetric_cross_entropy():
    one_hot = F.one_hot(LABELS, 4).double()
    log_q = torch.where(one_hot == 1, 0.0, -6.0)
    forward, reverse = -(one_hot * P.log()).sum(1), -(P * log_q).sum(1)
    chosen = {"alpha": 0.3, "beta": 1.5, "log_zero": -6}
    found = LOSSES["symmetric-cross-entropy"](LOGITS, LABELS, **chosen)
    torch.testing.assert_close(found, (0.3 * forward + 1.5 * reverse).mean())


@pytest.mark.parametrize("name", ["generalised-cross-entropy", "symmetric-cross-entropy"])
def test_weights_multiply_the_loss_of_each_image(name):
    weights = torch.rand(6, generator=torch.Generator().manual_seed(1)).double()
    each = torch.stack([LOSSES[name](LOGITS[[i]], LABELS[[i]]) for i in range(6)])
    found = LOSSES[name](LOGITS, LABELS, weights)
    torch.testing.assert_close(found, (weights * each).mean())


def test_early_learning_regularisation_remembers_the_images_of_each_batch():
    recipe = training(
        loss="early-learning-regularisation", loss_parameters=(("beta", 0.6), ("strength", 2))
    )
    labels, memory = torch.randint(0, 4, (9,)), {}
    loss = label_loss(recipe, labels, memory)
    expected = torch.zeros(9, 4)
    batches = [torch.tensor([7, 0, 3]), torch.tensor([3, 8])]
    for seed, rows in enumerate(batches):
        draws = torch.Generator().manual_seed(seed)
        logits = torch.randn(len(rows), 4, generator=draws).requires_grad_()
        p = torch.softmax(logits, 1)
        expected[rows] = 0.6 * expected[rows] + 0.4 * p.detach()
        written = F.cross_entropy(logits, labels[rows])
        written = written + 2 * (1 - (expected[rows] * p).sum(1)).log().mean()
        found = loss(logits, labels[rows], rows)
        torch.testing.assert_close(found, written)
        torch.testing.assert_close(*(torch.autograd.grad(x, logits) for x in (found, written)))
        torch.testing.assert_close(memory[MEMORY], expected)
    assert not memory[MEMORY][[1, 2, 4, 5, 6]].any()


def test_a_loss_is_chosen_by_name_or_with_its_parameters():
    plain = resolved(loss="generalised-cross-entropy")
    assert plain.loss_parameters == (("q", 0.7),)
    assert resolved(loss={"name": "generalised-cross-entropy", "q": 0.7}) == plain
    assert resolved(loss={"name": "generalised-cross-entropy", "q": "0.5"}) != plain
    assert resolved(loss={"name": "cross-entropy"}) == resolved()
    assert resolved().loss_parameters == ()


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("mean", r"training.loss is 'mean' but must be one of cross-entropy"),
        ({"q": 0.5}, r"training.loss .* must be one of cross-entropy"),
        ({"name": "generalised-cross-entropy", "q": 2}, r"training.loss.q is 2 .* at most 1"),
        (
            {"name": "generalised-cross-entropy", "p": 1},
            r"training.loss.p is unknown: known are name, q",
        ),
        ({"name": "symmetric-cross-entropy", "log_zero": 1}, r"loss.log_zero is 1 .* below 0"),
    ],
)
def test_faults_of_a_loss_are_named(loss, words):
    with pytest.raises(UserError, match=words):
        resolved(loss=loss)


def test_what_a_loss_cannot_do_is_refused():
    with pytest.raises(UserError, match=r"class_weights .* must be none with training.loss 'early"):
        resolved(loss="early-learning-regularisation", class_weights="balanced")
    with pytest.raises(UserError, match=r"training.mixup of arm a is 1 but must be 0"):
        resolved(loss="early-learning-regularisation", mixup=1)


def test_an_arm_with_another_loss_leaves_the_parameters_below_behind():
    config = copy.deepcopy(STUDY)
    config["training"]["loss"] = {"name": "generalised-cross-entropy", "q": 0.4}
    config["arms"]["b"] = {"training": {"loss": "symmetric-cross-entropy"}}
    study = load_study(config)
    assert [arm.training.loss_parameters for arm in study.arms.values()] == [
        (("q", 0.4),),
        (("alpha", 0.1), ("beta", 1), ("log_zero", -4)),
    ]
    recipes = list(Plan(study).runs.values())
    for recipe in recipes:
        again = from_json(RunRecipe, to_json(recipe))
        assert run_name(again) == run_name(recipe)
    assert len({run_name(recipe) for recipe in recipes}) == len(recipes)


def test_every_parameter_says_what_it_is():
    for name, loss in LOSSES.items():
        for parameter in parameters(loss):
            assert parameter.description, (name, parameter.name)
            assert isinstance(parameter.default, int | float), (name, parameter.name)
