"""The gather against torchvision's flip and crop."""

import pytest
import torch

from dsd2.compat import import_torchvision
from dsd2.nn.augmentation import SHIFT, Views, draw_views, pad_images, take_views


@pytest.mark.slow
def test_every_view_equals_torchvisions_flip_then_padded_crop():
    functional = import_torchvision("torchvision.transforms.v2.functional")
    images = torch.randint(0, 256, (3, 3, 10, 12), dtype=torch.uint8)
    padded = pad_images(images)
    shifts = [(flip, r, c) for flip in (0, 1) for r in range(9) for c in range(9)]
    for image in range(3):
        index = torch.full((len(shifts),), image)
        flip, row, column = torch.tensor(shifts).T
        mine = take_views(padded, index, Views(flip.bool(), row, column))
        for view, (flipped, r, c) in enumerate(shifts):
            whole = functional.horizontal_flip(images[image]) if flipped else images[image]
            theirs = functional.crop(functional.pad(whole, [SHIFT]), r, c, 10, 12)
            assert torch.equal(mine[view], theirs)


def test_views_are_uniform_and_repeatable():
    def draw():
        return draw_views(40_000, torch.Generator().manual_seed(3))

    views = draw()
    assert abs(float(views.flip.double().mean()) - 0.5) < 0.01
    for shift in (views.row, views.column):
        counts = shift.bincount(minlength=9).double() / 40_000
        assert len(counts) == 9
        assert (counts - 1 / 9).abs().max() < 0.01
    again = draw()
    assert torch.equal(views.row, again.row)
    assert torch.equal(views.flip, again.flip)


def test_slices_of_views_belong_together():
    views = draw_views(10, torch.Generator().manual_seed(0))
    part = views[2:5]
    assert torch.equal(part.row, views.row[2:5])
    assert torch.equal(part.column, views.column[2:5])
    assert torch.equal(part.flip, views.flip[2:5])
