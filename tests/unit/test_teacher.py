"""A teacher's answers, looked up and asked for."""

import dataclasses

import pytest
import torch
from pictures import image_set
from recipes import distillation, training

from dsd2.artefacts.teacher_logits import load_teacher_logits, save_teacher_logits
from dsd2.errors import UserError
from dsd2.nn.augmentation import draw_views, every_view, pad_images, take_views
from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.teacher import Teacher, logits_of, logits_of_views
from dsd2.nn.training import network_state, train
from dsd2.recipe import VIEWS, ModelRecipe
from dsd2.seeds import generator

pytestmark = pytest.mark.usefixtures("reproducible")


RECIPE = training(batch_size=6, augmentation="flip-shift")
DISTILLATION = distillation(teacher_iteration=3)


@pytest.fixture
def data():
    return image_set(15, (3, 10, 8), classes=4)


def network(seed):
    torch.manual_seed(seed)
    return ModelRecipe.of("vgg-like", depth=1, width=2).build((3, 10, 8), 4)


def test_every_view_has_its_number():
    views = draw_views(5000, generator("views"))
    numbers = views.number
    assert set(numbers.tolist()) == set(range(VIEWS))
    for place in (0, 17, 4999):
        for part in ("flip", "row", "column"):
            every = getattr(every_view(), part)
            assert every[numbers[place]] == getattr(views, part)[place]


def test_without_augmentation_the_table_says_what_the_network_does(data):
    asked = Teacher(network(1), DISTILLATION)
    table = logits_of(asked.model, data, 4)
    assert table.shape == (15, 1, 4)
    rows = torch.tensor([3, 1, 14])
    inputs = data.normalise(data.images[rows])
    cached = Teacher(asked.model, DISTILLATION, table).cached(rows, None, data.device)
    torch.testing.assert_close(asked.targets(inputs, cached), asked.targets(inputs))


@pytest.mark.parametrize("size", [4, 100])
def test_the_table_of_all_views_says_what_the_network_does(data, size):
    asked = Teacher(network(1), DISTILLATION)
    table = logits_of_views(asked.model, data, size)
    assert table.shape == (15, VIEWS, 4)
    padded, rows = pad_images(data.images), torch.arange(15).repeat(20)
    views = draw_views(len(rows), generator("some"))
    inputs = data.normalise(take_views(padded, rows, views))
    cached = Teacher(asked.model, DISTILLATION, table).cached(rows, views.number, data.device)
    torch.testing.assert_close(asked.targets(inputs, cached), asked.targets(inputs))


def test_a_student_is_taught_the_same_by_both(data):
    asked = Teacher(network(1), DISTILLATION)
    looked_up = Teacher(asked.model, DISTILLATION, logits_of_views(asked.model, data, 8))
    ends = []
    for teacher in (asked, looked_up):
        model = network(2)
        masks = full_masks(prunable_weights(model))
        train(model, masks, data, RECIPE, stream=("t",), teacher=teacher)
        ends.append(network_state(model))
    for name, tensor in ends[0].items():
        torch.testing.assert_close(tensor, ends[1][name], rtol=1e-4, atol=1e-5)


def test_views_that_cannot_be_numbered_are_not_looked_up(data):
    cut = dataclasses.replace(RECIPE, augmentation="auto-cutout")
    teacher = Teacher(network(1), DISTILLATION)
    teacher.table = logits_of_views(teacher.model, data, 8)
    model = network(2)
    masks = full_masks(prunable_weights(model))
    with pytest.raises(AssertionError, match="numbered views alone"):
        train(model, masks, data, cut, stream=("t",), teacher=teacher)


def test_a_table_comes_back_for_its_own_teacher_and_images_alone(data, tmp_path):
    path = tmp_path / "views"
    logits = torch.rand(15, VIEWS, 4, generator=generator("logits"))
    save_teacher_logits(path, logits, "teacher", 3)
    assert torch.equal(load_teacher_logits(path, "teacher", 3, 15), logits)
    for other in (("another", 3, 15), ("teacher", 2, 15), ("teacher", 3, 16)):
        with pytest.raises(UserError, match=r"views: (is of|has 15 images)"):
            load_teacher_logits(path, *other)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="checksum does not match"):
        load_teacher_logits(path, "teacher", 3, 15)
