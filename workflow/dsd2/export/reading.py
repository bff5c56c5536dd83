"""How a photo becomes a network's input, as data that lies beside an exported network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dsd2 import preprocessing
from dsd2.data.dataset import Dataset
from dsd2.data.source import reading_of
from dsd2.export.onnx import LOGITS
from dsd2.load_network import IMAGES

FORMAT = 1

READER = Path(preprocessing.__file__)
"""The module that a copy of lies beside every exported network."""


def described_reading(data: Dataset) -> dict[str, Any]:
    """What ``preprocessing.json`` holds.

    Its ``mode``, ``size`` and ``fit`` are what :func:`dsd2.preprocessing.read_image` takes; its
    ``steps`` spell the same out for other programs. ``known`` says whether the dataset's artefact
    holds how its images were read. Else it is guessed from their shape, and ``resized`` is null.
    ``resized`` is false where the training images were not resized, since all had this size.
    """
    channels, height, width = data.image
    reading = data.reading or reading_of(data.train.images)
    fit = "square" if reading["fit"] == "none" else reading["fit"]
    mode = reading["mode"]
    return {
        "format": FORMAT,
        "mode": mode,
        "size": reading["size"],
        "fit": fit,
        "known": data.reading is not None,
        "resized": None if data.reading is None else reading["fit"] != "none",
        "classes": list(data.classes),
        "channels": ["grey"] if mode == "L" else ["red", "green", "blue"],
        "steps": [
            {"do": "decode", "image": "the first of the file"},
            {"do": "turn", "by": "EXIF orientation"},
            {"do": "reduce 16 bits to 8", "formula": "(2 * value + 257) // 514"},
            {"do": "lay over", "background": list(preprocessing.BACKGROUND)},
            {"do": "convert", "to": mode, "by": "Pillow"},
            *_fitting(fit, height, width),
        ],
        "input": {
            "name": IMAGES,
            "dtype": "uint8",
            "layout": "NCHW",
            "shape": ["N", channels, height, width],
            "range": [0, 255],
        },
        "normalised": {
            "by": "the network itself: (value - mean) / std",
            "mean": data.mean.flatten().tolist(),
            "std": data.std.flatten().tolist(),
        },
        "output": {"name": LOGITS, "shape": ["N", len(data.classes)], "probabilities": "softmax"},
        "reader": {
            "file": READER.name,
            "sha256": hashlib.sha256(READER.read_bytes()).hexdigest(),
        },
    }


def _fitting(fit: str, height: int, width: int) -> list[dict[str, Any]]:
    """The steps of :func:`dsd2.preprocessing.fitted`."""
    size, resize = [height, width], {"do": "resize", "by": "Pillow", "antialiased": True}
    if fit == "imagenet":
        short = round(height * preprocessing.CENTRE)
        return [
            {**resize, "shorter side": short, "longer side": "rounded down", "filter": "bilinear"},
            {"do": "crop", "size": size, "where": "middle, half pixels rounded to even"},
        ]
    return [
        {"do": "crop", "shape of": size, "where": "largest in the middle, in parts of pixels"},
        {**resize, "size": size, "filter": "bicubic"},
    ]


def compact_json(described: dict[str, Any]) -> str:
    """A description on one line, for the metadata of a file; equal ones give equal text."""
    return json.dumps(described, sort_keys=True, separators=(",", ":"))


def indented_json(described: dict[str, Any]) -> str:
    """A description for people to read, in its own order."""
    return json.dumps(described, indent=1) + "\n"
