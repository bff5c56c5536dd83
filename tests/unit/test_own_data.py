"""A folder of someone's images: what it suggests, and which network it ends in."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from dsd2.config.autoconfig import suggestions
from dsd2.config.studies import load_studies
from dsd2.config.study import load_study
from dsd2.errors import UserError
from dsd2.nn.pretrained import torchvision_weights


def picture(width, height):
    return Image.fromarray(np.zeros((height, width, 3), np.uint8))


def class_folders(folder, count, size):
    for name in ("cats", "dogs"):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            picture(*size).save(folder / name / f"{i}.png")
    return folder


def test_small_images_keep_their_size_and_large_ones_are_cut_to_64(tmp_path):
    small = suggestions(str(class_folders(tmp_path / "small", 3, (33, 50))))
    assert small["dataset"] == {
        "name": "imagefolder",
        "path": str(tmp_path / "small"),
        "image_size": 32,
    }
    assert small["model"]["depth"] == 3
    large = suggestions(str(class_folders(tmp_path / "large", 3, (300, 200))))
    assert large["dataset"]["image_size"] == 64
    assert large["model"]["depth"] == 4


def test_more_images_take_fewer_epochs(tmp_path):
    few = suggestions(str(class_folders(tmp_path / "few", 3, (8, 8))))["training"]["epochs"]
    many = suggestions(str(class_folders(tmp_path / "many", 1000, (8, 8))))["training"]["epochs"]
    assert few == 100
    assert many == 31  # 2,000 images are 32 steps of 64 an epoch; 1,000 steps in all.


def test_few_images_have_small_batches_and_as_many_steps_and_a_smaller_rate(tmp_path):
    few = suggestions(str(class_folders(tmp_path / "few", 100, (8, 8))))["training"]
    assert few == {"epochs": 77, "batch_size": 16, "learning_rate": 0.00025}
    many = suggestions(str(class_folders(tmp_path / "many", 400, (8, 8))))["training"]
    assert (many["batch_size"], many["learning_rate"]) == (64, 0.001)


def test_train_and_test_folders_and_parquet_are_known(tmp_path):
    class_folders(tmp_path / "split" / "train", 2, (16, 16))
    assert suggestions(str(tmp_path / "split"))["dataset"]["image_size"] == 16
    encoded = io.BytesIO()
    picture(32, 32).save(encoded, "PNG")
    (tmp_path / "hub").mkdir()
    table = {"image": [{"bytes": encoded.getvalue()}], "label": [0]}
    pq.write_table(pa.table(table), tmp_path / "hub" / "train.parquet")
    hub = suggestions(str(tmp_path / "hub"))
    assert hub["dataset"]["name"] == "parquet"
    assert hub["model"]["depth"] == 3


def test_what_is_no_folder_of_images_is_said(tmp_path):
    with pytest.raises(UserError, match="config key data is 'nowhere', which is no folder"):
        suggestions("nowhere")
    with pytest.raises(UserError, match="needs a folder of images for each class"):
        suggestions(str(tmp_path))


def test_images_that_cannot_be_decoded_are_left_to_the_data_report(tmp_path):
    folder = class_folders(tmp_path / "images", 3, (24, 40))
    (folder / "cats" / "x.png").write_bytes(b"no image")
    assert suggestions(str(folder))["dataset"]["image_size"] == 24


def test_a_users_setting_wins_over_what_the_images_suggest(tmp_path):
    folder = str(class_folders(tmp_path / "images", 3, (8, 8)))
    config = {"study": "own", "data": folder, "arms": {"a": None}}
    arm = load_study(config).arms["all", "a"]
    assert (arm.dataset.image_size, arm.training.epochs) == (8, 100)
    chosen = {**config, "dataset": {"image_size": 16}, "training": {"epochs": 3}}
    arm = load_study(chosen).arms["all", "a"]
    assert (arm.dataset.image_size, arm.training.epochs) == (16, 3)
    assert arm.dataset.path == folder


def own_folder(folder, **config):
    return load_study({"data": str(folder), "arms": {"a": None}, **config}).folder


def test_a_study_is_named_after_its_folder_whatever_path_leads_there(tmp_path, monkeypatch):
    here = tmp_path / "here"
    for folder in (here / "photos", here / "A" / "train", here / "B" / "train", tmp_path / "away"):
        class_folders(folder, 3, (8, 8))
    monkeypatch.chdir(here)
    (here / "link").symlink_to("photos")
    (tmp_path / "linked").symlink_to(here)
    ways = ["photos", "photos/", "./photos", "A/../photos", "../here/photos", "link", "link/"]
    ways += [here / "photos", tmp_path / "linked" / "photos", tmp_path / "linked" / "link"]
    for path in ways:
        assert own_folder(path) == "own.photos", path
    names = {own_folder(path) for path in ("A/train", "B/train", "../away", "photos")}
    assert len(names) == 4
    # Data that is reached by a link is the data that the link leads to.
    (here / "link").unlink()
    (here / "link").symlink_to("A/train")
    assert own_folder("link") == own_folder("A/train")


def test_a_study_of_own_data_may_be_named_and_have_a_budget(tmp_path, monkeypatch):
    class_folders(tmp_path / "photos", 3, (8, 8))
    monkeypatch.chdir(tmp_path)
    assert own_folder("photos", study="mine") == "mine"
    assert own_folder("photos", budget="smoke") == "own.photos+smoke"
    assert load_study({"data": "photos", "arms": {"a": None}}).title == "own.photos"
    for name in "12":
        (tmp_path / f"{name}.yaml").write_text("{data: photos, arms: {a: null}}")
    with pytest.raises(UserError, match="give each file another config key study"):
        load_studies({"studies": ["1.yaml", "2.yaml"]})


def test_data_and_a_path_beside_it_are_two_folders_for_one_study(tmp_path):
    class_folders(tmp_path / "photos", 3, (8, 8))
    with pytest.raises(UserError, match=r"config key dataset.path is 'x' beside data, which"):
        own_folder(tmp_path / "photos", dataset={"path": "x"})


def test_a_study_without_data_needs_a_name():
    with pytest.raises(UserError, match="config key study is missing"):
        load_study({"arms": {"a": None}})
    with pytest.raises(UserError, match="config key arms is missing"):
        load_study({"data": "photos"})


def test_suggestions_follow_what_the_user_has_set(tmp_path):
    folder = str(class_folders(tmp_path / "images", 40, (300, 200)))
    usual, small, big = (
        suggestions(folder, {"dataset": {"image_size": size}} if size else {})
        for size in (None, 8, 128)
    )
    assert (usual["dataset"]["image_size"], usual["model"]["depth"]) == (64, 4)
    assert "image_size" not in small["dataset"]
    assert (small["model"]["depth"], big["model"]["depth"]) == (1, 5)
    config = {"study": "own", "data": folder, "arms": {"a": None}}
    arm = load_study({**config, "dataset": {"image_size": 8}}).arms["all", "a"]
    assert (arm.dataset.image_size, arm.model.depth) == (8, 1)
    many = str(class_folders(tmp_path / "many", 400, (8, 8)))
    usual, fewer = (
        suggestions(many, {"training": training})["training"]
        for training in ({}, {"batch_size": 8})
    )
    assert fewer["batch_size"] == 8
    assert fewer["epochs"] < usual["epochs"]


def test_a_message_that_advises_to_ignore_a_folder_is_right(tmp_path):
    folder = class_folders(tmp_path / "images", 12, (8, 8))
    class_folders(folder / "test", 2, (8, 8))
    with pytest.raises(UserError, match=r"or say dataset.ignore: \[test\]"):
        suggestions(str(folder))
    config = {"study": "own", "data": str(folder), "arms": {"a": None}}
    study = load_study({**config, "dataset": {"ignore": ["test"]}})
    assert study.arms["all", "a"].dataset.ignore == ("test",)
    with pytest.raises(UserError, match=r"dataset\.ignore"):
        load_study({**config, "dataset": {"ignore": "test"}})


def test_class_folders_beside_parquet_files_are_refused(tmp_path):
    folder = class_folders(tmp_path / "images", 2, (8, 8))
    encoded = io.BytesIO()
    picture(8, 8).save(encoded, "PNG")
    table = {"image": [{"bytes": encoded.getvalue()}], "label": [0]}
    pq.write_table(pa.table(table), folder / "train.parquet")
    with pytest.raises(UserError, match="has class folders and parquet files"):
        suggestions(str(folder))
    assert (
        suggestions(str(folder), {"dataset": {"name": "parquet"}})["dataset"]["name"] == "parquet"
    )


def test_what_kind_of_data_a_folder_holds_is_found(tmp_path):
    folder = tmp_path / "table"
    (folder / "images").mkdir(parents=True)
    rows = ["filename,label"]
    for i in range(6):
        picture(40, 24).save(folder / "images" / f"{i}.png")
        rows.append(f"{i}.png,{'cat' if i % 2 else 'dog'}")
    (folder / "labels.csv").write_text("\n".join(rows))
    found = suggestions(str(folder))
    assert found["dataset"] == {"name": "csv", "path": str(folder), "image_size": 24}
    config = {"study": "own", "data": str(folder), "arms": {"a": None}}
    assert load_study(config).arms["all", "a"].dataset.listing().classes == ("cat", "dog")


def test_class_folders_and_a_table_that_disagrees_are_refused(tmp_path):
    folder = class_folders(tmp_path / "images", 2, (8, 8))
    table = folder / "labels.csv"
    table.write_text("filename,label\ncats/0.png,cats\ncats/1.png,cats\ndogs/0.png,dogs\n")
    assert suggestions(str(folder))["dataset"]["name"] == "imagefolder"
    table.write_text("filename,label\ncats/0.png,tabby\ndogs/0.png,poodle\n")
    with pytest.raises(UserError, match=r"says 'tabby' of cats/0\.png, which lies in"):
        suggestions(str(folder))
    for name in ("csv", "imagefolder"):
        chosen = suggestions(str(folder), {"dataset": {"name": name}})
        assert chosen["dataset"]["name"] == name


def test_an_archive_is_to_be_unpacked(tmp_path):
    (tmp_path / "photos.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"photos.zip', which is an archive .*unpack it"):
        suggestions(str(tmp_path / "photos.zip"))


def test_a_tilde_is_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    class_folders(tmp_path / "photos", 2, (8, 8))
    assert suggestions("~/photos")["dataset"]["path"] == str(tmp_path / "photos")
    config = {"study": "own", "dataset": {"name": "imagefolder", "path": "~/photos"}}
    arm = load_study({**config, "arms": {"a": None}}).arms["all", "a"]
    assert arm.dataset.path == str(tmp_path / "photos")


def test_one_word_starts_every_network_from_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    cached = torchvision_weights("resnet18", "torchvision").path
    cached.parent.mkdir(parents=True)
    cached.touch()
    photos = str(class_folders(tmp_path / "photos", 20, (40, 40)))
    arms = {"a": {}, "b": {"distillation": {"teacher": "a", "select": "best"}}}
    config = {"data": photos, "weights": "torchvision", "arms": arms}
    models = {arm.model for arm in load_study(config).arms.values()}
    assert [(m.name, m.weights) for m in models] == [("resnet18", "torchvision")]
    assert suggestions(photos, {"model": {"weights": "torchvision"}})["model"]["name"] == "resnet18"
    for_file = suggestions(photos, {"weights": "w.pth"})["model"]
    assert (for_file["name"], for_file["weights"]) == ("vgg-like", "w.pth")
    named = {**config, "model": {"name": "vgg-like", "depth": 3, "width": 4}}
    with pytest.raises(UserError, match=r"model.weights is 'torchvision', which has none of 'vgg"):
        load_study(named)
    with pytest.raises(UserError, match="weights is 'torchvision' without data"):
        load_study({"study": "s", "weights": "torchvision", "arms": {"a": {}}})
