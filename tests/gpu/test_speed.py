"""What a GPU is not kept waiting for: synchronisations, launches, copies, counted."""

import dataclasses
import sys

import pytest
import torch
from pictures import image_set
from recipes import distillation, training

from dsd2.nn import graphs, models
from dsd2.nn.evaluation import evaluate, evaluate_with_states
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import apply_masks, full_masks, prune_lowest
from dsd2.nn.teacher import Teacher, logits_of, logits_of_views
from dsd2.nn.training import network_state, train
from dsd2.recipe import VIEWS, ModelRecipe

CUDA = torch.device("cuda")
MODEL = ModelRecipe.of("vgg-like", depth=1, width=2, dropout=0.2)
RECIPE = training(epochs=4, milestones=(2,), augmentation="flip-shift", l1=1e-4)
DISTILLATION = distillation()


def data(count=43):
    return image_set(count, (1, 8, 8)).to(CUDA)


def network(seed=0):
    torch.manual_seed(seed)
    return MODEL.build((1, 8, 8), 10).to(CUDA)


def teacher(where, images=43, views=VIEWS):
    taught_by = Teacher(network(7), DISTILLATION)
    if where != "asked":
        draws = torch.Generator().manual_seed(1)
        taught_by.table = torch.randn(images, views, 10, generator=draws).to(where)
    return taught_by


def trained(recipe=RECIPE, taught_by=None, images=43, **settings):
    model = network()
    weights = prunable_weights(model)
    scores = {name: weight.detach().abs().cpu() for name, weight in weights.items()}
    masks = prune_lowest(scores, {n: m.cpu() for n, m in full_masks(weights).items()}, 0.5)
    masks = {name: mask.to(CUDA) for name, mask in masks.items()}
    apply_masks(weights, masks)
    done = train(model, masks, data(images), recipe, stream=("t",), teacher=taught_by, **settings)
    state = {name: tensor.cpu() for name, tensor in network_state(model).items()}
    return state, done.history


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def epochs_syncs(card, **settings):
    """Synchronisations of an epoch beyond the first."""

    def syncs(epochs):
        recipe = dataclasses.replace(RECIPE, epochs=epochs, milestones=())
        with card.counting() as count:
            trained(recipe, **settings)
        return count.syncs

    few, many = syncs(1), syncs(3)
    return (many - few).total() / 2, many - few


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("where", [None, "asked", "cuda", "cpu"])
def test_an_epoch_waits_for_the_gpu_once(card, where, graphs):
    taught_by = where and teacher(where)
    found, where_from = epochs_syncs(card, taught_by=taught_by, graphs=graphs)
    # The numbers of what a table off the card is asked for are known on the host.
    assert found == 1, where_from


@pytest.mark.parametrize("where", [None, "asked", "cuda", "cpu"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_replayed_steps_end_with_the_bits_of_launched_ones(card, where, precision):
    recipe = dataclasses.replace(RECIPE, precision=precision)
    launched = trained(recipe, where and teacher(where), graphs=False)
    with card.counting() as count:
        replayed = trained(recipe, where and teacher(where))
    # Six steps an epoch, of which the last is smaller; the first three find all cold.
    assert count.replays == 4 * 5 - graphs.WARM_UP
    assert same(launched[0], replayed[0])
    without_time = [[{**row, "seconds": 0} for row in rows] for _, rows in (launched, replayed)]
    assert without_time[0] == without_time[1]


@pytest.mark.parametrize(
    "settings",
    [
        {
            "loss": "early-learning-regularisation",
            "loss_parameters": (("beta", 0.7), ("strength", 3)),
        },
        {"loss": "generalised-cross-entropy", "loss_parameters": (("q", 0.7),)},
        {"loss": "symmetric-cross-entropy"},
        {"mixup": 0.4},
    ],
    ids=["elr", "gce", "sce", "mixup"],
)
def test_losses_and_mixup_wait_once_an_epoch_and_are_replayed(card, settings, monkeypatch):
    recipe = dataclasses.replace(RECIPE, **settings)
    launched = trained(recipe, graphs=False)[0]
    with card.counting() as count:
        replayed = trained(recipe)[0]
    assert count.replays == 4 * 5 - graphs.WARM_UP
    assert same(launched, replayed)
    monkeypatch.setattr(sys.modules[__name__], "RECIPE", recipe)
    found, where_from = epochs_syncs(card)
    assert found == 1, where_from


def test_a_step_that_waits_is_launched_and_that_is_said_once(card, capsys, monkeypatch):
    expected = trained(graphs=False)[0]
    monkeypatch.setattr(models.PooledLinear, "forward", _asking(models.PooledLinear.forward))
    with card.counting() as count:
        state, _ = trained()
    assert count.replays == 0
    assert same(state, expected)
    said = [line for line in capsys.readouterr().out.splitlines() if "launched" in line]
    assert len(said) == 1
    assert "capturing" in said[0]


def _asking(forward):
    def asks(self, images):
        assert float(images.detach().sum()) < 1e9
        return forward(self, images)

    return asks


def test_a_teachers_views_are_cached_without_waiting_within_one(card):
    taught_by, images = teacher("asked"), data(2100)
    sizes = []
    taught_by.model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    with card.counting() as count:
        table = logits_of_views(taught_by.model, images)
    assert table.device.type == "cpu"
    assert max(sizes) >= 1024
    assert count.syncs.total() == VIEWS
    assert logits_of(taught_by.model, images).shape == (2100, 1, 10)


def test_the_card_evaluates_many_images_at_once(card):
    model, sizes = network(), []
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    few, many = data(1100), data(5000)
    evaluate(model, few)
    assert sizes == [1024, 76]
    syncs = []
    for images in (few, many):
        with card.counting() as count:
            evaluate_with_states(model, images)
        syncs.append(count.syncs.total())
    assert syncs[0] == syncs[1], "no batch is waited for"


class PinnedStream:
    """Images as a stream gives them, in memory that a GPU copies from without a wait."""

    def __init__(self, images):
        self.images = images
        self.shape = tuple(images.shape)

    def __len__(self):
        return len(self.images)

    def batches(self, order, size, seeds=None):
        return (self.images[rows].pin_memory() for rows in order.split(size))


def edited_epoch(device, count=700, size=64):
    """The batches of an epoch of streamed images that AutoAugment and CutOut edit."""
    images = image_set(count, (3, 32, 32))
    streamed = dataclasses.replace(images, images=PinnedStream(images.images)).to(device)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    epoch = streamed.epochs("auto-cutout", size)(order, torch.Generator().manual_seed(2))
    return [(batch.rows.cpu(), batch.images.cpu()) for batch in epoch.batches]


def test_streamed_images_are_edited_many_batches_at_once(card):
    with card.counting() as count:
        found = edited_epoch(CUDA)
    expected = edited_epoch(torch.device("cpu"))
    assert [len(rows) for rows, _ in found] == [64] * 10 + [60]
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    # Each batch is read twice by this test. A kind of edit waits for its matrix or its extremes.
    assert count.syncs.total() - 2 * len(found) < 60
    assert count.kernels.total() / len(found) < 100
