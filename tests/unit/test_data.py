"""Datasets in their true on-disk formats, their splits, and what is refused."""

import dataclasses
import hashlib
import pickle
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import png, random_images, write_parquet
from recipes import as_kind

from dsd2.compat import import_torchvision
from dsd2.data.dataset import (
    classes_without_images,
    load_dataset,
    save_dataset,
    split_source,
)
from dsd2.data.human_labels import read_human_labels
from dsd2.data.labels import Labels, SplitLabels, load_labels, make_labels, save_labels
from dsd2.data.parquet import read_parquet
from dsd2.data.source import Images, Source
from dsd2.errors import UserError
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe, NoiseRecipe
from dsd2.stages.prepare import run_dataset
from real_data import CIFAR10, needs_cifar10

RECIPE = DatasetRecipe.of("digits", train=1200, test=None, validation=200, split_seed=0)
NOISE = NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean")


@pytest.fixture(scope="module")
def digits():
    return RECIPE.read([], download=False)


def test_digits_are_there_without_a_download(digits):
    assert digits.train.images.shape == (1797, 1, 8, 8)
    assert digits.train.images.dtype == torch.uint8
    assert int(digits.train.images.max()) == 255
    assert digits.classes == tuple("0123456789")


def test_splits_are_disjoint_and_whole(digits):
    data = split_source(digits, RECIPE)
    assert [len(s.labels) for s in (data.train, data.validation, data.test)] == [1200, 200, 397]
    rows = set(data.train_rows.tolist()) | set(data.validation_rows.tolist())
    assert len(rows) == 1400
    images = torch.cat([data.train.images, data.validation.images, data.test.images]).flatten(1)
    assert torch.equal(images.long().sum(0), digits.train.images.flatten(1).long().sum(0)), (
        "every image is in one split"
    )
    assert torch.equal(digits.train.images[data.train_rows], data.train.images)


def test_the_split_seed_draws_the_split(digits):
    other = split_source(digits, dataclasses.replace(RECIPE, split_seed=1))
    same = split_source(digits, RECIPE)
    assert torch.equal(same.train_rows, split_source(digits, RECIPE).train_rows)
    assert not torch.equal(same.train_rows, other.train_rows)


@pytest.mark.parametrize("own", [False, True])
def test_skipped_images_are_those_that_another_study_trains_on(digits, own):
    groups = torch.arange(len(digits.train.labels)) if own else None
    source = dataclasses.replace(digits, groups=groups)
    recipe = dataclasses.replace(RECIPE, train=900, validation=100)
    others = split_source(source, recipe).train_rows
    apart = dataclasses.replace(recipe, train=400, validation=200, skip=900)
    data = split_source(source, apart)
    assert [len(s.labels) for s in (data.train, data.validation)] == [400, 200]
    used = torch.cat([data.train_rows, data.validation_rows])
    assert not set(used.tolist()) & set(others.tolist())
    rest = split_source(source, dataclasses.replace(apart, train=None, test=97))
    assert [len(s.labels) for s in (rest.train, rest.validation, rest.test)] == [600, 200, 97]
    with pytest.raises(UserError, match=r"more than the 1797 .* without the 900 of dataset.skip"):
        split_source(source, dataclasses.replace(apart, train=800))


def test_statistics_are_those_of_the_training_images(digits):
    data = split_source(digits, RECIPE)
    pixels = data.train.images.double()
    assert float(data.mean) == pytest.approx(float(pixels.mean()), rel=1e-5)
    assert float(data.std) == pytest.approx(float(pixels.std()), rel=1e-4)


def test_a_source_with_its_own_test_set(digits):
    source = dataclasses.replace(digits, test=Images(digits.train.images[:50], torch.zeros(50)))
    recipe = dataclasses.replace(RECIPE, train=None, validation=0.1)
    data = split_source(source, recipe)
    assert [len(s.labels) for s in (data.train, data.validation, data.test)] == [1617, 180, 50]
    assert len(split_source(source, dataclasses.replace(recipe, test=20)).test.labels) == 20


