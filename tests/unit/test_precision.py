"""Faster arithmetic: close to single precision, its weights kept in it, and just as repeatable."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pictures import image_set
from recipes import distillation, training

from dsd2.artefacts.resume import ResumeFile
from dsd2.nn import precision
from dsd2.nn.models import prunable_weights
from dsd2.nn.precision import laid_like, lay_out
from dsd2.nn.pruning import apply_masks, full_masks, prune_lowest
from dsd2.nn.teacher import Teacher
from dsd2.nn.training import network_state, train
from dsd2.recipe import ModelRecipe

pytestmark = pytest.mark.usefixtures("reproducible")


EXACT = training(
    epochs=3, batch_size=16, learning_rate=0.01, milestones=(2,), augmentation="flip-shift"
)
CHANNELS_LAST = dataclasses.replace(EXACT, channels_last=True)
BF16 = dataclasses.replace(EXACT, precision="bf16")
BOTH = dataclasses.replace(BF16, channels_last=True)


@pytest.fixture
def data():
    return image_set(48, (3, 16, 16))


def network(seed):
    torch.manual_seed(seed)
    return ModelRecipe.of("vgg-like", depth=2, width=3).build((3, 16, 16), 10)


def trained(data, recipe, after_epoch=lambda *_: None, resume=None):
    model = network(0)
    weights = prunable_weights(model)
    scores = {name: weight.detach().abs() for name, weight in weights.items()}
    masks = prune_lowest(scores, full_masks(weights), 0.5)
    progress = resume.restore(model) if resume else None
    apply_masks(weights, masks)
    done = train(
        model,
        masks,
        data,
        recipe,
        stream=("precision",),
        teacher=Teacher(network(1), distillation()),
        progress=progress,
        after_epoch=lambda now: after_epoch(model, now),
    )
    return model, masks, done.history[-1]["train_loss"]


@pytest.mark.parametrize("recipe", [CHANNELS_LAST, BF16, BOTH])
def test_the_loss_is_close_and_weights_are_single_precision_as_ever(data, recipe):
    # Two steps of all images: the second loss depends on the first gradients.
    few = {"batch_size": 48, "epochs": 2}
    _, _, exact = trained(data, dataclasses.replace(EXACT, **few))
    model, masks, loss = trained(data, dataclasses.replace(recipe, **few))
    tolerance = 1e-4 if recipe.precision == "fp32" else 5e-3
    assert loss == pytest.approx(exact, rel=tolerance)
    for name, tensor in network_state(model).items():
        assert tensor.is_contiguous(), name
        assert tensor.dtype in (torch.float32, torch.int64), name
    for name, weight in prunable_weights(model).items():
        assert bool((weight[~masks[name]] == 0).all())


def test_bf16_rounds_otherwise(data):
    assert trained(data, BF16)[2] != trained(data, EXACT)[2]


@pytest.mark.parametrize("recipe", [CHANNELS_LAST, BF16, BOTH])
def test_a_resumed_training_ends_with_the_same_bits(data, recipe, tmp_path):
    class KilledError(Exception):
        pass

    def save_and_die(model, now):
        ResumeFile(tmp_path / "state", "k").after_epoch(model, now)
        if now.epoch == 2:
            raise KilledError

    whole = network_state(trained(data, recipe)[0])
    with pytest.raises(KilledError):
        trained(data, recipe, save_and_die)
    resumed = network_state(trained(data, recipe, resume=ResumeFile(tmp_path / "state", "k"))[0])
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole.items())


def test_tf32_is_single_precision_on_a_cpu(data):
    exact = network_state(trained(data, EXACT)[0])
    other = network_state(trained(data, dataclasses.replace(EXACT, precision="tf32"))[0])
    assert all(torch.equal(tensor, other[name]) for name, tensor in exact.items())


def test_a_layout_moves_numbers_in_memory_alone():
    model = network(0)
    before = network_state(model)
    lay_out(model, torch.channels_last)
    filters = model[0].weight
    assert filters.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(filters, before["0.weight"])
    assert laid_like(before["0.weight"], filters).stride() == filters.stride()
    lay_out(model, torch.contiguous_format)
    assert model[0].weight.is_contiguous()


def test_rates_are_measured_in_both_formats():
    assert precision.products_a_second(torch.float32) > 1e6
    assert precision.products_a_second(torch.bfloat16) > 1e6


@pytest.mark.parametrize(("half", "words"), [(6e9, ("6 GMAC/s", "60 in fp32")), (90e9, ())])
def test_bf16_on_a_processor_that_lacks_it_is_said(monkeypatch, half, words):
    rates = {torch.float32: 60e9, torch.bfloat16: half}
    monkeypatch.setattr(precision, "products_a_second", rates.get)
    said = precision.bf16_warning(BF16, torch.device("cpu"))
    assert bool(said) == bool(words)
    assert all(word in said for word in ("training.precision", *words)) if words else not said
    assert precision.bf16_warning(EXACT, torch.device("cpu")) is None
    assert precision.bf16_warning(BF16, torch.device("cuda")) is None


@pytest.mark.process
def test_autocast_does_not_import_the_compiler():
    program = "import sys, torch\nwith torch.autocast('cpu', torch.bfloat16): pass\n"
    program += "assert 'torch._dynamo' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent)
