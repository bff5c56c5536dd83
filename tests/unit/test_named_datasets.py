"""Flowers-102 and ImageNet in their true formats, through torchvision; and all stand-ins."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from recipes import as_kind
from scipy.io import savemat

from dsd2.config.study import load_study
from dsd2.data.dataset import load_dataset
from dsd2.data.labels import make_labels
from dsd2.data.metadata import metadata
from dsd2.errors import UserError
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe, NoiseRecipe
from dsd2.stages.prepare import run_dataset

FLOWERS = DatasetRecipe.of(
    "flowers102", train=None, test=None, validation="own", split_seed=0, image_size=8
)
IMAGENET = as_kind(FLOWERS, "imagenet", validation=0.2, stream=True)


def save(path, value, shape=(12, 9, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path)


def write_flowers(root):
    """Six images, of which the second and the fifth train, numbered from 1 as the labels are."""
    folder = root / "flowers-102"
    for number in range(1, 7):
        save(folder / "jpg" / f"image_{number:05d}.jpg", 20 * number)
    savemat(folder / "imagelabels.mat", {"labels": [[1, 102, 3, 4, 7, 6]]})
    savemat(folder / "setid.mat", {"trnid": [[5, 2]], "valid": [[1, 4]], "tstid": [[3, 6]]})


def test_flowers_are_read_by_torchvision_with_their_own_splits(tmp_path):
    write_flowers(tmp_path)
    assert FLOWERS.is_there([tmp_path])
    source = FLOWERS.read([tmp_path], download=False)
    assert source.train.labels.tolist() == [6, 101]
    assert source.validation.labels.tolist() == [0, 3]
    assert source.test.labels.tolist() == [2, 5]
    assert len(source.classes) == 102
    images = source.train.images.decode_all()
    assert images.shape == (2, 3, 8, 8)
    assert [round(float(image.float().mean()) / 20) for image in images] == [5, 2]


def test_damaged_flowers_are_named(tmp_path):
    write_flowers(tmp_path)
    (tmp_path / "flowers-102" / "setid.mat").write_text("nothing")
    with pytest.raises(UserError, match=r"dataset flowers102 in "):
        FLOWERS.read([tmp_path], download=False)


def write_imagenet(root, classes=("n02", "n01")):
    folder = root / "imagenet"
    for split, count in (("train", 3), ("val", 2)):
        for value, wnid in enumerate(classes):
            for row in range(count):
                save(folder / split / wnid / f"{split}_{row}.JPEG", 100 * value + row)
    words = {"n01": ("crane", "bird"), "n02": ("crane",), "n03": ("other",)}
    torch.save((words, ["n01", "n02"]), folder / "meta.bin")


def test_imagenet_is_read_by_torchvision_and_its_validation_images_are_the_test(tmp_path):
    write_imagenet(tmp_path)
    assert IMAGENET.is_there([tmp_path])
    source = IMAGENET.read([tmp_path], download=False)
    assert source.classes == ("n01 crane", "n02 crane")
    assert source.train.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.test.labels.tolist() == [0, 0, 1, 1]
    assert source.validation is None
    assert source.train.images.fit == "imagenet"
    assert source.test.images.path(3).endswith("imagenet/val/n02/val_1.JPEG")


def test_imagenet_with_other_classes_or_without_names_is_refused(tmp_path):
    write_imagenet(tmp_path)
    save(tmp_path / "imagenet" / "val" / "n03" / "x.JPEG", 0)
    with pytest.raises(UserError, match="train and val have different class folders"):
        IMAGENET.read([tmp_path], download=False)
    (tmp_path / "imagenet" / "meta.bin").unlink()
    assert not IMAGENET.is_there([tmp_path])


@pytest.mark.parametrize(
    ("name", "what"), [("flowers102", "imagelabels.mat"), ("imagenet", "folders train and val")]
)
def test_missing_data_says_what_to_put_where(tmp_path, name, what):
    with pytest.raises(UserError, match=what) as fault:
        as_kind(FLOWERS, name).read([tmp_path], download=False)
    assert ("download: true" in str(fault.value)) == (name == "flowers102")


STAND_INS = {
    "cifar10": ({"train": 60, "validation": 20, "test": 30}, (3, 32, 32), 10),
    "cifar100": ({"train": None, "validation": 0.1}, (3, 32, 32), 100),
    "flowers102": ({"train": None, "validation": "own"}, (3, 8, 8), 102),
    "imagenet": ({"train": 30, "validation": 10, "test": 20}, (3, 8, 8), 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STAND_INS)
def test_stand_ins_come_through_the_real_readers(tmp_path, name):
    change, image, classes = STAND_INS[name]
    recipe = as_kind(FLOWERS, name, stand_in=True, **change)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    data = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    assert data.origin.startswith("stand-in for ")
    assert data.image == image
    assert len(data.classes) == classes
    assert not (tmp_path / "dataset.files").exists(), "decoded, so not needed any more"
    known = metadata(recipe, [])
    assert known.image == image
    assert known.classes == classes
    sizes = (len(data.train.labels), len(data.validation.labels), len(data.test.labels))
    assert (known.train, known.validation, known.test) == sizes
    if recipe.train is not None:
        assert sizes[0] == recipe.train
    written = (tmp_path / "dataset").read_bytes()
    run_dataset(recipe, [], False, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == written


def test_a_streamed_stand_in_keeps_its_files(tmp_path):
    recipe = dataclasses.replace(IMAGENET, stand_in=True, train=12, validation=4, test=4)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    data = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    assert data.train.images.path(0).startswith(str(tmp_path / "dataset.files"))
    assert data.train.images.decode(0).shape == (3, 8, 8)


def test_human_labels_of_a_stand_in_are_made_up(tmp_path):
    recipe = as_kind(FLOWERS, "cifar10", stand_in=True, train=100, validation=50)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    data = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    noise = NoiseRecipe.of(
        "human", rate=0.0, seed=0, validation="clean", column="worse_label", stand_in=True
    )
    labels = make_labels(data, recipe, noise, [])
    wrong = float((labels.train.given != data.train.labels).double().mean())
    assert wrong == pytest.approx(0.3, abs=0.12)
    again = make_labels(data, recipe, noise, [])
    assert torch.equal(labels.train.given, again.train.given)


def study(root, **top):
    config = {"study": "s", "data_roots": [str(root)], "arms": {"a": None}, **top}
    return load_study(config).arms["all", "a"]


def test_missing_data_is_stood_in_for_by_choice_alone(tmp_path):
    asked = {"missing_data": "stand-in"}
    for name in STAND_INS:
        dataset = {"name": name}
        assert not study(tmp_path, dataset=dataset).dataset.stand_in, "an error by default"
        assert study(tmp_path, dataset=dataset, **asked).dataset.stand_in
        fetched = study(tmp_path, dataset=dataset, download=True, **asked).dataset.stand_in
        assert fetched == (name == "imagenet"), "what can be fetched is"
    assert not study(tmp_path, **asked).dataset.stand_in, "the digits are always there"
    write_flowers(tmp_path)
    assert not study(tmp_path, dataset={"name": "flowers102"}, **asked).dataset.stand_in


def test_missing_human_labels_are_stood_in_for_by_choice(tmp_path):
    arm = {
        "dataset": {"name": "cifar10"},
        "noise": {"kind": "human", "column": "worse_label"},
        "missing_data": "stand-in",
    }
    assert study(tmp_path, **arm).noise.stand_in, "of a stand-in"
    (tmp_path / "cifar10").mkdir()
    (tmp_path / "cifar10" / "train.parquet").touch()
    there = study(tmp_path, **arm)
    assert (there.dataset.stand_in, there.noise.stand_in) == (False, True)
    (tmp_path / "CIFAR-10_human.pt").touch()
    assert not study(tmp_path, **arm).noise.stand_in


def test_imagenet_alone_is_streamed_by_default(tmp_path):
    assert study(tmp_path, dataset={"name": "imagenet"}).dataset.stream
    held = {"name": "imagenet", "stream": False}
    shifts = {"augmentation": "flip-shift"}
    assert not study(tmp_path, dataset=held, training=shifts).dataset.stream
    assert not study(tmp_path, dataset={"name": "flowers102"}).dataset.stream


def test_random_crops_of_images_in_memory_are_refused(tmp_path):
    crops = {"augmentation": "resized-crop"}
    assert study(tmp_path, dataset={"name": "imagenet"}, training=crops).dataset.stream
    with pytest.raises(UserError, match=r"'resized-crop', which needs streamed images"):
        study(tmp_path, dataset={"name": "flowers102"}, training=crops)