@pytest.mark.parametrize(
    ("change", "sizes"),
    [
        ({}, [1150, 288, 359]),
        ({"test": 0.5}, [718, 180, 899]),
        ({"test": 100, "validation": 97}, [1600, 97, 100]),
        ({"validation": "test"}, [1438, 359, 359]),
        ({"train": 500, "test": 0.5}, [500, 100, 599]),
    ],
)
def test_a_source_without_a_test_set_gives_one(digits, change, sizes):
    base = {"train": None, "test": None, "validation": 0.2}
    data = split_source(digits, dataclasses.replace(RECIPE, **{**base, **change}))
    parts = (data.train, data.validation, data.test)
    assert [len(part.labels) for part in parts] == sizes


def test_the_papers_mode_validates_on_the_test_images(digits, tmp_path):
    data = split_source(digits, dataclasses.replace(RECIPE, validation="test"))
    assert data.validation is data.test
    assert len(data.test.labels) == 597
    recipe = dataclasses.replace(RECIPE, validation="test")
    save_dataset(tmp_path / "dataset", data, recipe)
    loaded = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    assert torch.equal(loaded.validation.images, data.test.images)
    labels = make_labels(data, dataclasses.replace(RECIPE, validation="test"), NOISE, [])
    assert labels.validation is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": 1700}, "dataset.train: 1700 training and 200 validation images are more"),
        ({"train": 1597}, "are more than the 1797"),
        ({"test": 500}, "dataset.test: 500 images asked for, 397 there are"),
        ({"validation": "own"}, "dataset.validation is 'own' but digits has no validation images"),
    ],
)
def test_splits_that_cannot_be_are_refused(digits, change, message):
    with pytest.raises(UserError, match=message):
        split_source(digits, dataclasses.replace(RECIPE, **change))


def test_dataset_and_labels_come_back_as_they_were(digits, tmp_path):
    data = split_source(digits, RECIPE)
    save_dataset(tmp_path / "dataset", data, RECIPE)
    loaded = load_dataset(tmp_path / "dataset", dataset_name(RECIPE))
    for part in ("train", "validation", "test"):
        for field in ("images", "labels"):
            mine, theirs = (getattr(getattr(d, part), field) for d in (data, loaded))
            assert torch.equal(mine, theirs)
    assert (loaded.classes, loaded.origin, loaded.image) == (data.classes, data.origin, (1, 8, 8))
    labels = make_labels(data, RECIPE, NOISE, [])
    save_labels(tmp_path / "labels", labels, data, "name")
    again = load_labels(tmp_path / "labels", data, "name")
    assert torch.equal(labels.train.given, again.train.given)
    assert torch.equal(labels.train.clean, again.train.clean)
    assert int((again.train.given != again.train.clean).sum()) == 360
    assert torch.equal(again.validation.given, data.validation.labels), "clean by default"


def test_labels_of_many_images_take_no_python_object_each(tmp_path):
    rows, labels = torch.arange(100_000), torch.arange(100_000) % 7
    images = [Images(torch.empty(0), part) for part in labels.split([90_000, 10_000])]
    data = SimpleNamespace(
        train=images[0],
        validation=images[1],
        train_rows=rows[:90_000],
        validation_rows=rows[90_000:],
    )
    made = Labels(*(SplitLabels(part.labels, part.labels.flip(0)) for part in images))
    tracemalloc.start()
    try:
        save_labels(tmp_path / "labels", made, data, "name")
        again = load_labels(tmp_path / "labels", data, "name")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert torch.equal(again.train.given, made.train.given)
    assert torch.equal(again.validation.clean, made.validation.clean)
    # Three numbers and a word of six letters a row, some of them twice for a moment.
    assert peak < 100 * len(rows)


