"""A study in which every text that a user or a folder can set is an attack on what shows it."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SERVER = "http://attacker.invalid"
RUN = "document.title='pwned'"
ATTACK = f"""</script><script>{RUN}</script><!--<script> <img src=x onerror="{RUN}">
.. image:: {SERVER}/image
.. raw:: html

   <script>{RUN}</script>

.. include:: /etc/passwd

`x <{SERVER}/link>`_ `y <javascript:{RUN}>`__ {SERVER}/bare <{SERVER}/auto> www.example.invalid
[x](javascript:{RUN}) ![x]({SERVER}/markdown) |x| {{{{7*7}}}} {{% include "x" %}} ${{7*7}}
# heading

| a | b | \\input{{/etc/passwd}} \\end{{tabular}} \t &lt; ' " ` `` % _a_ x_ ^ ~ *a* **b** a@b.test
$x$ $$x$$ \\(x\\) "'><svg onload={RUN}> \u202e turned \u2066 isolated \U0001f600"""
"""Markup of every language that a text of the user's comes into."""
CLASSES = ('<img src=x onerror=document.title="pwned">', "[x](javascript:x)\n# heading")
"""Class folders, which can hold neither slashes nor what Snakemake takes for wildcards."""


def hostile_study(folder):
    """Write the images and labels of the study; returns what replaces keys of the tiny one."""
    # A name has no slash, few bytes, and nothing that Snakemake would take for a variable.
    name = ATTACK.replace("script>", "script >").replace("/", "")[:120].strip()
    _write_folder(folder / "images" / name)
    (folder / "parquet" / name).mkdir(parents=True)
    for part, count in (("train", 24), ("test", 12)):
        file = folder / "parquet" / name / f"{part}{name}.parquet"
        _write_parquet(file, count, (f"image {ATTACK}", f"label {ATTACK}"), (ATTACK, "=A1"))
    (folder / "root" / name).mkdir(parents=True)
    pq.write_table(pa.table({ATTACK: [0, 1] * 15}), folder / "root" / name / f"{name}.parquet")
    own = {"name": "imagefolder", "path": f"images/{name}", "image_size": 8, "validation": 6}
    human = {"kind": "human", "file": f"{name}.parquet", "column": ATTACK}
    parquet = {
        "name": "parquet",
        "path": f"parquet/{name}",
        "image_column": f"image {ATTACK}",
        "label_column": f"label {ATTACK}",
        "validation": 6,
    }
    doubled = ATTACK.replace("{", "{{").replace("}", "}}")
    return {
        "study": "hostile_",
        "title": f"Title {ATTACK}",
        "data_roots": [f"root/{name}"],
        "dataset": {},
        "noise": {},
        "training": {"epochs": 1, "batch_size": 8},
        "pruning": {"fraction": 0.6, "target_sparsity": 0.7},
        "panels": {
            "folder": {"label": f"Panel {ATTACK}", "dataset": own, "noise": human},
            "parquet": {"label": ATTACK, "dataset": parquet, "noise": {"kind": "none"}},
        },
        "arms": {
            "vanilla": {"label": ATTACK},
            # Of the same trainings: what is attacked is its label.
            "several": {
                "label": f"{doubled} epochs = {{training.epochs}}",
                "grid": {"training.epochs": [1]},
            },
        },
        "tables": ["stopping", "phases", "classes", "models", "grid", "levels"],
        "export": {
            "always": True,
            "arms": ["vanilla"],
            "choices": ["best"],
            "licence": ATTACK,
            "seconds": 0.01,
        },
    }


def _write_folder(folder):
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for i, pixels in enumerate(_pictures(15)):
            (folder / name / f"{i} {name[:20]}.png").write_bytes(pixels)


def _write_parquet(path, count, columns, names):
    images = pa.array([{"bytes": data, "path": None} for data in _pictures(count)])
    table = pa.table({columns[0]: images, columns[1]: pa.array([0, 1] * (count // 2))})
    features = {columns[1]: {"names": names, "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(table.replace_schema_metadata(metadata), path)


def _pictures(count):
    draws = np.random.default_rng(count)
    for _ in range(count):
        data = io.BytesIO()
        Image.fromarray(draws.integers(0, 256, (8, 8), np.uint8)).save(data, "PNG")
        yield data.getvalue()
