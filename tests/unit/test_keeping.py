"""Best epoch by validation, averaged weights, and mixup."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from pictures import image_set
from recipes import training
from torch import nn

from dsd2.artefacts.resume import ResumeFile
from dsd2.nn.evaluation import evaluate
from dsd2.nn.keeping import HELD_OUT, best_epoch, count_statistics, first_averaged, kept_epoch
from dsd2.nn.mixup import mixed, shares
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks, prune_lowest
from dsd2.nn.steps import Step
from dsd2.nn.training import network_state, train
from dsd2.recipe import ModelRecipe

pytestmark = pytest.mark.usefixtures("reproducible")

MODEL = ModelRecipe.of("vgg-like", depth=2, width=2, dropout=0.1)
RECIPE = training(epochs=5, batch_size=12, augmentation="flip-shift")
ELR = {
    "loss": "early-learning-regularisation",
    "loss_parameters": (("beta", 0.7), ("strength", 3)),
}
DATA, VALIDATION = image_set(50, (1, 8, 8)), image_set(30, (1, 8, 8))


def pruned_network():
    torch.manual_seed(0)
    model = MODEL.build((1, 8, 8), 10)
    weights = prunable_weights(model)
    scores = {name: weight.detach().abs() for name, weight in weights.items()}
    masks = prune_lowest(scores, full_masks(weights), 0.5)
    with torch.no_grad():
        for name, mask in masks.items():
            weights[name].mul_(mask)
    return model, masks


def trained(recipe, after_epoch=lambda _: None, **others):
    model, masks = pruned_network()
    settings = {"stream": ("k",), "validation": VALIDATION, **others}
    progress = train(model, masks, DATA, recipe, after_epoch=after_epoch, **settings)
    return model, masks, progress


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("killed_after", [1, 4, 5])
@pytest.mark.parametrize(
    "settings",
    [{"keep": "best-epoch"}, {"keep": "average"}, {"mixup": 0.4}, ELR],
    ids=["best", "average", "mixup", "elr"],
)
def test_resuming_after_any_epoch_ends_with_the_same_bits(tmp_path, settings, killed_after):
    recipe = dataclasses.replace(RECIPE, **settings)

    class KilledError(Exception):
        pass

    def run(resume, kill):
        model, masks = pruned_network()
        progress = resume.restore(model)

        def after_epoch(now):
            resume.after_epoch(model, now)
            if kill and now.epoch == killed_after:
                raise KilledError

        done = train(
            model,
            masks,
            DATA,
            recipe,
            stream=("k",),
            validation=VALIDATION,
            progress=progress,
            after_epoch=after_epoch,
        )
        return network_state(model), done

    whole, undisturbed = run(ResumeFile(tmp_path / "whole", "k"), kill=False)
    with pytest.raises(KilledError):
        run(ResumeFile(tmp_path / "part", "k"), kill=True)
    resumed, rest = run(ResumeFile(tmp_path / "part", "k"), kill=False)
    assert same(whole, resumed)
    for part, state in undisturbed.kept.items():
        assert same(state, rest.kept[part]), part
    own = [[{**row, "seconds": 0} for row in p.history] for p in (undisturbed, rest)]
    assert own[0] == own[1]


def test_the_best_epoch_is_left_and_choosing_it_changes_no_training():
    states, accuracies = [], []

    def look(progress):
        states.append(network_state(look.model))
        accuracies.append(progress.history[-1][HELD_OUT])

    look.model, masks = pruned_network()
    recipe = dataclasses.replace(RECIPE, keep="best-epoch")
    options = {"stream": ("k",), "validation": VALIDATION, "after_epoch": look}
    progress = train(look.model, masks, DATA, recipe, **options)
    best = accuracies.index(max(accuracies))
    assert best_epoch(progress.history) == best + 1 == kept_epoch(recipe, progress.history)
    assert same(states[best], network_state(look.model))
    assert evaluate(look.model, VALIDATION).accuracy == accuracies[best]
    last, _, plain = trained(RECIPE)
    assert same(states[-1], network_state(last))
    assert kept_epoch(RECIPE, plain.history) == 5
    assert [row[HELD_OUT] for row in plain.history] == [None] * 5


def test_the_first_of_equally_good_epochs_is_the_best():
    rows = [{"epoch": i + 1, HELD_OUT: value} for i, value in enumerate([0.1, 0.5, 0.5, 0.4])]
    assert best_epoch(rows) == 2


def test_the_average_is_that_of_the_last_quarter_and_keeps_weights_removed():
    states = []
    recipe = dataclasses.replace(RECIPE, keep="average")
    model, masks = pruned_network()
    options = {"stream": ("k",), "after_epoch": lambda _: states.append(network_state(model))}
    progress = train(model, masks, DATA, recipe, **options)
    assert first_averaged(5) == 4
    assert kept_epoch(recipe, progress.history) is None
    left = network_state(model)
    for name, parameter in model.named_parameters():
        expected = (states[3][name] + states[4][name]) / 2
        torch.testing.assert_close(parameter.detach(), expected)
        assert name not in masks or not parameter[~masks[name]].any()
    assert any(not torch.equal(left[n], states[4][n]) for n in left if "running_mean" in n)


@pytest.mark.parametrize(("epochs", "first"), [(1, 1), (2, 2), (4, 4), (30, 23), (160, 121)])
def test_epochs_that_are_averaged(epochs, first):
    assert first_averaged(epochs) == first


def test_batch_norms_statistics_are_counted_anew():
    norm = nn.BatchNorm1d(3)
    network = nn.Sequential(norm, nn.Dropout(0.9))
    norm.running_mean.fill_(9)
    batches = [torch.randn(8, 3), torch.randn(8, 3) + 1]
    count_statistics(network, iter(batches))
    torch.testing.assert_close(norm.running_mean, torch.cat(batches).mean(0))
    variances = [batch.var(0) for batch in batches]
    torch.testing.assert_close(norm.running_var, sum(variances) / 2)
    assert not network.training
    assert norm.momentum == 0.1


def test_shares_are_those_of_the_stream_and_at_least_half():
    one, again, other = (
        torch.stack(list(shares(0.3, 2000, stream, torch.device("cpu"))))
        for stream in (("a", 0), ("a", 0), ("a", 1))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert 0.5 <= one.min() < 0.51
    assert one.max() <= 1
    # λ (1 − λ) has the mean α / (2 (2 α + 1)) for a Beta distribution of (α, α).
    assert (one * (1 - one)).mean().item() == pytest.approx(0.3 / (2 * 1.6), rel=0.08)


def test_a_step_of_mixup_is_that_of_mixed_images_and_losses():
    recipe = training(mixup=1, momentum=0, weight_decay=0, learning_rate=0.1)
    torch.manual_seed(0)
    plain = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)
    rows, share = torch.arange(6), torch.tensor(0.7)
    images, labels = DATA.images[rows], DATA.labels[rows]
    normalised = DATA.normalise(images)
    inputs = 0.7 * normalised + 0.3 * torch.stack([normalised[i - 1] for i in range(6)])
    torch.testing.assert_close(mixed(normalised, share), inputs)
    plain.train()
    logits = plain(inputs)
    loss = 0.7 * F.cross_entropy(logits, labels) + 0.3 * F.cross_entropy(logits, labels.roll(1))
    names = [name for name, _ in plain.named_parameters()]
    gradients = torch.autograd.grad(loss, list(plain.parameters()))
    expected = {
        name: parameter.detach() - 0.1 * gradient
        for name, parameter, gradient in zip(names, plain.parameters(), gradients, strict=True)
    }
    masks = full_masks(prunable_weights(plain))
    step = Step(plain, masks, DATA, recipe, None, {})
    step((rows, images, None, share), 0.1)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name])
    assert step.losses()[0] == pytest.approx(6 * loss.item(), rel=1e-5)
