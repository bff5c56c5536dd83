"""Data that is not what it should be: each fault is one sentence with its file and row."""

import dataclasses
import os
import random
import subprocess
import sys
import time
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from one_stage import RUN
from pictures import image_set, png, random_images, read_imagefolder, write_parquet
from PIL import Image
from recipes import as_kind, training
from scipy.io import savemat
from test_named_datasets import FLOWERS, IMAGENET, write_flowers, write_imagenet

from dsd2.cli import main
from dsd2.config.autoconfig import suggestions
from dsd2.data.dataset import load_dataset, split_source
from dsd2.data.human_labels import read_human_labels
from dsd2.data.labels import Labels, SplitLabels
from dsd2.data.metadata import metadata
from dsd2.data.parquet import read_parquet
from dsd2.errors import UserError
from dsd2.files.records import METRICS, read_rows
from dsd2.paths import dataset_name, run_name
from dsd2.recipe import DatasetRecipe, ModelRecipe, PruningRecipe, to_json
from dsd2.stages.measure import accuracy_columns
from dsd2.stages.prepare import run_dataset, run_labels

FOLDER = DatasetRecipe.of(
    "imagefolder", train=None, test=None, validation=0.2, split_seed=0, image_size=8
)


def fill(folder, classes=("a", "b"), count=6, mode="RGB"):
    """Images of class folders, a shade for each class."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new(mode, (9, 8), 10 + 100 * label).save(folder / name / f"{i}.png")
    return folder


def bomb(side):
    """A PNG file of some hundred bytes whose header promises so many pixels a side."""
    size = side.to_bytes(4, "big")
    data = png(np.zeros((1, 1), np.uint8))
    header = b"IHDR" + size + size + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
"""An image that PIL would have another program draw."""

NO_IMAGES = {
    "nothing": (b"", "the file is empty"),
    "words": (b"no image", "it is none of .*BMP"),
    "another program's": (POSTSCRIPT, "it is none of .*BMP"),
    "half": (png(random_images(1, (40, 40, 3))[0])[:300], "truncated"),
    "a bomb": (bomb(60_000), "exceeds limit of .* pixels"),
    "floats": (png(np.full((8, 8), 0.5, np.float32), "TIFF"), "has floating-point pixels"),
}


@pytest.mark.parametrize("kind", NO_IMAGES)
def test_what_is_no_image_is_named_with_its_file_or_row(tmp_path, kind):
    content, reason = NO_IMAGES[kind]
    folder = fill(tmp_path / "images")
    (folder / "b" / "bad.png").write_bytes(content)
    with pytest.raises(UserError, match=rf"images/b/bad.png: the image .*{reason}"):
        read_imagefolder(folder, 8).train.images.decode_all()
    fine = png(random_images(1, (8, 8, 3))[0])
    (tmp_path / "hub").mkdir()
    for row, images in ((1, [fine, content]), (0, [content, fine])):
        write_parquet(tmp_path / "hub" / "train.parquet", images, [0, 1])
        with pytest.raises(UserError, match=rf"train.parquet row {row}: the image .*{reason}"):
            read_parquet(tmp_path / "hub", "image", "label")
    if kind != "half":
        recipe = as_kind(FOLDER, "parquet", path=str(tmp_path / "hub"))
        assert metadata(dataclasses.replace(recipe, train=1, validation="test"), []).image[1:] == (
            8,
            8,
        )
        assert suggestions(str(tmp_path / "hub"))["dataset"]["name"] == "parquet"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_images_of_every_mode_become_what_they_show(tmp_path, mode):
    picture = Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode)
    suffix = "tif" if mode in ("CMYK", "YCbCr") else "png"
    for name in "ab":
        (tmp_path / name).mkdir()
        picture.save(tmp_path / name / f"x.{suffix}")
    images = read_imagefolder(tmp_path, 8).train.images.decode_all()
    assert images.shape[1] == (1 if mode in ("1", "L", "LA") else 3)
    assert bool((images == 255).all())


def test_a_folder_that_leads_to_itself_or_is_there_twice_is_named(tmp_path):
    folder = fill(tmp_path / "images")
    (folder / "a" / "again").symlink_to(folder / "a")
    with pytest.raises(UserError, match=r"a/again: is the same folder as .*/a, whose images"):
        read_imagefolder(folder, 8)
    (folder / "a" / "again").unlink()
    (folder / "c").symlink_to(folder / "b")
    with pytest.raises(UserError, match=r"images/c: is the same folder as .*/b, whose images"):
        read_imagefolder(folder, 8)
    (folder / "c").unlink()
    (folder / "c").symlink_to(folder / "nowhere")
    with pytest.raises(UserError, match=r"images/c: is a link to nothing"):
        read_imagefolder(folder, 8)
    (folder / "c").unlink()
    (folder / "c").symlink_to(folder / "c")
    with pytest.raises(UserError, match=r"images/c: is a link to nothing"):
        read_imagefolder(folder, 8)
    (folder / "c").unlink()
    # A link to images that are nowhere else is as good as they are.
    (folder / "c").symlink_to(fill(tmp_path / "elsewhere") / "a")
    assert read_imagefolder(folder, 8).classes == ("a", "b", "c")


def test_test_images_that_are_the_training_images_are_named(tmp_path):
    fill(tmp_path / "images" / "train")
    (tmp_path / "images" / "test").symlink_to("train")
    with pytest.raises(UserError, match=r"test/a: is the same folder as .*train/a"):
        read_imagefolder(tmp_path / "images", 8)


COMBINED, SPLIT = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("names", [("Cat", "cat"), ("cat", "cat "), (COMBINED, SPLIT)])
def test_class_folders_that_look_like_one_are_named(tmp_path, names):
    fill(tmp_path, names)
    with pytest.raises(UserError, match=r"the class folders .* differ in nothing but case, spaces"):
        read_imagefolder(tmp_path, 8)


def test_class_names_in_any_language_are_kept_and_letters_have_two_cases(tmp_path):
    names = ("B", "b", "été", "猫", "🐈 x", "$(touch x)")
    assert read_imagefolder(fill(tmp_path, names), 8).classes == tuple(sorted(names))


def test_a_class_folder_in_no_encoding_is_named(tmp_path):
    fill(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).mkdir()
    with pytest.raises(UserError, match=r"the class folder '\\udcff' is not named in UTF-8"):
        read_imagefolder(tmp_path, 8)


def test_splits_of_different_classes_are_told_by_the_class(tmp_path):
    fill(tmp_path / "train", ("a", "b"))
    fill(tmp_path / "test", ("a", "b", "c"))
    with pytest.raises(UserError, match="test has the class c, of which there is no"):
        read_imagefolder(tmp_path, 8)


def test_one_class_is_named_with_its_folder(tmp_path):
    recipe = dataclasses.replace(FOLDER, path=str(fill(tmp_path, ("only",))))
    with pytest.raises(UserError, match=rf"{tmp_path}: has one class, only; it takes two"):
        run_dataset(recipe, [], False, tmp_path / "dataset")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"validation": 0.001}, "dataset.validation is 0.001, which is none of"),
        ({"test": 0.001, "train": 4}, "dataset.test is 0.001, which is none of"),
    ],
)
def test_splits_without_an_image_are_refused(tmp_path, change, sentence):
    recipe = dataclasses.replace(FOLDER, path=str(fill(tmp_path)), **change)
    with pytest.raises(UserError, match=sentence):
        split_source(read_imagefolder(tmp_path, 8), recipe)
    with pytest.raises(UserError, match=sentence):
        metadata(recipe, [])


def test_classes_that_a_split_lacks_are_told_in_the_log(tmp_path, capsys):
    fill(tmp_path / "images" / "train", count=5)
    fill(tmp_path / "images" / "validation", ("a",), count=2)
    fill(tmp_path / "images" / "test", count=2)
    recipe = dataclasses.replace(FOLDER, path=str(tmp_path / "images"), validation="own")
    run_dataset(recipe, [], False, tmp_path / "dataset")
    assert "no validation image of 1 of 2 classes: b" in capsys.readouterr().out
    recipe = dataclasses.replace(FOLDER, path=str(fill(tmp_path / "few")), train=1, validation=1)
    run_dataset(recipe, [], False, tmp_path / "dataset")
    told = capsys.readouterr().out
    data = load_dataset(tmp_path / "dataset", dataset_name(recipe))
    for split, part in (("training", data.train), ("validation", data.validation)):
        only = data.classes[int(part.labels[0])]
        (other,) = set(data.classes) - {only}
        assert f"no {split} image of 1 of 2 classes: {other}\n" in told
        assert f"all {split} images are of class {only}: an accuracy on them says nothing" in told


IMAGES = [png(random_images(1, (4, 4, 3))[0])] * 3
BAD_LABELS = {
    "missing": (pa.array([0, None, 1]), "row 1: label is None, which is no whole number"),
    "no number": (pa.array(["0", "1", "cat"]), "row 0: label is '0', which is no whole number"),
    "a fraction": (pa.array([0.0, 1.0, 0.5]), "row 2: label is 0.5, which is no whole number"),
    "NaN": (pa.array([0.0, float("nan"), 1.0]), "row 1: label is nan, which is no whole number"),
    "huge": (pa.array([0, 1, 2**63], pa.uint64()), "row 2: label is 9223372036854775808, which"),
    "many": (pa.array([0, 1, 10**9]), "row 2: label 1000000000 is outside 0 to 99999"),
    "lists": (pa.array([[0], [1], [1]]), r"row 0: label is \[0\], which is no whole number"),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_labels_that_are_none_are_named_with_their_row(tmp_path, kind):
    labels, sentence = BAD_LABELS[kind]
    is_text = pa.types.is_string(labels.type)
    images = pa.array([{"bytes": image, "path": None} for image in IMAGES])
    table = pa.table({"image": images, "label": labels, "worse_label": labels})
    pq.write_table(table, tmp_path / "train.parquet")
    if is_text:
        assert read_parquet(tmp_path, "image", "label").classes == ("0", "1", "cat")
    else:
        with pytest.raises(UserError, match=rf"train.parquet {sentence}"):
            read_parquet(tmp_path, "image", "label")
    human = sentence.replace("label is", "worse_label is").replace("99999", "2")
    with pytest.raises(UserError, match=rf"train.parquet {human}"):
        read_human_labels(tmp_path / "train.parquet", "worse_label", torch.zeros(3), 3)


def test_labels_beyond_the_names_of_classes_are_named(tmp_path):
    write_parquet(tmp_path / "train.parquet", IMAGES, [0, 1, 0], ["x", "y"])
    write_parquet(tmp_path / "test.parquet", IMAGES, [0, 1, 2], ["x", "y"])
    with pytest.raises(UserError, match=r"test.parquet row 2: label 2 is outside 0 to 1"):
        read_parquet(tmp_path, "image", "label")
    write_parquet(tmp_path / "test.parquet", IMAGES, [0, 1, 1], ["y", "x"])
    with pytest.raises(UserError, match=r"test.parquet: its class names are others than those of"):
        read_parquet(tmp_path, "image", "label")


def test_images_without_bytes_and_odd_metadata_are_named(tmp_path):
    for cell in (None, {"bytes": None, "path": "x.png"}):
        table = pa.table(
            {"image": pa.array([cell], pa.struct([("bytes", pa.binary())])), "label": [0]}
        )
        pq.write_table(table, tmp_path / "train.parquet")
        with pytest.raises(UserError, match=r"train.parquet row 0: .* holds no bytes of an image"):
            read_parquet(tmp_path, "image", "label")
    for text in ("{", "[1]", '{"info": {"features": {"label": {"names": 3}}}}'):
        table = pa.table({"image": pa.array(IMAGES), "label": [0, 1, 1]})
        odd = table.replace_schema_metadata({"huggingface": text})
        pq.write_table(odd, tmp_path / "train.parquet")
        with pytest.raises(UserError, match=r"train.parquet: its metadata huggingface is damaged"):
            read_parquet(tmp_path, "image", "label")
    pq.write_table(table.slice(0, 0), tmp_path / "train.parquet")
    for reader in (lambda: read_parquet(tmp_path, "image", "label"), lambda: suggestions(tmp_path)):
        with pytest.raises(UserError, match=r"train.parquet: has no rows"):
            reader()


@pytest.mark.slow
def test_damaged_parquet_is_a_sentence_or_what_it_says(tmp_path):
    draws, path = random.Random(0), tmp_path / "train.parquet"
    write_parquet(path, IMAGES * 4, [0, 1, 1] * 4, ["x", "y"])
    content = path.read_bytes()
    refused = []
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(draws.choice([1, 1, 20])):
            damaged[draws.randrange(len(damaged))] ^= 1 << draws.randrange(8)
        path.write_bytes(damaged[: draws.choice([len(damaged), draws.randrange(len(damaged))])])
        try:
            read_parquet(tmp_path, "image", "label")
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 150
    assert all(str(tmp_path) in sentence for sentence in refused)


def test_flowers_and_imagenet_files_that_do_not_fit_are_named(tmp_path):
    write_flowers(tmp_path)
    folder = tmp_path / "flowers-102"
    savemat(folder / "imagelabels.mat", {"labels": [[1, 102, 3, 4, 0, 6]]})
    with pytest.raises(UserError, match=r"flowers102: training image 0 has label -1, .* 0 to 101"):
        split_source(FLOWERS.read([tmp_path], False), FLOWERS)
    savemat(folder / "imagelabels.mat", {"labels": [[1, 102, 3]]})
    with pytest.raises(UserError, match=r"dataset flowers102 in .*: no entry 5"):
        FLOWERS.read([tmp_path], False)
    savemat(folder / "setid.mat", {"train": [[1]]})
    with pytest.raises(UserError, match=r"dataset flowers102 in .*: no entry 'trnid'"):
        FLOWERS.read([tmp_path], False)
    write_imagenet(tmp_path, ("n01", "n09"))
    with pytest.raises(UserError, match=r"dataset imagenet in .*: no entry 'n09'"):
        IMAGENET.read([tmp_path], False)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([0, 1, 2, 5], "row 3: label 5 is outside 0 to 2"),
        ([0, 1, 2], "has 3 rows for 4 training images"),
        ([0.0, 1.5, 2.0, 0.0], r"worse_label is an array \[4\] of float64, not a column"),
        ([[0], [1], [2], [0]], r"worse_label is an array \[4, 1\] of int64, not a column"),
    ],
)
def test_human_labels_of_a_release_that_do_not_fit_are_named(tmp_path, values, sentence):
    path = tmp_path / "CIFAR-10_human.pt"
    torch.save({"worse_label": np.array(values)}, path, pickle_protocol=2)
    with pytest.raises(UserError, match=f"CIFAR-10_human.pt.*{sentence}"):
        read_human_labels(path, "worse_label", torch.tensor([0, 1, 2, 0]), 3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_that_diverged_after_its_last_loss_is_no_number(value):
    data = image_set(20, (1, 8, 8))
    model = ModelRecipe.of("vgg-like", depth=1, width=2).build((1, 8, 8), 10)
    next(reversed(list(model.parameters()))).data[0] = value
    labels = Labels(SplitLabels(data.labels, data.labels), None)
    sets = dict.fromkeys(("train", "validation", "test"), data)
    with pytest.raises(UserError, match=r"loss on the training images is \S+: the training diverg"):
        accuracy_columns(model, sets, labels, "0123456789")


@pytest.mark.slow
def test_a_layer_without_weights_is_told_in_the_log(tmp_path, capsys, reproducible):
    recipe = dataclasses.replace(
        RUN,
        training=training(epochs=1, batch_size=100),
        pruning=PruningRecipe(criterion="magnitude", fraction=0.995),
    )
    run_dataset(recipe.dataset, [], False, tmp_path / "dataset")
    run_labels(tmp_path / "dataset", recipe.dataset, recipe.noise, [], tmp_path / "labels")
    for i in range(2):
        files = {name: tmp_path / f"{name}-{i}" for name in ("resume", "checkpoint", "metrics")}
        files |= {name: tmp_path / name for name in ("dataset", "labels", "history")}
        if i:
            files["previous"] = tmp_path / "checkpoint-0"
        options = [f"--{name}={file}" for name, file in files.items()]
        names = [f"--run={run_name(recipe)}", f"--iteration={i}", "--recipe", to_json(recipe)]
        assert main(["train", *names, *options], time.time()) == 0
    (row,) = read_rows(tmp_path / "metrics-1", METRICS)
    dead = [n for n, d in zip(row["layers"], row["layer_density"], strict=True) if d == 0]
    assert len(dead) == row["dead_layers"] > 0
    told = f"no weight is left in {len(dead)} of 3 layers: {', '.join(dead)}\n"
    assert told in capsys.readouterr().out


@pytest.mark.process
def test_names_that_the_terminal_cannot_show_do_no_harm(tmp_path):
    folder = fill(tmp_path / "ä ' \" $(touch ran) {x}", ("猫", "犬"))
    recipe = dataclasses.replace(FOLDER, path=str(folder), train=1, validation=1)
    program = (
        "import sys; from pathlib import Path; from dsd2.recipe import *;"
        "from dsd2.stages.prepare import run_dataset;"
        "run_dataset(from_json(DatasetRecipe, sys.argv[1]), [], False, Path(sys.argv[2]))"
    )
    library = str(Path(__file__).parents[2] / "workflow")
    subprocess.run(
        [sys.executable, "-c", program, to_json(recipe), str(tmp_path / "dataset")],
        env={"PYTHONPATH": library, "LC_ALL": "C", "PATH": os.defpath},
        cwd=tmp_path,
        check=True,
    )
    assert load_dataset(tmp_path / "dataset", dataset_name(recipe)).classes == ("犬", "猫")
    assert not (tmp_path / "ran").exists()