def test_labels_of_another_split_are_refused(digits, tmp_path):
    data = split_source(digits, RECIPE)
    save_labels(tmp_path / "labels", make_labels(data, RECIPE, NOISE, []), data, "name")
    for changes in (
        {"train_rows": data.train_rows.flip(0)},
        {"train_rows": data.train_rows[1:]},
        {"validation_rows": data.validation_rows.flip(0)},
        {"train": Images(data.train.images, (data.train.labels + 1) % 10)},
        {"train_rows": torch.cat([data.train_rows, data.validation_rows, data.train_rows])},
    ):
        with pytest.raises(UserError, match="is of another dataset than the run's"):
            load_labels(tmp_path / "labels", dataclasses.replace(data, **changes), "name")


def test_validation_labels_are_noisy_by_choice(digits):
    data = split_source(digits, RECIPE)
    noisy = make_labels(data, RECIPE, dataclasses.replace(NOISE, validation="noisy"), [])
    assert int((noisy.validation.given != noisy.validation.clean).sum()) == 60


@pytest.mark.parametrize("shape", [(6, 9, 3), (5, 5)])
def test_parquet_images_of_any_size_greyscale_or_colour(tmp_path, shape):
    train, test = random_images(8, shape), random_images(3, shape, 1)
    write_parquet(tmp_path / "train-00000.parquet", [png(i) for i in train[:5]], [0, 1, 2, 0, 1])
    write_parquet(tmp_path / "train-00001.parquet", [png(i) for i in train[5:]], [2, 2, 1])
    write_parquet(tmp_path / "test.parquet", [png(i) for i in test], [0, 1, 2])
    source = read_parquet(tmp_path, "image", "label")
    expected = train.reshape(8, shape[0], shape[1], -1).transpose(0, 3, 1, 2)
    assert np.array_equal(source.train.images.numpy(), expected)
    assert source.train.labels.tolist() == [0, 1, 2, 0, 1, 2, 2, 1]
    assert source.test.labels.tolist() == [0, 1, 2]
    assert source.classes == ("0", "1", "2")


def test_one_coloured_parquet_image_makes_all_of_them_coloured(tmp_path):
    grey, colour = random_images(2, (4, 4)), random_images(1, (4, 4, 3))[0]
    write_parquet(tmp_path / "train-0.parquet", [png(grey[0]), png(colour)], [0, 1])
    write_parquet(tmp_path / "train-1.parquet", [png(grey[1])], [1])
    write_parquet(tmp_path / "test.parquet", [png(grey[0])], [0])
    source = read_parquet(tmp_path, "image", "label")
    assert source.train.images.shape == (3, 3, 4, 4)
    assert source.test.images.shape == (1, 3, 4, 4)
    assert np.array_equal(source.train.images[1].numpy(), colour.transpose(2, 0, 1))
    for row, pixels in ((0, grey[0]), (2, grey[1])):
        assert np.array_equal(source.train.images[row].numpy(), np.stack([pixels] * 3))


def test_grey_with_transparency_is_grey(tmp_path):
    write_parquet(tmp_path / "train.parquet", [png(random_images(1, (4, 4, 2))[0])], [0])
    assert read_parquet(tmp_path, "image", "label").train.images.shape == (1, 1, 4, 4)


def test_parquet_with_validation_files(tmp_path):
    for count, split in enumerate(("train", "validation", "test"), 1):
        images = [png(image) for image in random_images(count, (4, 4, 3))]
        write_parquet(tmp_path / f"{split}-0.parquet", images, list(range(count)))
    source = read_parquet(tmp_path, "image", "label")
    assert [len(s.labels) for s in (source.train, source.validation, source.test)] == [1, 2, 3]


def test_parquet_class_names_and_columns(tmp_path):
    images = [png(i) for i in random_images(2, (4, 4, 3))]
    write_parquet(tmp_path / "train.parquet", images, [0, 1], ["cat", "dog"], ("img", "fine"))
    source = read_parquet(tmp_path, "img", "fine")
    assert source.classes == ("cat", "dog")
    assert source.test is None


