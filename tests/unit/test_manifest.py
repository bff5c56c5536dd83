"""A user's data is known by what is in its files, whatever path leads there."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pictures import png, random_images

from dsd2.config.study import load_study
from dsd2.data import manifest
from dsd2.data.dataset import load_dataset
from dsd2.data.manifest import dataset_manifest, labels_manifest, located
from dsd2.environment import USER_PATHS
from dsd2.errors import UserError
from dsd2.paths import dataset_name, labels_name
from dsd2.planning.chains import Plan
from dsd2.recipe import DatasetRecipe, NoiseRecipe, from_json, to_json
from dsd2.stages.prepare import run_dataset

FOLDER = DatasetRecipe.of(
    "imagefolder", train=None, test=None, validation=0.2, split_seed=0, image_size=8
)


@pytest.fixture(autouse=True)
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("images")
    for i, pixels in enumerate(random_images(6, (9, 8, 3))):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (folder / "ab"[i % 2] / f"{i}.png").write_bytes(png(pixels))
    return folder


def made(path="images"):
    return dataset_manifest(replace(FOLDER, path=str(path)))


def reads(monkeypatch):
    """The files that are read from now on."""
    found, content = [], manifest._content
    monkeypatch.setattr(manifest, "_content", lambda path: found.append(path) or content(path))
    return found


def test_it_is_the_same_by_any_path_and_after_any_copy(images, tmp_path):
    first = made()
    Path("link").symlink_to("images")
    shutil.copytree(images, tmp_path / "elsewhere" / "copy", copy_function=shutil.copyfile)
    for path in ("./images/", images.absolute(), "link", "elsewhere/copy"):
        assert made(path) == first, path
    for file in images.rglob("*.png"):
        os.utime(file)
    assert made() == first, "times alone are no change"


def change_bytes(images):
    """In place, with the size and the time of before."""
    file = min(images.rglob("*.png"))
    before, content = file.stat(), bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def add_below(images):
    (images / "a" / "sub").mkdir()
    shutil.copy(next(images.rglob("*.png")), images / "a" / "sub" / "new.png")


def rename(images):
    file = min(images.rglob("*.png"))
    file.rename(file.with_name("renamed.png"))


def move_to_another_class(images):
    file = min((images / "a").iterdir())
    file.rename(images / "b" / f"a{file.name}")


def swap(images):
    one, other = sorted((images / "a").iterdir())[:2]
    one.rename("kept.png")
    other.rename(one)
    Path("kept.png").rename(other)


@pytest.mark.parametrize(
    "change", [change_bytes, add_below, rename, move_to_another_class, swap, shutil.rmtree]
)
@pytest.mark.parametrize("settled", [0, manifest.SETTLED])
def test_every_change_is_seen_and_what_is_gone_is_remembered(images, monkeypatch, change, settled):
    monkeypatch.setattr(manifest, "SETTLED", settled)
    first = made()
    change(images)
    assert (made() == first) is (change is shutil.rmtree)


def test_what_was_read_is_not_read_again_unless_it_changed(images, monkeypatch):
    monkeypatch.setattr(manifest, "SETTLED", 0)
    first, found = made(), reads(monkeypatch)
    assert made() == first
    assert found == []
    change_bytes(images)
    made()
    assert len(found) == 1
    (record,) = Path("results/manifests").iterdir()
    whole = record.read_bytes()
    for damaged in (b"", b"{}", whole[:-9], whole.replace(b"png", b"pnk"), b"[" * 9999):
        record.write_bytes(damaged)
        assert made() == made("./images")


def test_a_file_that_has_just_changed_is_read_again(monkeypatch):
    made()
    found = reads(monkeypatch)
    made()
    assert len(found) == 6, "another change would have the same time"


def test_results_that_cannot_be_written_to_do_no_harm():
    first = made()
    shutil.rmtree("results")
    Path("results").touch()
    assert made() == first


def test_what_is_no_file_is_named(images):
    os.mkfifo(images / "a" / "pipe.png")
    with pytest.raises(UserError, match=r"pipe\.png: is a named pipe, where a file belongs"):
        made()


def config(**noise):
    return {
        "study": "own",
        "dataset": {"name": "imagefolder", "path": "images", "image_size": 8, "validation": 1},
        "model": {"name": "vgg-like", "depth": 1, "width": 1},
        "noise": noise or {"kind": "none"},
        "arms": {"a": None},
    }


def recipes(**noise):
    (arm,) = load_study(config(**noise)).arms.values()
    return arm.dataset, arm.noise


def test_names_follow_what_is_in_the_files(images):
    dataset, _ = recipes()
    images.rename("moved")
    again = load_study({**config(), "dataset": {**config()["dataset"], "path": "moved"}})
    (arm,) = again.arms.values()
    assert to_json(arm.dataset) == to_json(dataset)
    assert dataset_name(arm.dataset) == dataset_name(dataset)
    change_bytes(Path("moved"))
    Path("moved").rename("images")
    assert dataset_name(recipes()[0]) != dataset_name(dataset)


def test_a_changed_file_of_labels_has_another_name(monkeypatch):
    noise = {"kind": "human", "file": "labels.parquet", "column": "x"}
    names = set()
    for labels in ([0, 1], [1, 0]):
        pq.write_table(pa.table({"x": labels}), "labels.parquet")
        names.add(labels_name(*recipes(**noise)))
    assert len(names) == 2
    monkeypatch.setattr(manifest, "SETTLED", 0)
    last = labels_name(*recipes(**noise))
    Path("labels.parquet").unlink()
    assert labels_name(*recipes(**noise)) == last
    assert labels_manifest("never.parquet", []).startswith("absent-")


def test_paths_go_by_the_environment_and_not_by_the_recipe(images, monkeypatch):
    dataset, _ = recipes()
    plan = Plan(load_study(config()))
    assert plan.places == {dataset.manifest: "images"}
    text = to_json(dataset)
    assert '"images"' not in text
    read = from_json(DatasetRecipe, text)
    assert to_json(read) == text
    assert located(read).path is None
    monkeypatch.setenv(USER_PATHS, json.dumps({dataset.manifest: "images"}))
    assert located(read).path == "images"
    run_dataset(located(read), [], False, Path("dataset"))
    assert len(load_dataset(Path("dataset"), dataset_name(dataset)).train.labels) == 4


def test_images_that_change_after_the_start_are_named(images):
    dataset, _ = recipes()
    swap(images)
    with pytest.raises(UserError, match="images: its files have changed since"):
        run_dataset(dataset, [], False, Path("dataset"))
    assert not Path("dataset").exists()


def test_streamed_images_are_found_where_they_lie_now(images, monkeypatch):
    dataset = replace(recipes()[0], stream=True)
    run_dataset(dataset, [], False, Path("dataset"))
    images.rename("moved")
    monkeypatch.setenv(USER_PATHS, json.dumps({dataset.manifest: "moved"}))
    held = load_dataset(Path("dataset"), dataset_name(dataset))
    assert held.train.images.decode_all().shape[1:] == held.image


def test_a_noise_without_a_file_of_the_users_is_named_as_ever():
    noise = NoiseRecipe.of("symmetric", rate=0.3, seed=0, validation="clean")
    assert to_json(noise) == '{"kind":"symmetric","rate":0.3,"seed":0,"validation":"clean"}'


def test_a_folder_may_have_any_name(tmp_path):
    odd = tmp_path / "a {b} <c> 'd' $e"
    shutil.copytree("images", odd)
    assert made(odd) == made()


def test_a_file_of_a_release_is_named_as_ever():
    noise = {"kind": "human", "file": "cifar10/labels_human.parquet", "column": "worse_label"}
    released = {**config(**noise), "dataset": {"name": "cifar10"}}
    (arm,) = load_study(released).arms.values()
    assert '"file":"cifar10/labels_human.parquet"' in to_json(arm.noise)
    assert "manifest" not in to_json(arm.noise)
