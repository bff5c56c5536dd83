"""Costs against the constants that the paper's printed values come from."""

import copy

import pytest
import torch

from dsd2.nn.flops import training_cost
from dsd2.nn.footprint import sizes_of
from dsd2.recipe import ModelRecipe

CIFAR = (3, 32, 32)


def cost(name, classes=10, **extra):
    return sizes_of(ModelRecipe.of(name, **extra).build(CIFAR, classes), CIFAR)


def test_vgg_like_forward_pass():
    vgg = cost("vgg-like", depth=5, width=5)
    assert vgg.dense == 67_195_904
    assert vgg.paper == 67_831_296
    hundred = cost("vgg-like", classes=100, depth=5, width=5)
    assert hundred.dense == 69_453_824
    assert hundred.paper / vgg.paper == pytest.approx(1.033, abs=5e-4)


def test_resnet18_forward_pass():
    assert cost("resnet18").dense == 555_422_720


@pytest.mark.parametrize(
    ("name", "macs"), [("resnet18", 1_814_073_344), ("resnet50", 4_089_184_256)]
)
def test_resnets_on_imagenet(name, macs):
    image = (3, 224, 224)
    with torch.device("meta"):
        model = ModelRecipe.of(name, stem="imagenet").build(image, 1000)
    assert sizes_of(model, image).dense == macs


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        ModelRecipe.of("vgg-like", depth=2, width=3, dropout=0.5),
        ModelRecipe.of("resnet18"),
        ModelRecipe.of("resnet50", stem="imagenet"),
    ],
)
def test_a_network_without_memory_costs_the_same(recipe):
    image = (3, 40, 36)
    with torch.device("meta"):
        shapes = recipe.build(image, 7)
    assert all(parameter.is_meta for parameter in shapes.parameters())
    real = recipe.build(image, 7)
    assert sizes_of(shapes, image) == sizes_of(real, image)
    # What was counted without memory leaves nothing behind that a real network would use.
    assert real.eval()(torch.zeros(1, *image)).device.type == "cpu"


def test_the_papers_unit_and_table_1():
    vgg = cost("vgg-like", depth=5, width=5)
    unit = training_cost(vgg, dict.fromkeys(vgg.macs, 1.0), images=50_000, epochs=160)
    assert unit.paper == pytest.approx(1.62795e15, rel=1e-5)
    assert round(30 * unit.paper / 1e15, 2) == 48.84
    assert round(3 * unit.paper / 1e15, 2) == 4.88
    assert round(29 * unit.paper / 1e15, 2) == 47.21


def test_density_and_teacher_enter_where_they_should():
    student = cost("vgg-like", depth=1, width=2)
    teacher = cost("vgg-like", depth=1, width=3)
    density = {name: 0.25 * (i + 1) for i, name in enumerate(student.macs)}
    halved = dict.fromkeys(teacher.macs, 0.5)
    alone = training_cost(student, density, images=10, epochs=2)
    taught = training_cost(
        student, density, 10, 2, teacher=teacher, teacher_densities=halved, teacher_images=20
    )
    assert alone.dense == 60 * student.dense
    assert alone.sparse == pytest.approx(
        60 * sum(macs * density[name] for name, macs in student.macs.items())
    )
    assert taught.paper == alone.paper
    assert taught.dense - alone.dense == 20 * teacher.dense
    assert taught.sparse - alone.sparse == pytest.approx(10 * teacher.dense)


def test_a_layer_that_is_called_twice_costs_twice():
    conv, linear = torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.Linear(8, 8)
    twice = torch.nn.Sequential(conv, conv, linear, linear)
    counted = sizes_of(twice, (4, 8, 8))
    assert counted.macs == {"0.weight": 2 * 4 * 9 * 4 * 64, "2.weight": 2 * 64 * 4 * 8}
    assert counted.sparse({"0.weight": 0.5, "2.weight": 1.0}) == 4 * 9 * 4 * 64 + 2 * 64 * 4 * 8
    apart = torch.nn.Sequential(*(copy.deepcopy(layer) for layer in twice))
    assert counted.dense == sizes_of(apart, (4, 8, 8)).dense


def test_what_cannot_be_counted_is_refused():
    model = torch.nn.Sequential(torch.nn.ConvTranspose2d(3, 4, 3))
    with pytest.raises(TypeError, match=r"operations of 0\.weight are not known"):
        sizes_of(model, CIFAR)


def test_counting_leaves_the_network_as_it_was():
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build(CIFAR, 10)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    sizes_of(model, CIFAR)
    assert model.training
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
