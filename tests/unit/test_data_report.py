"""The report on someone's images, made before anything is trained on them."""

import io

import numpy as np
import pytest
from PIL import Image

from dsd2.data.copies import groups_of
from dsd2.data.dataset import load_dataset
from dsd2.errors import UserError
from dsd2.files.records import IMAGES, read_rows
from dsd2.paths import dataset_name
from dsd2.recipe import DatasetRecipe
from dsd2.stages.data_report import ReportFiles, run_data_report
from dsd2.stages.prepare import run_dataset


def picture(seed, size=(20, 12)):
    """A picture that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    return Image.fromarray(pixels)


def folder_of(tmp_path, **counts):
    """Class folders of so many pictures."""
    for label, (name, count) in enumerate(counts.items()):
        (tmp_path / name).mkdir(parents=True)
        for i in range(count):
            picture(1000 * label + i).save(tmp_path / name / f"{i:03}.png")
    return tmp_path


def recipe_of(folder, **settings):
    usual = {"train": None, "test": None, "validation": "auto", "split_seed": 0, "image_size": 8}
    return DatasetRecipe.of("imagefolder", path=str(folder), **{**usual, **settings})


def report(recipe, folder):
    """The rows, the text and the page of a dataset's report."""
    folder.mkdir(exist_ok=True)
    files = ReportFiles(
        *(folder / name for name in ("images.parquet", "text", "page", "undecodable"))
    )
    run_data_report(recipe, [], ["chosen: what suits"], 2, files)
    return read_rows(files.output, IMAGES), files.text.read_text(), files.page.read_text()


def rows_of(rows, split):
    return [row for row in rows if row["split"] == split]


def test_it_says_what_each_image_is_used_for_and_the_dataset_agrees(tmp_path):
    recipe = recipe_of(folder_of(tmp_path / "images", a=40, b=10))
    rows, text, page = report(recipe, tmp_path / "out")
    assert "images: 50 found, 50 used" in text
    assert "chosen: what suits" in text
    assert "no folder or table of test images: 10 of the training images" in text
    assert "warning: the largest class, a, has 80% of the training images" in text
    assert page.count("<img ") == 12
    run_dataset(recipe, [], False, tmp_path / "dataset", tmp_path / "out" / "images.parquet")
    dataset = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    for split in ("train", "validation", "test"):
        labels = getattr(dataset, split).labels
        used = rows_of(rows, split)
        assert sorted(labels.tolist()) == sorted(row["label"] for row in used)
        assert labels.bincount().tolist()[0] == 4 * labels.bincount().tolist()[1]
    pixels = {tuple(image.flatten().tolist()) for image in dataset.train.images}
    assert len(pixels) == len(rows_of(rows, "train"))


def test_small_classes_are_named(tmp_path):
    recipe = recipe_of(folder_of(tmp_path / "images", a=40, b=2))
    rows, text, _ = report(recipe, tmp_path / "out")
    assert "warning: fewer than 10 training images of b" in text
    assert any(row["class"] == "b" for row in rows_of(rows, "train"))


def test_all_undecodable_images_are_listed_at_once(tmp_path, capsys):
    folder = folder_of(tmp_path / "images", a=9, b=9)
    (folder / "a" / "page.jpg").write_text("<html>")
    (folder / "b" / "empty.png").write_bytes(b"")
    whole = (folder / "b" / "001.png").read_bytes()
    (folder / "b" / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"3 of 21 images cannot be decoded.*on_error: skip"):
        report(recipe_of(folder), tmp_path / "out")
    listed = (tmp_path / "out" / "undecodable").read_text().splitlines()
    assert [line.partition(":")[0] for line in listed] == ["a/page.jpg", "b/cut.png", "b/empty.png"]
    assert all(line in capsys.readouterr().out for line in listed[:1])
    recipe = recipe_of(folder, on_error="skip")
    rows, text, page = report(recipe, tmp_path / "out")
    assert "images: 21 found, 18 used" in text
    assert "cannot be decoded: 3 (a/page.jpg, b/cut.png, b/empty.png)" in text
    assert "b/empty.png: the image cannot be decoded (the file is empty)" in page
    assert sum(row["split"] is None for row in rows) == 3
    run_dataset(recipe, [], False, tmp_path / "dataset", tmp_path / "out" / "images.parquet")
    dataset = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    parts = (dataset.train, dataset.validation, dataset.test)
    assert sum(len(part.labels) for part in parts) == 18


