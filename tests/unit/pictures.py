"""Random images, sets and files of them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from dsd2.nn.images import ImageSet
from dsd2.recipe import DatasetRecipe


def png(pixels, fmt="PNG"):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, fmt)
    return data.getvalue()


def write_parquet(path, images, labels, names=None, columns=("image", "label")):
    rows = pa.array([{"bytes": data, "path": None} for data in images])
    table = pa.table({columns[0]: rows, columns[1]: pa.array(labels, pa.int64())})
    if names:
        features = {columns[1]: {"names": names, "_type": "ClassLabel"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, path)


def read_imagefolder(folder, size):
    """The images of a folder as its dataset reads them."""
    recipe = DatasetRecipe.of(
        "imagefolder",
        path=str(folder),
        image_size=size,
        train=None,
        test=None,
        validation="auto",
        split_seed=0,
    )
    return recipe.read([], download=False)


def random_images(count, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def image_set(count, shape, classes=10):
    """Random images of (C, H, W) with random labels; the same each time."""
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=draws)
    labels = torch.randint(0, classes, (count,), generator=draws)
    mean, std = (torch.full((shape[0], 1, 1), value) for value in (127.0, 70.0))
    return ImageSet(images, labels, mean, std)
