"""The own-data command: from a folder of images to a small network with its report."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dsd2.export.encoding import load_compact

CLASSES = ("bright", "dark")
SMALL = (
    "training={epochs: 2, batch_size: 8, augmentation: flip-shift}",
    "pruning={fraction: 0.6, target_sparsity: 0.7}",
)


def write_images(folder):
    draws = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = draws.integers(0, 100, (20, 24, 3)) + 100 * label
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")


def test_a_folder_of_images_ends_in_a_compressed_network_with_its_card(fresh):
    write_images(fresh.folder / "images")
    settings = ("--config", "data=images", *SMALL)
    text = fresh.snakemake(*settings)
    folder = Path("results/studies/own.images/export/student-smallest")
    assert str(folder / "network.safetensors") in text
    network = load_compact(fresh.folder / folder / "network.safetensors")
    assert network.classes == CLASSES
    # 20×24 pixels: the shorter side, in steps of 8, is the image size.
    assert network(torch.zeros(1, 3, 16, 16, dtype=torch.uint8)).shape == (1, 2)
    card = (fresh.folder / folder / "card.md").read_text()
    for part in (
        "| test accuracy |",
        "| sparsity |",
        "**Cost**",
        "network.onnx",
        "none was added. How many of the dataset's own labels are wrong is not known",
        "**Phase** of the curve over sparsity that it lies in: ",
    ):
        assert part in card
    assert fresh.planned(*settings) == {}
    (fresh.folder / "images").rename(fresh.folder / "moved")
    (fresh.folder / "link").symlink_to("moved")
    planned = fresh.planned("--config", "data=link", *SMALL)
    assert not {"dataset", "train"} & planned.keys(), "the same images by another path"
    image = fresh.folder / "moved" / "dark" / "0.png"
    before = image.stat()
    shutil.copyfile(image.with_name("1.png"), image)
    os.utime(image, ns=(before.st_atime_ns, before.st_mtime_ns))
    planned = fresh.planned("--config", "data=moved", *SMALL)
    assert planned["dataset"] == 1, "an image was overwritten in place"
    assert planned["train"] > 0


@pytest.mark.long
def test_two_folders_have_two_studies_and_one_folder_has_one(fresh):
    for folder in ("one", "two"):
        write_images(fresh.folder / folder)
    (fresh.folder / "link").symlink_to("one")
    places = {
        "data=one": "own.one",
        "data=two/": "own.two",
        "data=link": "own.one",
        f"data={fresh.folder}/one": "own.one",
    }
    for given, study in places.items():
        text = fresh.snakemake("--dry-run", "--config", given, *SMALL)
        assert set(re.findall(r"results/studies/([^/\s,]+)/", text)) == {study}, given
    text = fresh.snakemake("--dry-run", "--config", "data=one", "study=mine", *SMALL)
    assert set(re.findall(r"results/studies/([^/\s,]+)/", text)) == {"mine"}


def test_data_that_is_not_there_is_one_sentence(fresh):
    text = fresh.snakemake("--config", "data=nowhere", status=1)
    assert "config key data is 'nowhere', which is no folder" in text
