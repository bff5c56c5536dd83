"""Noisy labels: how many, which, and the same for everyone."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsd2.config.recipe import NoiseRecipe
from dsd2.data.human import read_human_labels
from dsd2.data.noise import ALIKE, asymmetric, noisy_labels, pairflip, symmetric, symmetric_any
from dsd2.errors import UserError


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
        return noisy_labels(clean, tuple("0123456789"), recipe, split)

    assert torch.equal(draw(0, "train"), draw(0, "train"))
    assert not torch.equal(draw(0, "train"), draw(1, "train"))
    assert not torch.equal(draw(0, "train"), draw(0, "validation"))


def test_no_noise_changes_nothing():
    recipe = NoiseRecipe(kind="none", rate=0.0, seed=0, validation="clean")
    clean = torch.arange(50) % 10
    assert torch.equal(noisy_labels(clean, tuple("0123456789"), recipe, "train"), clean)


@given(st.integers(1, 200), st.integers(2, 12), st.floats(0, 0.99), st.integers(0, 5))
def test_pairflip_gives_exactly_its_rate_the_next_class(count, classes, rate, seed):
    clean = torch.arange(count) % classes
    noisy = pairflip(clean, classes, rate, generator(seed))
    wrong = noisy != clean
    assert int(wrong.sum()) == int(rate * count + 0.5)
    assert torch.equal(noisy[wrong], (clean[wrong] + 1) % classes)


CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def test_asymmetric_noise_takes_look_alikes_for_each_other():
    clean = torch.arange(1000) % 10
    noisy = asymmetric(clean, CIFAR, 0.4, generator())
    for label, name in enumerate(CIFAR):
        given = noisy[clean == label]
        assert int((given != label).sum()) == (40 if name in ALIKE else 0)
        if name in ALIKE:
            assert set(given.tolist()) == {label, CIFAR.index(ALIKE[name])}


def test_asymmetric_noise_is_for_cifar10_alone():
    with pytest.raises(UserError, match=r"for CIFAR-10.s classes; the dataset has no class"):
        asymmetric(torch.arange(10), tuple("0123456789"), 0.4, generator())


HUMAN = {"clean_label": [0, 1, 2, 1], "worse_label": [0, 2, 2, 1]}
CLEAN = torch.tensor(HUMAN["clean_label"])


def write(path, **columns):
    pq.write_table(pa.table({**HUMAN, **columns}), path)


def test_human_labels_are_read_from_below_a_root_or_by_their_path(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "human.parquet")
    roots = [tmp_path / "none", tmp_path / "data"]
    expected = torch.tensor(HUMAN["worse_label"])
    for file in ("human.parquet", str(tmp_path / "data" / "human.parquet")):
        read = read_human_labels(file, "worse_label", roots, CLEAN, 3)
        assert torch.equal(read, expected)


@pytest.mark.parametrize(
    ("columns", "column", "message"),
    [
        ({}, "better_label", r"noise.column is 'better_label' but .* has clean_label, worse_label"),
        ({"worse_label": [0, 1, 2, 3]}, "worse_label", r"row 3: label 3 is outside 0 to 2"),
        ({"clean_label": [0, 1, 1, 2]}, "worse_label", r"row 2: its clean label is not the"),
    ],
)
def test_human_labels_that_do_not_fit_are_named(tmp_path, columns, column, message):
    write(tmp_path / "human.parquet", **columns)
    with pytest.raises(UserError, match=message):
        read_human_labels("human.parquet", column, [tmp_path], CLEAN, 3)


def test_missing_or_short_human_labels_are_named(tmp_path):
    with pytest.raises(UserError, match=r"noise.file is 'human.parquet', which is no file"):
        read_human_labels("human.parquet", "worse_label", [tmp_path], CLEAN, 3)
    write(tmp_path / "human.parquet")
    with pytest.raises(UserError, match="has 4 rows for 5 training images"):
        read_human_labels("human.parquet", "worse_label", [tmp_path], torch.zeros(5), 3)