def test_a_dataset_without_any_image_that_decodes_is_refused_in_any_case(tmp_path):
    folder = tmp_path / "images"
    for name in "ab":
        (folder / name).mkdir(parents=True)
        (folder / name / "1.png").write_bytes(b"")
    with pytest.raises(UserError, match="2 of 2 images cannot be decoded"):
        report(recipe_of(folder, on_error="skip"), tmp_path / "out")


@pytest.mark.parametrize("seed", range(5))
def test_copies_stay_on_one_side_of_a_split(tmp_path, seed):
    folder = folder_of(tmp_path / "images", a=20, b=20)
    for i in range(10):
        image = Image.open(folder / "a" / f"{i:03}.png")
        # Another file with the same pixels.
        image.save(folder / "a" / f"copy{i}.bmp")
    rows, text, _ = report(recipe_of(folder, split_seed=seed), tmp_path / "out")
    assert "copies of another image: 10" in text
    assert "several splits" not in text
    for i in range(10):
        sides = {r["split"] for r in rows if r["file"] in (f"a/{i:03}.png", f"a/copy{i}.bmp")}
        assert len(sides) == 1


def test_copies_across_given_splits_and_conflicting_labels_are_listed(tmp_path):
    folder = folder_of(tmp_path / "images" / "train", a=12, b=12).parent
    for name in "ab":
        (folder / "test" / name).mkdir(parents=True)
        picture(99 + ord(name)).save(folder / "test" / name / "1.png")
    (folder / "test" / "a" / "leak.png").write_bytes((folder / "train/a/003.png").read_bytes())
    (folder / "train" / "b" / "same.png").write_bytes((folder / "train/a/004.png").read_bytes())
    _, text, page = report(recipe_of(folder), tmp_path / "out")
    assert "warning: copies in several splits, which make accuracies too high: 1" in text
    assert "train/a/003.png = test/a/leak.png" in text
    assert "warning: one picture under several labels: 1" in text
    assert "train/a/004.png = train/b/same.png" in text
    assert "One picture under several labels (1)" in page


def test_orientation_transparency_and_depth_are_counted(tmp_path):
    folder = folder_of(tmp_path / "images", a=9, b=9)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(500).save(folder / "a" / "turned.jpg", exif=exif)
    picture(501).convert("RGBA").save(folder / "a" / "cut-out.png")
    Image.fromarray(np.full((9, 9), 4000, np.uint16)).save(folder / "b" / "scan.png")
    rows, text, _ = report(recipe_of(folder), tmp_path / "out")
    assert "turned upright by their EXIF orientation: 1" in text
    assert "with transparent parts, which become white: 1" in text
    assert "with 16 bits a channel, which are scaled to 8: 1" in text
    assert "PNG 20, JPEG 1" in text
    (turned,) = (row for row in rows if row["file"] == "a/turned.jpg")
    assert (turned["width"], turned["height"], turned["orientation"]) == (12, 20, 6)


def test_names_are_shown_as_text_and_never_as_html(tmp_path):
    name = "<img src=x onerror=alert(1)> **x**"
    folder = folder_of(tmp_path / "images", **{name: 12, "b": 12})
    (folder / "b" / "<b>.png").write_bytes(b"")
    _, text, page = report(recipe_of(folder, on_error="skip"), tmp_path / "out")
    assert name in text
    assert "<img src=x" not in page
    assert "&lt;b&gt;.png" in page


def test_streamed_images_are_skipped_too(tmp_path):
    folder = folder_of(tmp_path / "images", a=9, b=9)
    (folder / "a" / "bad.png").write_bytes(b"")
    recipe = recipe_of(folder, on_error="skip", stream=True)
    report(recipe, tmp_path / "out")
    run_dataset(recipe, [], False, tmp_path / "dataset", tmp_path / "out" / "images.parquet")
    dataset = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.images.decode_all().shape[1:] == (3, 8, 8)


def test_groups_are_of_equal_digests():
    assert groups_of(["x", None, "y", "x", None]) == [0, 1, 2, 0, 4]


def test_a_named_dataset_has_none(tmp_path):
    recipe = DatasetRecipe.of("digits", train=None, test=None, validation=0.1, split_seed=0)
    with pytest.raises(UserError, match="dataset digits: has no data report"):
        report(recipe, tmp_path)


def test_an_animation_is_one_image(tmp_path):
    folder = folder_of(tmp_path / "images", a=9, b=9)
    data = io.BytesIO()
    picture(7).save(data, "GIF", save_all=True, append_images=[picture(8)])
    (folder / "a" / "film.gif").write_bytes(data.getvalue())
    assert "images: 19 found, 19 used" in report(recipe_of(folder), tmp_path / "out")[1]
