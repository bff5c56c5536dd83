"""The own-data command: from a folder of images to a small network with its report."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dsd2.files.checkpoint import load_checkpoint

CLASSES = ("bright", "dark")
SMALL = (
    "training={epochs: 2, batch_size: 8, augmentation: flip-shift}",
    "pruning={fraction: 0.6, wall: 0.7}",
)


def write_images(folder):
    draws = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            pixels = draws.integers(0, 100, (20, 24, 3)) + 100 * label
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{i}.png")


def test_a_folder_of_images_ends_in_a_small_network_with_its_report(fresh):
    write_images(fresh.folder / "images")
    settings = ("--config", "data=images", *SMALL)
    text = fresh.snakemake(*settings)
    model = "results/studies/own/model.safetensors"
    assert model in text
    network = load_checkpoint(Path(fresh.folder, model)).network(torch.device("cpu"))
    # 20×24 pixels: the shorter side, in steps of 8, is the image size.
    assert network(torch.zeros(1, 3, 16, 16)).shape == (1, 2)
    report = Path(fresh.folder, "results/studies/own/report.md").read_text()
    for part in ("| test accuracy |", "| sparsity |", "TMAC", "model.safetensors"):
        assert part in report
    assert fresh.planned(*settings) == {}


def test_data_that_is_not_there_is_one_sentence(fresh):
    text = fresh.snakemake("--config", "data=nowhere", status=1)
    assert "config key data is 'nowhere', which is no folder" in text