@pytest.mark.parametrize(
    ("images", "labels", "columns", "message"),
    [
        ([b"no image"], [0], ("image", "label"), r"train.parquet row 0: the image cannot be"),
        ([(4, 4, 3), (5, 4, 3)], [0, 1], ("image", "label"), r"row 1: the image is 5×4, the first"),
        (
            [(4, 4, 3)],
            [-1],
            ("image", "label"),
            r"parquet row 0: label -1 is outside 0 to 99999",
        ),
        ([(4, 4, 3)], [0], ("picture", "kind"), r"has no column 'label' .*it has picture, kind"),
        ([], [], ("image", "label"), "has no rows"),
    ],
)
def test_parquet_faults_are_named(tmp_path, images, labels, columns, message):
    encoded = [i if isinstance(i, bytes) else png(random_images(1, i)[0]) for i in images]
    write_parquet(tmp_path / "train.parquet", encoded, labels, columns=columns)
    with pytest.raises(UserError, match=message):
        read_parquet(tmp_path, "image", "label")


def test_a_folder_without_data_and_a_file_that_is_none(tmp_path):
    with pytest.raises(UserError, match=r"has no train\*.parquet"):
        read_parquet(tmp_path, "image", "label")
    (tmp_path / "train.parquet").write_text("nothing")
    with pytest.raises(UserError, match="cannot be read as parquet"):
        read_parquet(tmp_path, "image", "label")


CIFAR = DatasetRecipe.of("cifar10", train=None, test=None, validation=0.2, split_seed=0)


def test_missing_cifar10_says_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"none of the folders of data_roots .* download: true"):
        CIFAR.read([tmp_path], download=False)


@pytest.mark.parametrize(
    ("name", "folder", "train", "test", "labels", "names"),
    [
        ("CIFAR10", "cifar-10-batches-py", "data_batch_1", "test_batch", "labels", "label_names"),
        ("CIFAR100", "cifar-100-python", "train", "test", "fine_labels", "fine_label_names"),
    ],
)
def test_cifar_in_torchvisions_format_through_torchvisions_class(
    tmp_path, monkeypatch, name, folder, train, test, labels, names
):
    reader = getattr(import_torchvision("torchvision.datasets"), name)
    place = tmp_path / folder
    place.mkdir()
    pixels = random_images(12, (3072,))

    def write(file, content):
        (place / file).write_bytes(pickle.dumps(content))
        return [file, hashlib.md5((place / file).read_bytes()).hexdigest()]

    def batch(file, rows):
        return write(file, {"data": pixels[rows], labels: [int(row) % 10 for row in rows]})

    monkeypatch.setattr(reader, "train_list", [batch(train, np.arange(10))])
    monkeypatch.setattr(reader, "test_list", [batch(test, np.arange(10, 12))])
    file, md5 = write("meta-data", {names: list("abcdefghij")})
    monkeypatch.setattr(reader, "meta", {"filename": file, "key": names, "md5": md5})

    recipe = as_kind(CIFAR, name.lower())
    source = recipe.read([tmp_path / "empty", tmp_path], download=False)
    assert np.array_equal(source.train.images.numpy(), pixels[:10].reshape(10, 3, 32, 32))
    assert source.train.labels.tolist() == list(range(10))
    assert source.test.labels.tolist() == [0, 1]
    assert source.classes == tuple("abcdefghij")
    assert source.origin == f"the original files of {name}"
    (place / train).write_bytes(b"damaged")
    with pytest.raises(UserError, match=rf"{train}: is damaged or no file of {name}"):
        recipe.read([tmp_path], download=False)


