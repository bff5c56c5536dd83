"""Parquet files in the layouts, and with the columns, that datasets on the hub have."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from pictures import png, random_images, write_parquet

from dsd2.data.dataset import split_source
from dsd2.data.metadata import metadata
from dsd2.data.parquet import parquet_source, read_parquet
from dsd2.data.parquet_data import find_parquet, open_parquet
from dsd2.errors import UserError
from dsd2.recipe import DatasetRecipe

DRAWN = {"train": None, "test": None, "validation": 0.25, "split_seed": 0}
IMAGES = [png(image) for image in random_images(4, (6, 5, 3))]
STRUCTS = pa.array([{"bytes": image, "path": None} for image in IMAGES])


def write(path, labels, images=STRUCTS, label="label", image="image", **others):
    path.parent.mkdir(parents=True, exist_ok=True)
    table = {image: images, **others}
    if labels is not None:
        table[label] = labels if isinstance(labels, pa.Array) else pa.array(labels)
    pq.write_table(pa.table(table), path)


def recipe(folder, **keys):
    return DatasetRecipe.of("parquet", path=str(folder), **{**DRAWN, **keys})


def read(folder):
    return parquet_source(folder, "image", "label")


LAYOUTS = {
    "the first": ("train.parquet", "validation.parquet", "test.parquet"),
    "shards": ("data/train-00000-of-00001.parquet", "data/valid-0.parquet", "data/test-0.parquet"),
    "converted": ("default/train/0000.parquet", "default/val/0.parquet", "default/eval/0.parquet"),
    "another configuration": ("all/train/0.parquet", "all/dev/0.parquet", "all/test/0.parquet"),
    "folders": ("train/a.parquet", "validation/a.parquet", "test/a.parquet"),
    "other words": ("Training.parquet", "VAL_1.parquet", "testing-1.parquet"),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_the_usual_layouts_are_read(tmp_path, kind):
    for count, file in zip((4, 3, 2), LAYOUTS[kind], strict=True):
        write(tmp_path / file, [0, 1, 1, 0][:count], STRUCTS[:count])
    source = read_parquet(tmp_path, "image", "label")
    sizes = [len(part.labels) for part in (source.train, source.validation, source.test)]
    assert sizes == [4, 3, 2]
    expected = random_images(4, (6, 5, 3)).transpose(0, 3, 1, 2)
    assert np.array_equal(source.train.images.numpy(), expected)
    own = recipe(tmp_path)
    assert own.files() == list(LAYOUTS[kind])
    assert metadata(own, []).image == (3, 6, 5)
    found = find_parquet(tmp_path)
    assert [*found.files.values()] == [[file] for file in LAYOUTS[kind]]
    assert (found.rows, found.sizes, found.one_size) == (4, [(5, 6)] * 4, True)


def test_shards_are_joined_and_other_files_left_out(tmp_path):
    write(tmp_path / "train-1.parquet", [1, 1], STRUCTS[:2])
    write(tmp_path / "train-0.parquet", [0, 1, 0, 1])
    write(tmp_path / "labels_human.parquet", [0], STRUCTS[:1])
    listing = recipe(tmp_path).listing()
    assert listing.splits["train"].names[3:5] == ["train-0.parquet#3", "train-1.parquet#0"]
    assert listing.splits["train"].labels == [0, 1, 0, 1, 1, 1]
    assert [(part.what, part.names) for part in listing.left_out] == [
        ("parquet files of no split", ("labels_human.parquet",))
    ]


def test_files_without_a_word_for_a_split_are_training_images(tmp_path):
    write(tmp_path / "part-0.parquet", [0, 1, 0, 1])
    listing = recipe(tmp_path).listing()
    assert list(listing.splits) == ["train"]
    assert any("all are training images" in remark for remark in listing.remarks)


def test_what_is_not_plain_is_refused(tmp_path):
    assert find_parquet(tmp_path) is None
    write(tmp_path / "test.parquet", [0, 1, 0, 1])
    for reader in (read, find_parquet):
        with pytest.raises(UserError, match=r"has no train\*.parquet, data/train-\*.parquet"):
            reader(tmp_path)
    for folder in ("small", "large"):
        write(tmp_path / folder / "train" / "0.parquet", [0, 1, 0, 1])
    with pytest.raises(UserError, match=r"several configurations \(large, small\); give"):
        read(tmp_path)
    write(tmp_path / "train.parquet", [0, 1, 0, 1])
    for word in ("val", "dev"):
        write(tmp_path / f"{word}.parquet", [0, 1, 0, 1])
    with pytest.raises(UserError, match=r"dev and val are both parquet files of the validation"):
        read(tmp_path)
    # What has always been read goes before other words for it.
    write(tmp_path / "validation.parquet", [0, 1], STRUCTS[:2])
    assert len(read(tmp_path).validation.labels) == 2


def test_columns_are_found_by_usual_names_or_by_type(tmp_path):
    file = tmp_path / "train.parquet"
    for image, label, others in (
        ("img", "labels", {}),
        ("Picture", "Class", {"width": [5] * 4}),
        ("scan", "fine_label", {"pixel_values": [[1]] * 4}),
    ):
        write(file, [0, 1, 0, 1], image=image, label=label, **others)
        source = read_parquet(tmp_path, "image", "label")
        assert source.train.labels.tolist() == [0, 1, 0, 1]
        assert any(image in remark for remark in recipe(tmp_path).listing().remarks)
    write(file, [0, 1, 0, 1], images=pa.array(IMAGES), image="content")
    assert read_parquet(tmp_path, "image", "label").train.images.shape == (4, 3, 6, 5)
    write(file, [0, 1, 0, 1], label="fine_label", coarse_label=[0] * 4)
    with pytest.raises(UserError, match=r"fine_label or coarse_label may .*dataset.label_column"):
        read(tmp_path)
    write(file, [0, 1, 0, 1], image="left", right=STRUCTS)
    with pytest.raises(UserError, match=r"left or right may be .*; set dataset.image_column"):
        read(tmp_path)
    assert len(parquet_source(tmp_path, "right", "label").train.labels) == 4
    write_parquet(file, IMAGES, [0, 1, 0, 1], ["x", "y"], ("image", "habitat"))
    assert read(tmp_path).classes == ("x", "y")


TEXTS = {
    "text": (pa.array(["dog", "cat", "dog", "cat"]), pa.array(["emu"]), ("cat", "dog", "emu"), 2),
    "large text": (
        pa.array(["b", "a", "b", "a"], pa.large_string()),
        pa.array(["a"], pa.large_string()),
        ("a", "b"),
        0,
    ),
    "a dictionary": (
        pa.array(["b", "a", "b", "a"]).dictionary_encode(),
        pa.array(["a"]).dictionary_encode(),
        ("a", "b"),
        0,
    ),
    "numbers as text": (pa.array(["10", "9", "10", "9"]), pa.array(["10"]), ("9", "10"), 1),
    "true and false": (
        pa.array([True, False, True, False]),
        pa.array([True]),
        ("false", "true"),
        1,
    ),
    "floats": (pa.array([1.0, 0.0, 1.0, 0.0]), pa.array([1.0]), ("0", "1"), 1),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_labels_of_any_type_become_classes(tmp_path, kind):
    train, test, classes, last = TEXTS[kind]
    write(tmp_path / "train.parquet", train)
    write(tmp_path / "test.parquet", test, STRUCTS[:1])
    source = read(tmp_path)
    assert source.classes == classes
    assert source.train.labels.tolist() == [1, 0, 1, 0]
    assert source.test.labels.tolist() == [last]
    assert metadata(recipe(tmp_path), []).classes == len(classes)


def test_text_that_is_no_label_is_named(tmp_path):
    for labels, sentence in (
        (["a", None, "b", "a"], r"train.parquet row 1: label is None, which is no label"),
        (["a", "b", "", "a"], r"train.parquet row 2: label is '', which is no label"),
        (["Cat", "b", "b", "cat"], r"'Cat' \(train.parquet row 0\) and 'cat' \(.* row 3\) differ"),
        (["a", "a", "a", "a"], r"every label is 'a'; it takes two"),
    ):
        write(tmp_path / "train.parquet", labels)
        with pytest.raises(UserError, match=sentence):
            read(tmp_path)
    write(tmp_path / "train.parquet", ["a", "b", "a", "b"])
    write(tmp_path / "test.parquet", [0, 1, 0, 1])
    with pytest.raises(UserError, match=r"train.parquet: its labels \(label\) are text, and those"):
        read(tmp_path)


@pytest.mark.parametrize("labels", [[-1] * 4, [None] * 4, [None, -1, -1, -1], ["", None] * 2, None])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_split_without_labels_is_left_out_and_said(tmp_path, labels, split):
    write(tmp_path / "train.parquet", [0, 1, 0, 1])
    write(tmp_path / f"{split}.parquet", labels)
    source = read(tmp_path)
    assert source.test is None
    assert source.validation is None
    listing = recipe(tmp_path).listing()
    assert list(listing.splits) == ["train"]
    assert any(f"all labels of the {split} images are missing" in r for r in listing.remarks)
    assert listing.left_out[0].names == (f"{split}.parquet",)
    about = metadata(recipe(tmp_path), [])
    assert (about.train, about.validation, about.test) == (2, 1, 1)


def test_a_split_with_some_labels_is_refused_with_its_row(tmp_path):
    write(tmp_path / "train.parquet", [0, 1, 0, 1])
    write(tmp_path / "test.parquet", [0, -1, 0, 1])
    with pytest.raises(UserError, match=r"test.parquet row 1: label -1 is outside"):
        read(tmp_path)
    write(tmp_path / "test.parquet", [0, 1, None, 1])
    with pytest.raises(UserError, match=r"test.parquet row 2: label is None"):
        read(tmp_path)
    (tmp_path / "test.parquet").unlink()
    write(tmp_path / "train.parquet", [-1] * 4)
    with pytest.raises(UserError, match=r"train.parquet row 0: label -1 is outside"):
        read(tmp_path)


def test_images_of_differing_sizes_take_a_size(tmp_path):
    shapes = [(6, 6, 3), (12, 9, 3), (6, 20, 3), (6, 6)]
    images = [png(random_images(1, shape)[0]) for shape in shapes]
    write_parquet(tmp_path / "train.parquet", images, [0, 1, 0, 1])
    with pytest.raises(UserError, match=r"row 1: the image is 12×9, .*dataset.image_size"):
        read_parquet(tmp_path, "image", "label")
    own = recipe(tmp_path, image_size=6)
    source = own.read([], False)
    assert source.train.images.shape == (4, 3, 6, 6)
    exact = torch.from_numpy(random_images(1, (6, 6, 3))[0].transpose(2, 0, 1).copy())
    assert torch.equal(source.train.images.decode(0), exact)
    own = recipe(tmp_path, image_size=6, train=2, validation="test")
    data = split_source(source, own)
    assert data.image == metadata(own, []).image == (3, 6, 6)
    assert data.reading == {"mode": "RGB", "size": 6, "fit": "square"}
    assert data.train.images.dtype == torch.uint8
    assert find_parquet(tmp_path).one_size is False
    assert find_parquet(tmp_path, sample=1).sizes == [(6, 6)]


def test_one_broken_image_hinders_no_other(tmp_path):
    write_parquet(tmp_path / "train.parquet", [b"no image", *IMAGES[1:]], [0, 1, 0, 1])
    images = read(tmp_path).train.images
    assert images.shape == (4, 3, 6, 5)
    with pytest.raises(UserError, match=r"train.parquet row 0: the image cannot be decoded"):
        images.decode_all()
    assert images[torch.tensor([3, 1])].decode_all().shape == (2, 3, 6, 5)
    with pytest.raises(UserError, match=r"train.parquet row 0: the image cannot be decoded"):
        images[torch.tensor([3, 0])].decode(1)
    assert find_parquet(tmp_path).sizes == [(5, 6)] * 3


def test_the_encoded_images_are_given_by_name(tmp_path):
    write(tmp_path / "data" / "train-0.parquet", [0, 1, 0, 1])
    bare = pa.array([IMAGES[1], None])
    write(tmp_path / "data" / "train-1.parquet", [0, 1], bare)
    own = recipe(tmp_path)
    names = own.listing().splits["train"].names
    assert names[-1] == "data/train-1.parquet#1"
    assert list(own.sources(names)) == [*IMAGES, IMAGES[1], b""]
    assert list(own.sources([names[4], names[2]])) == [IMAGES[1], IMAGES[2]]


def test_a_column_that_only_some_files_have_is_named(tmp_path):
    write(tmp_path / "train.parquet", [0, 1, 0, 1])
    write(tmp_path / "train-1.parquet", [0, 1, 0, 1], image="img")
    with pytest.raises(UserError, match=r"train.parquet: has no column 'img' \(dataset.image_col"):
        open_parquet(tmp_path, "image", "label")
    write(tmp_path / "train-1.parquet", [0, 1, 0, 1], label="class")
    with pytest.raises(UserError, match=r"has no column 'class' \(dataset.label_column\); it has"):
        open_parquet(tmp_path, "image", "label")
