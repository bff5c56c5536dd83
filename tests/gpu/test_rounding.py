"""TF32 only where a recipe says so, and only while it trains."""

import pytest
import torch
from pictures import image_set
from recipes import training

from dsd2.nn.models import prunable_weights
from dsd2.nn.pruning import full_masks
from dsd2.nn.training import train
from dsd2.recipe import ModelRecipe
from dsd2.seeds import be_deterministic


def tf32():
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


def test_a_stage_starts_in_single_precision(card):
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    be_deterministic()
    assert tf32() == (False, False)


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
@pytest.mark.parametrize("fails", [False, True])
def test_tf32_is_taken_by_its_recipe_and_while_it_trains(card, precision, fails):
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10).to("cuda")
    data = image_set(16, (1, 8, 8)).to(torch.device("cuda"))
    seen = []
    model.register_forward_pre_hook(lambda *_: seen.append(tf32()))

    class FailedError(Exception):
        pass

    def after_epoch(_):
        if fails:
            raise FailedError

    recipe = training(precision=precision)
    masks = full_masks(prunable_weights(model))
    try:
        train(model, masks, data, recipe, stream=("t",), after_epoch=after_epoch)
    except FailedError:
        assert fails
    assert set(seen) == {(precision == "tf32",) * 2}
    assert tf32() == (False, False)