def test_cifar_as_parquet_is_found_and_says_that_it_is(tmp_path):
    folder = tmp_path / "cifar100"
    folder.mkdir()
    images = [png(image) for image in random_images(4, (32, 32, 3))]
    for split in ("train", "test"):
        write_parquet(folder / f"{split}.parquet", images, [0, 1, 2, 1])
    recipe = as_kind(CIFAR, "cifar100")
    source = recipe.read([tmp_path], download=False)
    assert source.origin == "parquet files in cifar100"


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_with_the_hubs_own_columns(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    pixels = random_images(3, (32, 32, 3))
    rows = pa.array([{"bytes": png(image), "path": None} for image in pixels])
    labels = {"label": [0, 1, 2]} if name == "cifar10" else {"coarse_label": [0, 0, 1]}
    if name == "cifar100":
        labels["fine_label"] = [5, 7, 2]
    for split in ("train", "test"):
        pq.write_table(pa.table({"img": rows, **labels}), folder / f"{split}-00000.parquet")
    source = as_kind(CIFAR, name).read([tmp_path], download=False)
    assert source.train.labels.tolist() == list(labels.values())[-1]
    assert np.array_equal(source.train.images.numpy(), pixels.transpose(0, 3, 1, 2))


def test_human_labels_follow_their_images_through_the_split(digits, tmp_path):
    given = (digits.train.labels + 1) % 10
    table = pa.table({"clean_label": digits.train.labels.tolist(), "label": given.tolist()})
    pq.write_table(table, tmp_path / "human.parquet")
    noise = NoiseRecipe.of(
        "human", rate=0.0, seed=0, validation="noisy", file="human.parquet", column="label"
    )
    data = split_source(digits, RECIPE)
    labels = make_labels(data, RECIPE, noise, [tmp_path])
    assert torch.equal(labels.train.given, (data.train.labels + 1) % 10)
    assert torch.equal(labels.validation.given, (data.validation.labels + 1) % 10)
    clean = make_labels(data, RECIPE, dataclasses.replace(noise, validation="clean"), [tmp_path])
    assert torch.equal(clean.validation.given, data.validation.labels)


@pytest.mark.long
@needs_cifar10
def test_the_real_cifar10():
    source = CIFAR.read([CIFAR10], download=False)
    assert source.train.images.shape == (50_000, 3, 32, 32)
    assert source.test.images.shape == (10_000, 3, 32, 32)
    assert source.train.labels.bincount().tolist() == [5000] * 10
    assert source.classes[:3] == ("airplane", "automobile", "bird")
    file = CIFAR10 / "cifar10/labels_human.parquet"
    human = read_human_labels(file, "worse_label", source.train.labels, 10)
    wrong = float((human != source.train.labels).double().mean())
    assert wrong == pytest.approx(0.4021, abs=5e-5)


def test_one_class_is_refused(digits):
    with pytest.raises(UserError, match="has one class, 7; it takes two"):
        split_source(dataclasses.replace(digits, classes=("7",)), RECIPE)


def test_a_class_without_images_is_named(digits):
    lonely = Source(
        Images(digits.train.images[:20], torch.zeros(20, dtype=torch.int64)),
        None,
        ("a", "b"),
        "test",
    )
    recipe = dataclasses.replace(RECIPE, train=None, validation=5)
    with pytest.raises(UserError, match="no training image of class b"):
        split_source(lonely, recipe)
    few = split_source(lonely, dataclasses.replace(recipe, train=10))
    assert classes_without_images(few.train.labels, few.classes) == ["b"], "asked for, so allowed"


def test_few_images_of_many_classes_are_noted_in_the_log(tmp_path, capsys):
    recipe = dataclasses.replace(RECIPE, train=3, validation=3)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    missing = 10 - len(
        load_dataset(tmp_path / "dataset", dataset_name(recipe)).train.labels.unique()
    )
    assert f"no training image of {missing} of 10 classes: " in capsys.readouterr().out


def test_own_validation_images_are_taken_whole(digits, tmp_path):
    own = Images(digits.train.images[:30], digits.train.labels[:30])
    source = dataclasses.replace(digits, validation=own)
    data = split_source(source, dataclasses.replace(RECIPE, validation="own"))
    assert torch.equal(data.validation.images, own.images)
    assert [len(s.labels) for s in (data.train, data.validation, data.test)] == [1200, 30, 597]
    save_dataset(tmp_path / "dataset", data, RECIPE)
    held = load_dataset(tmp_path / "dataset", dataset_name(RECIPE))
    assert torch.equal(held.validation.labels, own.labels)
