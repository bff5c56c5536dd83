"""Edits of a whole epoch against torchvision's of one image at a time."""

import dataclasses
import sys
import types

import pytest
import torch

from dsd2.compat import import_torchvision
from dsd2.nn import autoaugment
from dsd2.nn.autoaugment import Edits, auto_augment, auto_cutout, cut_out, draw_edits

pytestmark = pytest.mark.usefixtures("reproducible")


def some_images(number, channels=3, height=32, width=32):
    """Smooth ones with noise, so that no operation finds nothing to do."""
    draws = torch.Generator().manual_seed(number)
    base = torch.rand(number, channels, 4, 4, generator=draws) * 160
    images = torch.nn.functional.interpolate(base, size=(height, width), mode="bilinear")
    noise = torch.randint(0, 60, images.shape, generator=draws)
    return (images + noise).clamp(0, 255).to(torch.uint8)


def edits_of(images, seed=0):
    return draw_edits(len(images), tuple(images.shape[-2:]), torch.Generator().manual_seed(seed))


def by_torchvision(image, edits, i, monkeypatch):
    """Torchvision's own transform of one image, made to draw what ``edits`` drew for it."""
    transforms = import_torchvision("torchvision.transforms.v2")
    transform = transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)
    pair = autoaugment._POLICY[int(edits.policy[i])]
    asked = []
    for slot, (operation, probability, _) in enumerate(pair):
        asked.append(edits.chance[i, slot])
        signed = operation not in autoaugment._UNSIGNED
        if edits.chance[i, slot] <= probability and signed:
            asked.append(edits.sign[i, slot])
    answers = iter(asked)
    drawing = types.SimpleNamespace(
        **{name: value for name, value in vars(torch).items() if not name.startswith("__")}
    )
    drawing.rand = lambda _size: next(answers)
    drawing.randint = lambda _bound, _size: edits.policy[i]
    module = sys.modules[transforms.AutoAugment.__module__]
    with monkeypatch.context() as patch:
        patch.setattr(module, "torch", drawing)
        result = transform(image)
    assert next(answers, None) is None, "it drew as often as expected"
    return result


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_gets_what_torchvision_gives_it(channels, monkeypatch):
    images = some_images(400, channels)
    edits = edits_of(images)
    assert set(edits.policy.tolist()) == set(range(25)), "every pair of the policy is tested"
    mine = auto_augment(images, edits)
    assert mine.dtype == torch.uint8
    for i, image in enumerate(images):
        assert torch.equal(mine[i], by_torchvision(image, edits, i, monkeypatch)), edits.policy[i]
    assert (mine != images).flatten(1).any(1).double().mean() > 0.7


@pytest.mark.slow
def test_an_images_result_does_not_depend_on_the_others(monkeypatch):
    images = some_images(120)
    edits = edits_of(images)
    whole = auto_cutout(images, edits)

    def of(rows):
        return Edits(**{f.name: getattr(edits, f.name)[rows] for f in dataclasses.fields(edits)})

    for i in range(len(images)):
        assert torch.equal(auto_cutout(images[i : i + 1], of(slice(i, i + 1)))[0], whole[i])
    order = torch.randperm(120, generator=torch.Generator().manual_seed(1))
    assert torch.equal(auto_cutout(images[order], of(order)), whole[order])
    monkeypatch.setattr(autoaugment, "CHUNK", 3)
    assert torch.equal(auto_cutout(images, edits), whole)


def test_the_images_given_stay_as_they_are():
    images = some_images(60)
    before = images.clone()
    auto_cutout(images, edits_of(images))
    assert torch.equal(images, before)


def test_the_hole_is_a_clipped_black_square_of_half_the_side():
    images = torch.full((4, 3, 32, 32), 9, dtype=torch.uint8)
    row, column = torch.tensor([16, 0, 31, 8]), torch.tensor([16, 0, 5, 31])
    cut = cut_out(images, row, column)
    black = (cut == 0).all(1)
    assert torch.equal(black, (cut == 0).any(1)), "in all channels"
    assert black.flatten(1).sum(1).tolist() == [16 * 16, 8 * 8, 9 * 13, 16 * 9]
    # Centre 16: pixels 8 to 23, as in the authors' code.
    assert black[0].any(0).nonzero().flatten().tolist() == list(range(8, 24))
    assert int(images.min()) == 9


def test_other_shapes():
    wide = some_images(80, 1, 8, 12)
    edited = auto_cutout(wide, edits_of(wide))
    assert edited.shape == wide.shape
    hole = cut_out(torch.ones_like(wide), torch.full((80,), 4), torch.full((80,), 6))
    assert (hole == 0).flatten(1).sum(1).tolist() == [16] * 80


def test_draws_are_uniform_and_repeatable():
    def draw():
        return draw_edits(50_000, (8, 8), torch.Generator().manual_seed(5))

    edits, again = draw(), draw()
    for counted, bound in ((edits.policy, 25), (edits.row, 8), (edits.column, 8)):
        counts = counted.bincount(minlength=bound).double() / 50_000
        assert len(counts) == bound
        assert (counts - 1 / bound).abs().max() < 0.01
    for drawn in (edits.chance, edits.sign):
        assert drawn.shape == (50_000, 2)
        assert abs(float(drawn.mean()) - 0.5) < 0.01
    assert all(
        torch.equal(getattr(edits, f.name), getattr(again, f.name))
        for f in dataclasses.fields(edits)
    )
