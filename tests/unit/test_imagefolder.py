"""Folders of anyone's images, as they lie on disks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import read_imagefolder
from PIL import Image

from dsd2.compat import import_torchvision
from dsd2.data.files import check_memory
from dsd2.data.scan import EXTENSIONS, list_class_folders
from dsd2.errors import UserError


def save(path, shape, value=None, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    if value is not None:
        pixels[:] = value
    Image.fromarray(pixels).save(path)
    return pixels


def test_images_of_any_size_and_format_become_squares(tmp_path):
    exact = save(tmp_path / "cat" / "one.png", (8, 8, 3))
    save(tmp_path / "cat" / "two.jpg", (30, 17, 3), value=200)
    save(tmp_path / "dog" / "über den Zaun.bmp", (5, 40, 3), value=10)
    save(tmp_path / "dog" / "grey.png", (9, 9), value=77)
    source = read_imagefolder(tmp_path, 8)
    assert source.classes == ("cat", "dog")
    assert source.train.labels.tolist() == [0, 0, 1, 1]
    assert source.train.images.shape == (4, 3, 8, 8)
    assert source.test is None
    images = source.train.images.decode_all()
    assert np.array_equal(images[0].numpy(), exact.transpose(2, 0, 1))
    plain = sorted(int(image.float().mean().round()) for image in images[1:])
    assert plain == [10, 77, 200]


def test_the_middle_is_cut_out(tmp_path):
    stripes = np.zeros((4, 12, 3), np.uint8)
    stripes[:, 4:8] = 255
    (tmp_path / "a").mkdir()
    Image.fromarray(stripes).save(tmp_path / "a" / "wide.png")
    save(tmp_path / "b" / "other.png", (4, 4, 3))
    source = read_imagefolder(tmp_path, 4)
    assert bool((source.train.images.decode(0) == 255).all())


def test_greyscale_images_have_one_channel(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / name / "image.png", (6, 6))
    assert read_imagefolder(tmp_path, 6).train.images.shape == (2, 1, 6, 6)


def test_train_and_test_folders(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            for i in range(count):
                save(tmp_path / split / name / f"{i}.png", (6, 6, 3))
    source = read_imagefolder(tmp_path, 6)
    assert torch.equal(source.train.labels.bincount(), torch.tensor([3, 3]))
    assert torch.equal(source.test.labels.bincount(), torch.tensor([2, 2]))
    save(tmp_path / "test" / "c" / "0.png", (6, 6, 3))
    with pytest.raises(UserError, match=r"test has the class c, .*dataset.ignore: \[test/c\]"):
        read_imagefolder(tmp_path, 6)


def test_a_validation_folder_is_found(tmp_path):
    for split in ("train", "validation"):
        for name in ("a", "b"):
            save(tmp_path / split / name / "0.png", (6, 6, 3))
    source = read_imagefolder(tmp_path, 6)
    assert source.validation.labels.tolist() == [0, 1]
    assert source.test is None
    assert source.validation.images.path(1) == str(tmp_path / "validation" / "b" / "0.png")


def test_files_are_listed_as_torchvision_lists_them(tmp_path):
    folder = import_torchvision("torchvision.datasets.folder")
    assert EXTENSIONS[: len(folder.IMG_EXTENSIONS)] == folder.IMG_EXTENSIONS
    for name in ("b/10.PNG", "b/9.png", "B/x.png", "a/z/deep.png", "a/y.png", "a/z.png"):
        save(tmp_path / name, (4, 4, 3))
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "stray.txt").write_text("no class")
    theirs = folder.ImageFolder(str(tmp_path))
    ours = list_class_folders(tmp_path)
    assert list(ours.classes) == theirs.classes
    listed = ours.splits["train"]
    assert [
        (tmp_path / name, label) for name, label in zip(listed.names, listed.labels, strict=True)
    ] == [(Path(path), label) for path, label in theirs.samples]


def test_images_that_do_not_fit_into_memory_are_refused_with_the_way_out():
    check_memory((10, 3, 20, 20), 60_000)
    with pytest.raises(UserError, match=r"10 images of 20×20 .*, and this .*dataset.stream: true"):
        check_memory((10, 3, 20, 20), 59_999)


def test_what_is_no_folder_of_images_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent: needs a folder of images for each class"):
        read_imagefolder(tmp_path / "absent", 8)
    with pytest.raises(UserError, match=r"needs a folder of images for each class"):
        read_imagefolder(tmp_path, 8)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"needs a folder of images .*; images end in .jpg"):
        read_imagefolder(tmp_path, 8)


def test_a_broken_image_is_named(tmp_path):
    save(tmp_path / "a" / "fine.png", (8, 8, 3))
    broken = tmp_path / "b" / "broken.png"
    save(broken, (40, 40, 3))
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(UserError, match=r"b/broken.png: the image cannot be decoded"):
        read_imagefolder(tmp_path, 8).train.images.decode_all()
