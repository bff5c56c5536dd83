"""Write real images as a folder for each class, to try the workflow on: see README.md.

python docs/example_folder.py FOLDER [CIFAR10]

With CIFAR10, a folder that holds CIFAR-10's train.parquet and CIFAR-10N's labels_human.parquet: its
first 2,000 images, under the labels that people gave them, two in five of which are wrong. Without
it: scikit-learn's digits, three in ten under another digit's name.
"""

import io
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

IMAGES = 2000


def people(folder: Path) -> Iterator[tuple[Image.Image, str]]:
    """CIFAR-10's images with the class that a person named."""
    table = pq.read_table(folder / "train.parquet").slice(0, IMAGES)
    labels = pq.read_table(folder / "labels_human.parquet").slice(0, IMAGES)
    for image, label in zip(table["image"], labels["worse_label"], strict=True):
        yield Image.open(io.BytesIO(image.as_py()["bytes"])), f"class-{label.as_py()}"


def digits() -> Iterator[tuple[Image.Image, str]]:
    """scikit-learn's digits, 30 % of them under another name."""
    from sklearn.datasets import load_digits

    draws, data = random.Random(0), load_digits()
    for image, label in zip(data.images, data.target, strict=True):
        given = (label + draws.randint(1, 9)) % 10 if draws.random() < 0.3 else label
        yield Image.fromarray((image * (255 / 16)).astype(np.uint8)), f"digit-{given}"


def main(target: Path, cifar10: Path | None) -> None:
    """Write the folder."""
    for number, (image, name) in enumerate(people(cifar10) if cifar10 else digits()):
        (target / name).mkdir(parents=True, exist_ok=True)
        image.save(target / name / f"{number:05d}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
