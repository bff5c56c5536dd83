"""Networks against the paper's Table 3 and against torch's own layers."""

import pytest
import torch
from torch import nn

from dsd2.compat import import_torchvision
from dsd2.errors import UserError
from dsd2.nn.models import PooledLinear, prunable_weights
from dsd2.recipe import ModelRecipe

CIFAR = (3, 32, 32)

# Table 3 prints them rounded; the exact values are those of Table 2's layers.
TABLE_3 = [
    (1, 5, 25_962, "26.0 K"),
    (1, 6, 70_346, "70.3 K"),
    (1, 7, 214_410, "214.4 K"),
    (1, 8, 723_722, "723.7 K"),
    (1, 9, 2_627_082, "2.6 M"),
    (2, 5, 97_322, "97.3 K"),
    (3, 5, 350_634, "350.6 K"),
    (4, 5, 1_299_626, "1.3 M"),
    (5, 5, 4_967_082, "4.9 M"),
]


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(("depth", "width", "count", "printed"), TABLE_3)
def test_vgg_like_has_table_3s_parameters(depth, width, count, printed):
    model = ModelRecipe.of("vgg-like", depth=depth, width=width).build(CIFAR, 10)
    assert parameters(model) == count
    number, unit = printed.split()
    # Table 3 cuts its last row, 4.967 M, to 4.9 and rounds the others.
    assert abs(count / {"K": 1e3, "M": 1e6}[unit] - float(number)) < 0.1


@pytest.mark.slow
def test_resnet18_has_table_3s_parameters_and_the_cifar_stem():
    model = ModelRecipe.of("resnet18").build(CIFAR, 10)
    assert parameters(model) == 11_173_962  # 11.1 M, cut
    assert model.conv1.kernel_size == (3, 3)
    assert model.conv1.stride == (1, 1)
    assert isinstance(model.maxpool, nn.Identity)
    assert model(torch.zeros(2, *CIFAR)).shape == (2, 10)


def test_resnet50_has_table_3s_parameters():
    with torch.device("meta"):
        model = ModelRecipe.of("resnet50").build(CIFAR, 10)
    assert parameters(model) == 23_520_842  # 23.5 M


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_imagenet_stem_is_torchvisions_own(name):
    torch.manual_seed(0)
    mine = ModelRecipe.of(name, stem="imagenet").build((3, 64, 64), 10)
    torch.manual_seed(0)
    theirs = getattr(import_torchvision("torchvision.models"), name)(num_classes=10)
    assert str(mine) == str(theirs)
    assert all(torch.equal(theirs.state_dict()[n], t) for n, t in mine.state_dict().items())


@pytest.mark.slow
def test_greyscale_images_and_other_class_counts():
    for name, extra in (
        ("resnet18", {}),
        ("resnet18", {"stem": "imagenet"}),
        ("vgg-like", {"depth": 2, "width": 2}),
    ):
        model = ModelRecipe.of(name, **extra).build((1, 8, 8), 7)
        assert model(torch.zeros(3, 1, 8, 8)).shape == (3, 7)
    stem = ModelRecipe.of("resnet18", stem="imagenet").build((1, 8, 8), 7).conv1
    assert (stem.kernel_size, stem.stride, stem.padding) == ((7, 7), (2, 2), (3, 3))


@pytest.mark.parametrize("size", [1, 2, 4, 5, 8, 16, 21])
def test_pooled_linear_equals_torchs_pool_and_linear_layer(size):
    torch.manual_seed(size)
    head = PooledLinear(6, 7, 10).double()
    plain = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(6 * 49, 10)).double()
    plain[2].load_state_dict(head.state_dict())
    x = torch.randn(4, 6, size, size, dtype=torch.float64)
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(head(mine), plain(theirs))
    head(mine).square().sum().backward()
    plain(theirs).square().sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad)
    torch.testing.assert_close(head.weight.grad, plain[2].weight.grad)


def test_prunable_are_convolutions_and_linear_layers_alone():
    networks = (("resnet18", {}), ("resnet50", {}), ("vgg-like", {"depth": 2, "width": 3}))
    for name, extra in networks:
        model = ModelRecipe.of(name, **extra).build(CIFAR, 10)
        expected = [
            module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)
        ]
        assert {id(w) for w in prunable_weights(model).values()} == {id(w) for w in expected}


def test_dropout_is_before_the_classifier():
    for name, extra in (("resnet18", {}), ("vgg-like", {"depth": 2, "width": 3})):
        model = ModelRecipe.of(name, dropout=0.5, **extra).build(CIFAR, 10)
        (dropout,) = (m for m in model.modules() if isinstance(m, nn.Dropout))
        assert dropout.p == 0.5


def test_a_network_too_deep_for_its_images_is_refused():
    with pytest.raises(UserError, match=r"model.depth: 4 max-pools need .* at least 16 pixels"):
        ModelRecipe.of("vgg-like", depth=4, width=3).build((1, 8, 8), 10)
