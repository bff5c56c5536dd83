"""Noisy labels: how many, which, and the same for everyone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dsd2.data.human_labels import read_human_labels
from dsd2.data.noises.human import Human
from dsd2.data.noises.random import ALIKE
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe, NoiseRecipe
from dsd2.seeds import generator as seeded

DIGITS, CIFAR100 = (
    DatasetRecipe.of(name, train=None, test=None, validation=0.1, split_seed=0)
    for name in ("digits", "cifar100")
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def noisy(kind, clean, classes, rate, seed=0):
    """The labels under a kind of noise, of classes by number or by name."""
    recipe = NoiseRecipe.of(kind, rate=rate, seed=0, validation="clean")
    names = tuple(map(str, range(classes))) if isinstance(classes, int) else classes
    return recipe.apply(clean, names, generator(seed))


def human_labels_file(dataset, file, roots):
    noise = Human(rate=0.0, seed=0, validation="clean", file=file, column="worse_label")
    return noise.located(dataset, roots)


@given(st.integers(1, 200), st.integers(2, 12), st.floats(0, 0.99), st.integers(0, 5))
def test_symmetric_noise_has_exactly_its_rate(count, classes, rate, seed):
    clean = torch.arange(count) % classes
    given = noisy("symmetric", clean, classes, rate, seed)
    assert int((given != clean).sum()) == int(rate * count + 0.5)
    assert given.min() >= 0
    assert given.max() < classes


def test_symmetric_noise_reaches_all_other_classes_evenly():
    clean = torch.zeros(20_000, dtype=torch.int64)
    counts = noisy("symmetric", clean, 5, 0.8).bincount(minlength=5)
    assert counts[0] == 4000
    assert (counts[1:] - 4000).abs().max() < 250  # four standard deviations


def test_symmetric_any_may_keep_the_label():
    clean = torch.zeros(20_000, dtype=torch.int64)
    wrong = (noisy("symmetric-any", clean, 10, 0.2) != clean).double().mean()
    assert wrong == pytest.approx(0.2 * 0.9, abs=0.01)


def test_labels_depend_on_the_noise_seed_and_the_split_alone():
    clean = torch.arange(1000) % 10
    names = tuple("0123456789")

    def draw(seed, split):
        recipe = NoiseRecipe.of("symmetric", rate=0.3, seed=seed, validation="clean")
        return recipe.apply(clean, names, seeded("noise", seed, split))

    assert torch.equal(draw(0, "train"), draw(0, "train"))
    assert not torch.equal(draw(0, "train"), draw(1, "train"))
    assert not torch.equal(draw(0, "train"), draw(0, "validation"))


def test_no_noise_changes_nothing():
    clean = torch.arange(50) % 10
    assert torch.equal(noisy("none", clean, 10, 0.0), clean)


@given(st.integers(1, 200), st.integers(2, 12), st.floats(0, 0.99), st.integers(0, 5))
def test_pairflip_gives_exactly_its_rate_the_next_class(count, classes, rate, seed):
    clean = torch.arange(count) % classes
    given = noisy("pairflip", clean, classes, rate, seed)
    wrong = given != clean
    assert int(wrong.sum()) == int(rate * count + 0.5)
    assert torch.equal(given[wrong], (clean[wrong] + 1) % classes)


CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def test_asymmetric_noise_takes_look_alikes_for_each_other():
    clean = torch.arange(1000) % 10
    changed = noisy("asymmetric", clean, CIFAR, 0.4)
    for label, name in enumerate(CIFAR):
        given = changed[clean == label]
        assert int((given != label).sum()) == (40 if name in ALIKE else 0)
        if name in ALIKE:
            assert set(given.tolist()) == {label, CIFAR.index(ALIKE[name])}


def test_asymmetric_noise_is_for_cifar10_alone():
    with pytest.raises(UserError, match=r"for CIFAR-10.s classes; the dataset has no class"):
        noisy("asymmetric", torch.arange(10), 10, 0.4)


HUMAN = {"clean_label": [0, 1, 2, 1], "worse_label": [0, 2, 2, 1]}
CLEAN = torch.tensor(HUMAN["clean_label"])


def write(path, **columns):
    pq.write_table(pa.table({**HUMAN, **columns}), path)


def test_human_labels_are_found_below_a_root_or_by_their_path(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "human.parquet")
    roots = [tmp_path / "none", tmp_path / "data"]
    expected = torch.tensor(HUMAN["worse_label"])
    for file in ("human.parquet", str(tmp_path / "data" / "human.parquet")):
        path = human_labels_file(DIGITS, file, roots)
        assert torch.equal(read_human_labels(path, "worse_label", CLEAN, 3), expected)
    write(tmp_path / "data" / "words.parquet", why=["a", "b", "c", None])
    path = human_labels_file(DIGITS, "words.parquet", roots)
    assert torch.equal(read_human_labels(path, "worse_label", CLEAN, 3), expected)
    with pytest.raises(UserError, match=r"noise.file is 'other.parquet', which is no file"):
        human_labels_file(DIGITS, "other.parquet", roots)


def test_the_releases_files_are_looked_for_where_no_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"get CIFAR-100_human.pt of the .*noisylabels.com"):
        human_labels_file(CIFAR100, None, [tmp_path])
    (tmp_path / "CIFAR-100_human.pt").touch()
    assert human_labels_file(CIFAR100, None, [tmp_path]).name == "CIFAR-100_human.pt"
    (tmp_path / "cifar100").mkdir()
    write(tmp_path / "cifar100" / "labels_human.parquet")
    assert human_labels_file(CIFAR100, None, [tmp_path]).suffix == ".parquet"


@pytest.mark.parametrize(("zipped", "old"), [(False, False), (False, True), (True, False)])
def test_cifar_ns_release_is_read_without_running_code(tmp_path, zipped, old):
    path = tmp_path / "CIFAR-10_human.pt"
    arrays = {name: np.array(labels) for name, labels in HUMAN.items()}
    torch.save(arrays, path, _use_new_zipfile_serialization=zipped, pickle_protocol=2)
    if old:
        # As a numpy before 2 called its modules: the release was written with one.
        data = path.read_bytes()
        assert b"numpy._core.multiarray" in data
        path.write_bytes(data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    read = read_human_labels(path, "worse_label", CLEAN, 3)
    assert read.dtype == torch.int64
    assert read.tolist() == HUMAN["worse_label"]
    with pytest.raises(UserError, match=r"noise.column is 'other' but .* has clean_label, worse_"):
        read_human_labels(path, "other", CLEAN, 3)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_release_file_with_code_in_it_is_refused(tmp_path):
    path = tmp_path / "CIFAR-10_human.pt"
    torch.save({"worse_label": Evil(tmp_path / "ran")}, path)
    with pytest.raises(UserError, match="is no file of human labels of CIFAR-N"):
        read_human_labels(path, "worse_label", CLEAN, 3)
    assert not (tmp_path / "ran").exists()
    path.write_text("nothing")
    with pytest.raises(UserError, match="is no file of human labels of CIFAR-N"):
        read_human_labels(path, "worse_label", CLEAN, 3)


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
        read_human_labels(tmp_path / "human.parquet", column, CLEAN, 3)


def test_short_human_labels_are_named(tmp_path):
    write(tmp_path / "human.parquet")
    with pytest.raises(UserError, match="has 4 rows for 5 training images"):
        read_human_labels(tmp_path / "human.parquet", "worse_label", torch.zeros(5), 3)
