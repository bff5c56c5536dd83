"""Folders as phones, zips, annotation tools and colleagues leave them."""

import pytest
from PIL import Image

from dsd2.data.find_data import kind_of
from dsd2.data.listing import split_of
from dsd2.data.scan import BESIDE, EMPTY, HIDDEN, IGNORED, UNUSED, list_class_folders
from dsd2.errors import UserError


def fill(folder, *names):
    """Image files of these names, folders made as needed."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path, "PNG")
    return folder


def left(listing):
    """What is left out, by its kind."""
    return {part.what: part.names for part in listing.left_out}


def counts(listing):
    """How many images each split has."""
    return {split: len(listed.names) for split, listed in listing.splits.items()}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Valid", "Test"),
        ("TRAINING", "dev", "eval"),
        ("training", "validation", "testing"),
        ("training_set", "validation_set", "test_set"),
    ],
)
def test_the_usual_names_of_splits_are_understood(tmp_path, train, validation, test):
    fill(tmp_path, f"{train}/a/1.png", f"{train}/a/2.png", f"{train}/b/1.png")
    fill(tmp_path, f"{validation}/a/1.png", f"{test}/b/1.png", f"{test}/b/2.png")
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("a", "b")
    assert counts(listing) == {"train": 3, "validation": 1, "test": 2}
    assert listing.splits["test"].labels == [1, 1]
    assert all(
        any(f"{folder} holds the {what} images" in remark for remark in listing.remarks)
        for folder, what in ((train, "training"), (validation, "validation"), (test, "test"))
        if folder not in ("train", "validation", "test")
    )


def test_words_that_are_no_split_are_classes():
    assert [split_of(name) for name in ("trains", "valley", "tester", "device")] == [None] * 4
    assert split_of("Test Images") == "test"


def test_two_folders_of_one_split_are_refused(tmp_path):
    fill(tmp_path, "train/a/1.png", "Training/a/1.png")
    with pytest.raises(UserError, match="'Training' and 'train' are both folders of the"):
        list_class_folders(tmp_path)


def test_splits_alone_are_never_classes(tmp_path):
    fill(tmp_path, "Test/1.png", "Val/1.png")
    with pytest.raises(UserError, match="has no folder of training images beside Test, Val"):
        list_class_folders(tmp_path)


def test_folders_that_say_where_images_lie_are_never_classes(tmp_path):
    """As a public set of faces has them, whose labels are in ``data/legend.csv``."""
    fill(tmp_path, "images/1.png", "test/1.png")
    with pytest.raises(UserError, match="the folders images, test hold images, but such names"):
        list_class_folders(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "legend.csv").write_text("image,emotion\n1.png,joy\n2.png,anger\n")
    assert kind_of(tmp_path) == "csv"


def test_one_class_may_have_any_name_beside_others(tmp_path):
    fill(tmp_path, "photos/1.png", "paintings/1.png")
    assert list_class_folders(tmp_path).classes == ("paintings", "photos")


def test_class_folders_beside_a_split_are_refused(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png", "test/a/1.png")
    with pytest.raises(UserError, match=r"class folders beside 'test'.*dataset.ignore: \[test\]"):
        list_class_folders(tmp_path)
    assert left(list_class_folders(tmp_path, ["test"])) == {IGNORED: ("test",)}


def test_a_folder_that_is_not_used_is_told(tmp_path):
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "extra/a/1.png", "stray.png")
    assert left(list_class_folders(tmp_path)) == {UNUSED: ("extra",), BESIDE: ("stray.png",)}


def test_images_beside_class_folders_are_told(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png", "stray.png", "other.jpg")
    assert left(list_class_folders(tmp_path)) == {BESIDE: ("other.jpg", "stray.png")}


@pytest.mark.parametrize("inside", ["set", "set/set", "archive/Dataset 2024"])
def test_the_only_folder_is_looked_into(tmp_path, inside):
    fill(tmp_path, f"{inside}/a/1.png", f"{inside}/b/1.png")
    (tmp_path / "README.txt").write_text("from Kaggle")
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("a", "b")
    assert listing.splits["train"].names == [f"{inside}/a/1.png", f"{inside}/b/1.png"]
    assert any(f"{inside} is the only folder" in remark for remark in listing.remarks)


def test_splits_one_level_deeper_are_found(tmp_path):
    fill(tmp_path, "photos/train/train/a/1.png", "photos/train/train/b/1.png", "photos/val/b/1.png")
    listing = list_class_folders(tmp_path)
    assert counts(listing) == {"train": 2, "validation": 1}


def test_a_single_class_is_not_looked_into(tmp_path):
    fill(tmp_path, "cats/1.png", "cats/more/2.png")
    with pytest.raises(UserError, match=f"{tmp_path}: has one class, cats; it takes two"):
        list_class_folders(tmp_path)


def test_folders_of_classes_beside_folders_of_images_are_refused(tmp_path):
    fill(tmp_path, "Dataset/a/1.png", "Dataset/b/1.png", "Examples/1.png")
    with pytest.raises(UserError, match="Dataset holds folders of images and Examples holds"):
        list_class_folders(tmp_path)
    assert list_class_folders(tmp_path, ["Examples"]).classes == ("a", "b")
    assert list_class_folders(tmp_path / "Dataset").classes == ("a", "b")


def test_classes_may_have_folders_of_their_own(tmp_path):
    fill(tmp_path, "cats/persian/1.png", "cats/siamese/1.png", "dogs/1.png", "dogs/old/1.png")
    with pytest.raises(UserError, match="cats holds folders of images and dogs holds images"):
        list_class_folders(tmp_path)
    fill(tmp_path, "cats/2.png")
    listing = list_class_folders(tmp_path)
    assert listing.splits["train"].labels == [0, 0, 0, 1, 1]


def test_hidden_and_system_entries_are_ignored_at_every_depth(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png", ".ipynb_checkpoints/1.png", "__MACOSX/a/1.png")
    fill(tmp_path, "a/.ipynb_checkpoints/1.png", "a/._1.png", "a/Thumbs.db", "b/@eaDir/1.png")
    (tmp_path / "b" / "desktop.ini").write_text("")
    (tmp_path / ".DS_Store").write_text("")
    listing = list_class_folders(tmp_path)
    assert listing.classes == ("a", "b")
    assert counts(listing) == {"train": 2}
    assert left(listing) == {
        HIDDEN: (
            *(".DS_Store", ".ipynb_checkpoints", "__MACOSX", "a/._1.png", "a/.ipynb_checkpoints"),
            *("a/Thumbs.db", "b/@eaDir", "b/desktop.ini"),
        )
    }


def test_images_are_known_by_content_and_the_rest_is_counted_by_kind(tmp_path):
    fill(tmp_path, "a/1.png", "a/photo", "a/2.jfif", "a/3.heic", "b/1.dat", "b/x.GIF")
    for name in ("a/notes.txt", "a/labels.xml", "b/film.mp4", "b/data.bin", "b/LICENSE"):
        (tmp_path / name).write_text("no image")
    listing = list_class_folders(tmp_path)
    assert counts(listing) == {"train": 6}
    assert left(listing) == {
        ".bin files": ("b/data.bin",),
        ".mp4 files": ("b/film.mp4",),
        ".txt files": ("a/notes.txt",),
        ".xml files": ("a/labels.xml",),
        "files without a suffix": ("b/LICENSE",),
    }


def test_folders_without_images_are_told(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "1.xml").write_text("")
    assert left(list_class_folders(tmp_path))[EMPTY] == ("annotations",)


def test_a_split_may_lack_classes_but_not_have_others(tmp_path):
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "test/b/1.png")
    assert list_class_folders(tmp_path).splits["test"].labels == [1]
    fill(tmp_path, "test/c/1.png")
    with pytest.raises(UserError, match=r"test has the class c, .*\[test/c\]"):
        list_class_folders(tmp_path)
    assert counts(list_class_folders(tmp_path, ["test/c"])) == {"train": 2, "test": 1}


def test_test_images_without_labels_can_be_ignored(tmp_path):
    fill(tmp_path, "train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png")
    with pytest.raises(UserError, match=r"test: has 2 images but no class folders.*\[test\]"):
        list_class_folders(tmp_path)
    listing = list_class_folders(tmp_path, ["test"])
    assert counts(listing) == {"train": 2}
    assert left(listing) == {IGNORED: ("test",)}


def test_an_empty_split_is_told(tmp_path):
    fill(tmp_path, "train/a/1.png", "train/b/1.png")
    (tmp_path / "test" / "a").mkdir(parents=True)
    listing = list_class_folders(tmp_path)
    assert counts(listing) == {"train": 2}
    assert left(listing) == {EMPTY: ("test/a",)}


def test_what_is_to_be_ignored_must_be_there(tmp_path):
    fill(tmp_path, "a/1.png", "b/1.png")
    with pytest.raises(UserError, match=r"dataset.ignore is 'tset', which"):
        list_class_folders(tmp_path, ["tset"])


CATS_AND_DOGS = [f"{kind}.{i}.jpg" for kind in ("cat", "dog") for i in range(3)]


@pytest.mark.parametrize(
    ("images", "others", "sentence"),
    [
        (CATS_AND_DOGS, [], "the names of the files begin with cat, dog: if these are the classes"),
        (["1.jpg", "2.jpg"], ["labels.xlsx"], "in labels.xlsx, it is a workbook: save its table"),
        (
            ["images/1.jpg"],
            ["coco.json"],
            "has one class, images; .* in coco.json, it is no table",
        ),
        (["images/1.jpg"], ["train.txt"], "one class, images; .* in train.txt, it is not read"),
        (["a/1.jpg", "a/2.jpg"], [], "has one class, a; it takes two$"),
        (["images/a/1.jpg", "masks/a/1.png"], [], "such names are no classes"),
        (
            ["a/train/1.jpg", "a/test/2.jpg", "b/train/1.jpg", "b/test/2.jpg"],
            [],
            "hold the folders test and train, which are splits; put the splits first, as train/a$",
        ),
        (
            ["fold1/a/1.jpg", "fold1/b/1.jpg", "fold2/a/1.jpg", "fold2/b/1.jpg"],
            [],
            "of the folders fold1 and fold2 holds the folders a and b, which look like the classes",
        ),
    ],
)
def test_what_only_looks_like_classes_is_refused_with_what_to_do(
    tmp_path, images, others, sentence
):
    fill(tmp_path, *images)
    for name in others:
        (tmp_path / name).write_text("x")
    with pytest.raises(UserError, match=sentence):
        kind_of(tmp_path)


def test_classes_may_hold_folders_of_years_and_of_one_split(tmp_path):
    fill(tmp_path, *(f"{kind}/{year}/1.jpg" for kind in ("cats", "dogs") for year in (2021, 2022)))
    assert list_class_folders(tmp_path).classes == ("cats", "dogs")
    fill(tmp_path / "set", "a/train/1.jpg", "b/train/1.jpg")
    assert list_class_folders(tmp_path / "set").classes == ("a", "b")
