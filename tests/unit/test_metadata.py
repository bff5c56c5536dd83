"""Metadata of datasets, against what their readers give."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import png, random_images, write_parquet
from PIL import Image
from recipes import as_kind

from dsd2.data.dataset import split_source
from dsd2.data.metadata import Metadata, metadata
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe, to_json

LIBRARY = Path(__file__).parents[2] / "workflow"
DIGITS = DatasetRecipe.of("digits", train=1200, test=None, validation=200, split_seed=0)


def of_reader(recipe, roots=()):
    data = split_source(recipe.read(list(roots), download=False), recipe)
    sizes = [len(part.labels) for part in (data.train, data.validation, data.test)]
    return Metadata(data.image, len(data.classes), *sizes)


@pytest.mark.parametrize(
    "change", [{}, {"train": None}, {"train": None, "test": 0.5}, {"validation": "test"}]
)
def test_digits(change):
    recipe = dataclasses.replace(DIGITS, **change)
    assert metadata(recipe, []) == of_reader(recipe)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cifar10", Metadata((3, 32, 32), 10, 45_000, 5000, 10_000)),
        ("cifar100", Metadata((3, 32, 32), 100, 45_000, 5000, 10_000)),
        ("flowers102", Metadata((3, 64, 64), 102, 918, 102, 6149)),
        ("imagenet", Metadata((3, 64, 64), 1000, 1_153_050, 128_117, 50_000)),
    ],
)
def test_named_datasets_need_not_be_there(name, expected):
    recipe = DatasetRecipe.of(
        name, train=None, test=None, validation=0.1, split_seed=0, image_size=64
    )
    assert metadata(recipe, []) == expected
    if name == "flowers102":
        own = metadata(dataclasses.replace(recipe, validation="own"), [])
        assert (own.train, own.validation) == (1020, 1020)


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_folders(tmp_path, shape):
    for split, count in (("train", 6), ("validation", 2), ("test", 3)):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            for row in range(count):
                image = Image.fromarray(np.zeros(shape, np.uint8))
                image.save(tmp_path / split / name / f"{row}.png")
    recipe = as_kind(
        DIGITS, "imagefolder", path=str(tmp_path), train=None, validation="own", image_size=5
    )
    assert metadata(recipe, []) == of_reader(recipe)
    assert metadata(recipe, []) == Metadata((3 if len(shape) == 3 else 1, 5, 5), 2, 12, 4, 6)


@pytest.mark.parametrize("names", [None, ["x", "y", "z"]])
def test_parquet_and_cifar_as_parquet(tmp_path, names):
    folder = tmp_path / "cifar10"
    folder.mkdir()
    for split, count in (("train", 12), ("test", 4)):
        images = [png(image) for image in random_images(count, (6, 5, 3))]
        labels = [row % 3 for row in range(count)]
        write_parquet(folder / f"{split}.parquet", images, labels, names)
    recipe = as_kind(DIGITS, "cifar10", train=None, validation=2)
    expected = Metadata((3, 6, 5), 3, 10, 2, 4)
    assert metadata(recipe, [tmp_path]) == of_reader(recipe, [tmp_path]) == expected
    recipe = as_kind(recipe, "parquet", path=str(folder))
    assert metadata(recipe, []) == expected
    with pytest.raises(UserError, match="has no column 'picture'"):
        metadata(dataclasses.replace(recipe, image_column="picture"), [])


def test_too_small_a_dataset_is_named_before_it_is_read():
    with pytest.raises(UserError, match="1700 training and 200 validation images are more than"):
        metadata(dataclasses.replace(DIGITS, train=1700), [])


@pytest.mark.process
def test_neither_metadata_nor_the_study_import_torch():
    program = (
        "import sys, dsd2.data.metadata, dsd2.config.study\n"
        "from dsd2.recipe import DatasetRecipe, from_json\n"
        f"dsd2.data.metadata.metadata(from_json(DatasetRecipe, {to_json(DIGITS)!r}), [])\n"
        "heavy = {'torch', 'torchvision', 'pandas', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
