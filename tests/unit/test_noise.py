"""Noisy labels: how many, which, and the same for everyone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsd2.config.recipe import NoiseRecipe
from dsd2.data.noise import noisy_labels, symmetric, symmetric_any


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 200), st.integers(2, 12), st.floats(0, 0.99), st.integers(0, 5))
def test_symmetric_noise_has_exactly_its_rate(count, classes, rate, seed):
    clean = torch.arange(count) % classes
    noisy = symmetric(clean, classes, rate, generator(seed))
    assert int((noisy != clean).sum()) == int(rate * count + 0.5)
    assert noisy.min() >= 0
    assert noisy.max() < classes


def test_symmetric_noise_reaches_all_other_classes_evenly():
    clean = torch.zeros(20_000, dtype=torch.int64)
    counts = symmetric(clean, 5, 0.8, generator()).bincount(minlength=5)
    assert counts[0] == 4000
    assert (counts[1:] - 4000).abs().max() < 250  # four standard deviations


def test_symmetric_any_may_keep_the_label():
    clean = torch.zeros(20_000, dtype=torch.int64)
    wrong = (symmetric_any(clean, 10, 0.2, generator()) != clean).double().mean()
    assert wrong == pytest.approx(0.2 * 0.9, abs=0.01)


def test_labels_depend_on_the_noise_seed_and_the_split_alone():
    clean = torch.arange(1000) % 10

    def draw(seed, split):
        recipe = NoiseRecipe(kind="symmetric", rate=0.3, seed=seed, validation="clean")
        return noisy_labels(clean, 10, recipe, split)

    assert torch.equal(draw(0, "train"), draw(0, "train"))
    assert not torch.equal(draw(0, "train"), draw(1, "train"))
    assert not torch.equal(draw(0, "train"), draw(0, "validation"))


def test_no_noise_changes_nothing():
    recipe = NoiseRecipe(kind="none", rate=0.0, seed=0, validation="clean")
    clean = torch.arange(50) % 10
    assert torch.equal(noisy_labels(clean, 10, recipe, "train"), clean)
