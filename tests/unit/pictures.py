"""Random images, and files of them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


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


def random_images(count, shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
